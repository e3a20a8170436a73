"""The options of a relay on its command line."""

from __future__ import annotations

from dataclasses import dataclass

from opsloop.process.mode import Mode


@dataclass(frozen=True, slots=True)
class RelayOptions:
    """Options of one relay process; every time is in seconds."""

    mode: Mode = Mode.FOREVER
    batch: int = 400
    """Most messages claimed at once; up to twice as many are on their way."""
    per_aggregate: int = 50
    """Most messages of one aggregate claimed at once."""
    concurrency: int = 64
    """Most deliveries at a time."""
    grace: float = 10.0
    """How long deliveries get to finish once the relay is asked to stop."""
    poll: float = 0.5
    """Longest pause between two looks at the outbox."""
    lease: int | None = None
    """Length of a claim; None leaves it to policy."""
