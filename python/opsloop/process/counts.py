"""Tells the database what a process has counted: what it could not report, connections lost, claims refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from opsloop import jsonio
from opsloop.process.link import Link


class Counts:
    """The counts of a worker or relay since its start, told when one of them has changed."""

    def __init__(self, process_id: str, links: Sequence[Link], outcomes: Mapping[str, int]) -> None:
        self._process_id = process_id
        self._links = links
        self._outcomes = outcomes
        self._told: dict[str, int] = {}

    async def tell(self) -> None:
        """Say what has changed since the last time, over the first of the links. Raises what the link raises."""
        now = {
            "dropped": self._outcomes.get("dropped", 0),
            "reconnects": sum(link.reconnects for link in self._links),
            "claims_refused": sum(sum(link.refusals.values()) for link in self._links),
        }
        news = {name: number for name, number in now.items() if number > self._told.get(name, 0)}
        if news:
            args: dict[str, Any] = {"process_id": self._process_id, "counts": jsonio.text(news)}
            await self._links[0].value("report_counts", args)
            self._told |= news
