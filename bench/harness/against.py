"""Another commit beside the tree: both figures, and their ratio in each round."""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.figures import OWN_SYSTEM, Entrant, Results, Summary, ratio_by_round
from harness.table import grid, number
from harness.workload import Workload


@dataclass(frozen=True)
class Comparison:
    """One metric of opsloop's in one workload, by both commits; without a summary where a commit has no figure."""

    #: The other commit, as a system.
    against: str
    workload: str
    variant: str
    metric: str
    own: Summary | None
    other: Summary | None
    #: Opsloop's figure to the other commit's, of each round that has both.
    ratios: Sequence[float]
    higher_is_better: bool

    @property
    def title(self) -> str:
        """The metric with its unit."""
        summary = self.own or self.other
        unit = f", {summary.unit}" if summary and summary.unit else ""
        return f"{self.metric}{unit}" + ("" if self.higher_is_better else " (less is better)")

    def cells(self) -> list[str]:
        """Both figures, and median, lowest and highest of the ratios."""
        spread = [statistics.median(self.ratios), min(self.ratios), max(self.ratios)] if self.ratios else []
        figures = [number(summary.median) if summary else "none" for summary in (self.own, self.other)]
        return [
            *figures,
            *(number(ratio) for ratio in spread),
            *[""] * (3 - len(spread)),
            str(len(self.ratios)),
        ]

    def line(self) -> str:
        """As one line of JSON."""
        told = {
            "against": self.against,
            "workload": self.workload,
            "variant": self.variant,
            "metric": self.metric,
        }
        figures = {
            "opsloop": self.own and self.own.median,
            "other": self.other and self.other.median,
            "ratio": statistics.median(self.ratios) if self.ratios else None,
            "ratios": list(self.ratios),
        }
        return json.dumps({**told, **figures, "higher_is_better": self.higher_is_better})


def compare(results: Results, other: str, workloads: Mapping[str, Workload]) -> list[Comparison]:
    """All that both commits were measured by, and what only one of them has a figure of."""
    return [
        _compare_one(results, other, workloads[name], entrant.variant, metric)
        for name in results.workloads()
        for entrant in _entrants(results, other, name)
        for metric in results.metrics(name)
        if any(
            results.by_round(name, metric, Entrant(system, entrant.variant)) for system in (OWN_SYSTEM, other)
        )
    ]


def render(results: Results, comparisons: Sequence[Comparison], other: str, both: str) -> str:
    """The comparison as a table in Markdown, with what the other commit could not do; `both` says which they are."""
    rows = [["", "figure", OWN_SYSTEM, other, "ratio", "lowest", "highest", "rounds"]]
    for each in comparisons:
        rows.append([str(Entrant(each.workload, each.variant)), each.title, *each.cells()])  # noqa: PERF401
    failures = [
        f"- {name}: {record.entrant}: FAILED: {record.error}"
        for name in results.workloads()
        for record in results.failures(name)
        if record.system == other
    ]
    told = f"{both} A ratio is {OWN_SYSTEM}'s figure to the other's, taken one right after the other in each round."
    return "\n".join([f"## against {other}", "", told, "", *grid(rows), "", *failures]).rstrip() + "\n"


def _entrants(results: Results, other: str, workload: str) -> list[Entrant]:
    """Those that the other commit was to have a turn as."""
    found = results.entrants(workload)
    return [e for e in found if e.system == OWN_SYSTEM and Entrant(other, e.variant) in found]


def _compare_one(results: Results, other: str, workload: Workload, variant: str, metric: str) -> Comparison:
    own, theirs = (Entrant(system, variant) for system in (OWN_SYSTEM, other))
    by_round = [results.by_round(workload.name, metric, entrant) for entrant in (own, theirs)]
    return Comparison(
        other,
        workload.name,
        variant,
        metric,
        results.summary(workload.name, metric, own) if by_round[0] else None,
        results.summary(workload.name, metric, theirs) if by_round[1] else None,
        ratio_by_round(*by_round),
        workload.higher_is_better,
    )
