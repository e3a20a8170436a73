"""A program on a terminal of a given size, and what its screen shows."""

import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

import pyte

_SECONDS = 60


class Screen:
    """A terminal in memory."""

    def __init__(self, *arguments: str, columns: int = 80, lines: int = 24, **environ: str) -> None:
        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        kept = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
        self.popen = subprocess.Popen(
            [sys.executable, "-m", "opsloop", *arguments],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env={**kept, "USER": "ann", "TERM": "xterm-256color", **environ},
            start_new_session=True,
        )
        os.close(theirs)
        self.screen = pyte.Screen(columns, lines)
        self._stream = pyte.ByteStream(self.screen)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, where: TracebackType | None
    ) -> None:
        self.popen.kill()
        self.popen.wait()
        os.close(self._ours)

    @property
    def shown(self) -> str:
        """The screen as it is now."""
        return "\n".join(line.rstrip() for line in self.screen.display)

    def until(self, text: str | Callable[[str], bool]) -> str:
        """The screen, as soon as it shows this."""
        shows = text if callable(text) else lambda shown: text in shown
        ends = time.monotonic() + _SECONDS
        while not shows(self.shown):
            more = time.monotonic() < ends and self._more()
            assert more, f"{text!r} is not in\n{self.shown}"
        return self.shown

    def type(self, text: str) -> None:
        """Press keys."""
        os.write(self._ours, text.encode())

    def end(self) -> int:
        """What is still to come, and its exit code."""
        while self._more():
            pass
        return self.popen.wait(timeout=_SECONDS)

    def _more(self) -> bool:
        if not select.select([self._ours], [], [], _SECONDS)[0]:
            return False
        try:
            chunk = os.read(self._ours, 65536)
        except OSError:  # Linux says so when the other side is closed
            return False
        self._stream.feed(chunk)
        return bool(chunk)
