"""Being asked to stop: the first time to finish what runs, the second time to end at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Stopping:
    """The requests to a program so far; `asked` and `hurried` can be waited for."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self.asked = asyncio.Event()
        self.hurried = asyncio.Event()

    def ask(self) -> None:
        """Ask once more, and wake whoever waits for work."""
        if self.asked.is_set():
            self.hurried.set()
        self.asked.set()
        self._wake()
