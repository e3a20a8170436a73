"""Lines on stderr that say what is being done, each with the time since the start."""

from __future__ import annotations

import sys
import time

_BEGAN = time.monotonic()


def say(text: str) -> None:
    """Print a line of progress."""
    minutes, seconds = divmod(int(elapsed()), 60)
    print(f"[{minutes:02}:{seconds:02}] {text}", file=sys.stderr, flush=True)


def elapsed() -> float:
    """Seconds since the start."""
    return time.monotonic() - _BEGAN
