"""How many more steps a worker may take, in all and by executor."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping


class Capacity:
    """Counts what runs against the limits.

    `limits` has an entry for every executor that is offered; None means no limit of its own. They may be replaced
    at any time; what runs already goes on.
    """

    def __init__(self, total: int, limits: Mapping[str, int | None]) -> None:
        self._total = total
        self.limits = dict(limits)
        self._running: Counter[str] = Counter()
        self._in_all = 0

    @property
    def has_room(self) -> bool:
        """True when another step may start at all."""
        return self._in_all < self._total

    def take(self, executor: str) -> None:
        """A step of that executor starts."""
        self._running[executor] += 1
        self._in_all += 1

    def give_back(self, executor: str) -> None:
        """A step of that executor has ended."""
        self._running[executor] -= 1
        self._in_all -= 1

    def withdraw(self, executor: str) -> None:
        """Claim no more steps of that executor, until the limits are replaced."""
        self.limits.pop(executor, None)

    def free(self, executor: str) -> int:
        """How many more steps of that executor may start now."""
        limit = self.limits.get(executor)
        left = self._total - self._in_all
        return left if limit is None else max(0, min(left, limit - self._running[executor]))

    def probe(self, batch: int) -> tuple[list[str], int]:
        """What one claim may ask for all executors with room: them, and the most steps that any mixture may have."""
        room = {name: free for name in self.limits if (free := self.free(name))}
        return list(room), min([batch, *room.values()])

    def claims(self, batch: int) -> list[tuple[list[str], int]]:
        """What to claim next: lists of executors, each with the most steps that one claim for it may bring.

        A claim has one limit for all its executors. So those with room for a whole batch go together, and the
        others go together with the room of the tightest, which no mixture of steps can exceed.
        """
        room = {name: self.free(name) for name in self.limits}
        full = min(batch, self._total - self._in_all)
        if full <= 0:
            return []
        wide = [name for name, free in room.items() if free >= full]
        narrow = [name for name, free in room.items() if 0 < free < full]
        groups = []
        if wide:
            groups.append((wide, full))
        if narrow:
            groups.append((narrow, min(room[name] for name in narrow)))
        return groups
