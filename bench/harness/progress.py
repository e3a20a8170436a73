"""Lines on stderr that say what is being done, each with the time since the start."""

from __future__ import annotations

import sys
import time

_began = time.monotonic()
_name = ""


def carry_on(began: float, name: str) -> None:
    """Print for another process of this machine, by its start; `name` says in each line whose it is."""
    global _began, _name
    _began, _name = began, f"{name}: "


def began() -> float:
    """When this run started, by the machine's monotonic clock."""
    return _began


def say(text: str) -> None:
    """Print a line of progress."""
    minutes, seconds = divmod(int(elapsed()), 60)
    print(f"[{minutes:02}:{seconds:02}] {_name}{text}", file=sys.stderr, flush=True)


def elapsed() -> float:
    """Seconds since the start."""
    return time.monotonic() - _began
