"""Runs a worker or a relay as the process that it is: signals, garbage collection, exit codes."""

from __future__ import annotations

import asyncio
import ctypes
import gc
import signal
import sys
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

#: Ended by a second signal, as a shell says of what Ctrl-C ended.
INTERRUPTED = 130
#: Ended in order, but the end of some piece of work could not be told to the database.
DROPPED = 5
#: Ended in order, but the database refused claims, or a phase of the heartbeat failed.
REFUSED = 1
_PR_SET_DUMPABLE = 4  # linux/prctl.h


def run(life: Coroutine[Any, Any, int]) -> int:
    """Run a program to its end; returns its exit code."""
    _close_to_children()
    # The objects of a batch live as long as the batch: looking for cycles among them a few times each is waste.
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    return asyncio.run(life)


def _close_to_children() -> None:
    """Keep programs that this process starts from its environment and its memory, where passwords are.

    They run as the same user, and could read /proc/<pid>/environ or attach a debugger. On Linux this process then dumps
    no core either. A program of root's reads it all the same.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def exit_code(outcomes: Mapping[str, int], *, hurried: bool, refused: bool) -> int:
    """The exit code of a program that ended by itself or was told to, from how what it did ended."""
    if outcomes.get("dropped"):
        return DROPPED
    return INTERRUPTED if hurried else REFUSED if refused else 0


def stop_on_signals(stop: Callable[[], None]) -> None:
    """Call `stop` on SIGTERM and on SIGINT. To be called on the event loop."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
