"""When a program ends by itself."""

from __future__ import annotations

import enum


class Mode(enum.Enum):
    """When a worker or a relay ends by itself."""

    FOREVER = "forever"
    """Never: it waits for more."""
    ONCE = "once"
    """The worker: having run the heartbeat at the start, when nothing is left in the queue for it. The relay: after one
    claim, and what it brought."""
    DRAIN = "drain"
    """When nothing is left to claim; for the worker, when a heartbeat finds nothing to do either. Later retries are not
    waited for."""
