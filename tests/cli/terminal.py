"""A command line on a terminal, as a person sits before it."""

import os
import pty
import select
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

_SECONDS = 60


def _hear_ctrl_c() -> None:
    """Also where the tests run in the background of a shell, which lets its jobs ignore it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Terminal:
    """A program on a terminal of its own: read what it shows, type what it asks for."""

    def __init__(self, *arguments: str, cwd: Path | None = None, **environ: str) -> None:
        self._ours, theirs = pty.openpty()
        self.popen = subprocess.Popen(
            list(arguments),
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            cwd=cwd,
            env={**os.environ, "USER": "ann", "COLUMNS": "120", "TERM": "dumb", **environ},
            start_new_session=True,
            preexec_fn=_hear_ctrl_c,
        )
        os.close(theirs)
        self.cwd = cwd or Path.cwd()
        self.shown = ""
        self._read = 0

    @classmethod
    def opsloop(cls, *arguments: str, **environ: str) -> Self:
        """One of our own commands."""
        return cls(sys.executable, "-m", "opsloop", *arguments, **environ)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, where: TracebackType | None
    ) -> None:
        self.popen.kill()
        self.popen.wait()
        os.close(self._ours)

    def until(self, text: str) -> str:
        """What it shows from the last time on, up to this text."""
        ends = time.monotonic() + _SECONDS
        while text not in self.shown[self._read :]:
            more = time.monotonic() < ends and self._more()
            assert more, f"{text!r} is not in\n{self.shown[self._read :]}"
        begin, self._read = self._read, self.shown.index(text, self._read) + len(text)
        return self.shown[begin : self._read]

    def type(self, text: str) -> None:
        """Type a line."""
        os.write(self._ours, text.encode() + b"\n")

    def interrupt(self) -> int:
        """Ctrl-C, and its exit code.

        Once more for a program that goes on, as a person would: Python hears one that comes between the question it
        wrote and the answer it begins to read only with the next.
        """
        while self.popen.poll() is None:
            self.popen.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                self.popen.wait(timeout=2)
        return self.end()

    def end(self) -> int:
        """Read what it still shows, and its exit code."""
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
        self.shown += chunk.decode().replace("\r\n", "\n")
        return bool(chunk)
