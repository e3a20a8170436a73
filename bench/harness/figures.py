"""A measurement: one figure of one entrant in one round, or the reason why there is none."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

#: The system that this tree is.
OWN_SYSTEM = "opsloop"


@dataclass(frozen=True)
class Entrant:
    """An entrant of a workload: a system, under a variant of the conditions where the workload has several."""

    system: str
    variant: str = ""

    def __str__(self) -> str:
        return f"{self.system}/{self.variant}" if self.variant else self.system


@dataclass(frozen=True)
class Figure:
    """One number that an entrant reached. `details` say how, and are kept with it."""

    metric: str
    value: float
    unit: str
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Record:
    """A line of results.jsonl. Without `value` there is an `error`, or `unsupported` says why there cannot be one."""

    workload: str
    system: str
    variant: str
    round: int
    metric: str | None = None
    value: float | None = None
    unit: str | None = None
    details: dict[str, Any] = field(default_factory=dict)
    error: str | None = None
    unsupported: str | None = None

    @property
    def entrant(self) -> Entrant:
        """Whose figure it is."""
        return Entrant(self.system, self.variant)

    def line(self) -> str:
        """As one line of JSON; absent fields are left out."""
        return json.dumps({name: value for name, value in asdict(self).items() if value not in (None, {})})


@dataclass(frozen=True)
class Summary:
    """The rounds of one entrant's metric in three numbers."""

    median: float
    low: float
    high: float
    rounds: int
    unit: str


class Results:
    """All records of a run, and what can be asked of them."""

    def __init__(self, records: Iterable[Record] = ()) -> None:
        self.records: list[Record] = list(records)

    def without(self, system: str) -> Results:
        """Those of the other systems."""
        return Results(record for record in self.records if record.system != system)

    def workloads(self) -> list[str]:
        """Names of the workloads, in the order of their first record."""
        return list(dict.fromkeys(record.workload for record in self.records))

    def entrants(self, workload: str) -> list[Entrant]:
        """The entrants of a workload, in the order of their first record."""
        return list(dict.fromkeys(r.entrant for r in self._ordered(workload)))

    def metrics(self, workload: str) -> list[str]:
        """The metrics of a workload that have a figure."""
        return list(dict.fromkeys(r.metric for r in self._ordered(workload) if r.metric is not None))

    def by_round(self, workload: str, metric: str, entrant: Entrant) -> dict[int, float]:
        """An entrant's figures by round."""
        return {
            r.round: r.value
            for r in self._of(workload)
            if r.metric == metric and r.entrant == entrant and r.value is not None
        }

    def summary(self, workload: str, metric: str, entrant: Entrant) -> Summary | None:
        """Median, lowest and highest over the rounds; None without a figure."""
        units = [r.unit for r in self._of(workload) if r.metric == metric and r.entrant == entrant]
        return summarise(
            list(self.by_round(workload, metric, entrant).values()), next(iter(units), None) or ""
        )

    def failures(self, workload: str) -> list[Record]:
        """What went wrong, and what cannot be done, once for each entrant and reason."""
        seen: dict[tuple[Entrant, str], Record] = {}
        for record in self._of(workload):
            if reason := record.error or record.unsupported:
                seen.setdefault((record.entrant, reason), record)
        return list(seen.values())

    def _of(self, workload: str) -> list[Record]:
        return [record for record in self.records if record.workload == workload]

    def _ordered(self, workload: str) -> list[Record]:
        # The order of the first round is the workload's own; later rounds are rotated.
        return sorted(self._of(workload), key=lambda record: record.round)


def summarise(values: Sequence[float], unit: str) -> Summary | None:
    """Median, lowest and highest; None without values."""
    if not values:
        return None
    return Summary(statistics.median(values), min(values), max(values), len(values), unit)


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least this share (0 to 1) of the values do not exceed: the nearest rank."""
    if not values or not 0 < share <= 1:
        raise ValueError(f"no {share:.0%} percentile of {len(values)} values")
    ordered = sorted(values)
    return ordered[math.ceil(share * len(ordered)) - 1]


def ratio_by_round(above: dict[int, float], below: dict[int, float]) -> list[float]:
    """The ratio of two entrants in each round that both have a figure for."""
    return [above[number] / below[number] for number in sorted(above) if below.get(number)]
