"""The database's clock, as seen from this process.

Deadlines and leases are times on the database's clock, and the worker's host may disagree about the time. So the
worker measures the difference and compares everything with its own monotonic clock. Times come as the text that
PostgreSQL wrote: few of them are ever looked at.
"""

from __future__ import annotations

import time
from datetime import datetime


class ServerClock:
    """Translates times of the database into `time.monotonic()` of this process."""

    def __init__(self) -> None:
        self._offset = time.time() - time.monotonic()

    def learn(self, server: str, asked: float, answered: float) -> None:
        """The database said its time was `server`, somewhen between the monotonic times `asked` and `answered`."""
        self._offset = datetime.fromisoformat(server).timestamp() - (asked + answered) / 2

    def monotonic(self, server: str) -> float:
        """The monotonic time, seconds, at which the database's clock shows `server`."""
        return datetime.fromisoformat(server).timestamp() - self._offset
