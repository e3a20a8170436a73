"""Clocks that can be stepped, in the processes that are started with them.

Only what CLOCK_REALTIME shows is moved; CLOCK_MONOTONIC goes on as it does when somebody sets the time of a machine.
clock.c beside this does it. libfaketime would, too, but opens its file whenever the time is asked for: PostgreSQL asks
in signal handlers, and then it crashes.
"""

import functools
import os
import shutil
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path


@functools.cache
def library() -> Path | None:
    """What moves the clock of a process, compiled; None on a machine that has no C compiler."""
    compiler = shutil.which("cc")
    if compiler is None or not sys.platform.startswith("linux"):
        return None
    # Not in a directory of the run: the server's own user loads it, and it is there until this process ends.
    made = tempfile.TemporaryDirectory(prefix="opsloop-clock-")
    Path(made.name).chmod(0o755)
    path = Path(made.name) / "clock.so"
    source = Path(__file__).with_suffix(".c")
    subprocess.run([compiler, "-shared", "-fPIC", "-O2", "-o", str(path), str(source)], check=True)
    path.chmod(0o755)
    _kept.append(made)
    return path


_kept: list[tempfile.TemporaryDirectory[str]] = []


class Clock:
    """The clock of some processes: how far it is from the real one, and what it was before."""

    def __init__(self, file: Path) -> None:
        self._path = file
        self._file = os.open(file, os.O_RDWR | os.O_CREAT, 0o644)
        os.fchmod(self._file, 0o644)
        self.offset = 0
        self.history: list[tuple[float, float]] = [(time.monotonic(), 0.0)]
        """From which moment (monotonic) on it had which offset."""
        self._write()

    def env(self) -> dict[str, str]:
        """The environment of a process that goes by it."""
        moved = library()
        return {} if moved is None else {"LD_PRELOAD": str(moved), "OPSLOOP_CHAOS_CLOCK": str(self._path)}

    def step(self, seconds: int) -> None:
        """Set it forward, or back."""
        self.offset += seconds
        self._write()
        self.history.append((time.monotonic(), self.offset))

    @property
    def set_back(self) -> bool:
        """Whether it ever was."""
        return any(later < offset for (_, offset), (_, later) in pairwise(self.history))

    def debt(self) -> float:
        """Seconds until it shows again the latest time that it has shown."""
        ends = [moment for moment, _ in self.history[1:]]
        shown = [moment + offset for moment, (_, offset) in zip(ends, self.history, strict=False)]
        return max(0.0, max(shown, default=0.0) - (time.monotonic() + self.offset))

    def moments(self, shown: float) -> list[float]:
        """When, on the monotonic clock, it may have shown this time (seconds since 1970)."""
        real = shown - (time.time() - time.monotonic())
        ends = [moment for moment, _ in self.history[1:]] + [float("inf")]
        return [
            real - offset
            for (begins, offset), end in zip(self.history, ends, strict=True)
            if begins - 1 <= real - offset <= end + 1
        ]

    def _write(self) -> None:
        # In place: it is mapped.
        os.pwrite(self._file, self.offset.to_bytes(8, sys.byteorder, signed=True), 0)
