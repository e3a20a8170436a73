"""Standard output and standard error of a process, neither of which may decide over what it does.

A reader that goes away and a disk that is full are no reason to end in the middle of a step, nor for an exit code that
denies what was done: what cannot be written is dropped and counted.
"""

from __future__ import annotations

import codecs
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

_ESCAPED = "opsloop-escaped"


class Outlet:
    """A text stream that never fails; `lost` counts what could not be written: all where there is no stream."""

    def __init__(self, stream: Any) -> None:
        self.lost = 0
        self._is_closed = stream is None
        self._stream = stream or os.fdopen(_null(), "w")
        # The second is what Python chooses in the locales C and POSIX.
        if getattr(stream, "errors", None) in ("strict", "surrogateescape") and hasattr(
            stream, "reconfigure"
        ):
            stream.reconfigure(errors=_ESCAPED)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write, or drop it."""
        self.lost += self._is_closed
        try:
            self._stream.write(text)
        except (OSError, ValueError):
            self.lost += 1
        return len(text)

    def flush(self) -> None:
        """Hand on what is buffered; when that fails, some of it is dropped."""
        try:
            self._stream.flush()
        except (OSError, ValueError):
            self.lost += 1

    def end(self) -> None:
        """Flush for the last time. Python would do it once more, and change the exit code when it fails."""
        before = self.lost
        self.flush()
        if self.lost > before:
            with suppress(OSError, ValueError):
                os.dup2(_null(), self._stream.fileno())


@contextmanager
def outlets() -> Iterator[Outlet]:
    """For the time of the block sys.stdout and sys.stderr are outlets; gives that of stdout."""
    for number in range(3):
        # Closed by the caller: the next file or connection would get the number, and be written to.
        try:
            os.fstat(number)
        except OSError:
            null = _null()
            if null != number:
                os.dup2(null, number)
                os.close(null)
    kept = sys.stdout, sys.stderr
    out, err = map(Outlet, kept)
    sys.stdout, sys.stderr = out, err
    try:
        yield out
    finally:
        sys.stdout, sys.stderr = kept
        out.end()
        err.end()


def _escaped(error: UnicodeError) -> tuple[str, int]:
    """Characters that the encoding of a stream lacks, as JSON escapes them, so that a document remains one."""
    assert isinstance(error, UnicodeEncodeError)
    units = error.object[error.start : error.end].encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2)), error.end


codecs.register_error(_ESCAPED, _escaped)


def _null() -> int:
    return os.open(os.devnull, os.O_RDWR)
