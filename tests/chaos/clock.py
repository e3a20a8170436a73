"""Clocks that can be stepped: libfaketime, in the processes that are started with it.

Only what CLOCK_REALTIME shows is moved; CLOCK_MONOTONIC goes on as it does when somebody sets the time of a machine.
"""

import time
from itertools import pairwise
from pathlib import Path


def library() -> Path | None:
    """libfaketime, if it is installed (Debian's package is libfaketime)."""
    return next(iter(sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))), None)


class Clock:
    """The clock of some processes: how far it is from the real one, and what it was before."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._library = library()
        self.offset = 0.0
        self.history: list[tuple[float, float]] = [(time.monotonic(), 0.0)]
        """From which moment (monotonic) on it had which offset."""
        self._write()

    def env(self) -> dict[str, str]:
        """The environment of a process that goes by it."""
        if self._library is None:
            return {}
        return {
            "LD_PRELOAD": str(self._library),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "DONT_FAKE_MONOTONIC": "1",
        }

    def step(self, seconds: float) -> None:
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
        new = self._file.with_suffix(".new")
        new.write_text(f"{self.offset:+.0f}\n")
        new.chmod(0o644)
        new.replace(self._file)
