"""Holds the results against the targets."""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from harness.figures import Results, ratio_by_round
from harness.table import grid, number
from harness.targets import Target


class Outcome(Enum):
    """The outcome of a target."""

    MET = "met"
    MISSED = "MISSED"
    UNKNOWN = "not judged"
    """There is no figure to judge: it was not run, or the other system failed."""


@dataclass(frozen=True)
class Verdict:
    """A target and what was reached."""

    target: Target
    value: float | None
    outcome: Outcome
    reason: str = ""

    @property
    def aimed(self) -> str:
        """Whether the aim is reached, too; empty where there is none or nothing to judge."""
        if self.target.aim is None or self.value is None:
            return ""
        return "reached" if self.target.meets(self.value, self.target.aim) else "not yet"

    def distance(self, bound: float | None) -> str:
        """How far the value is from a bound, in percent of the bound; with a plus on the good side."""
        if bound is None or self.value is None:
            return ""
        if bound == 0:
            return "" if self.value == 0 else f"{number(self.value)} too many"
        share = self.value / bound - 1
        return f"{-share if self.target.at_most else share:+.0%}"

    def line(self) -> str:
        """As one line of JSON."""
        t = self.target
        told = {"target": t.name, "value": self.value, "must": t.must, "aim": t.aim, "sign": t.sign}
        return json.dumps({**told, "verdict": self.outcome.value, "reason": self.reason or None})


def judge(results: Results, targets: Sequence[Target]) -> list[Verdict]:
    """A verdict on each target whose workload was run."""
    return [_judge_one(results, target) for target in targets if target.workload in results.workloads()]


def missed(results: Results, verdicts: Sequence[Verdict]) -> bool:
    """Whether a must is missed, or opsloop failed at anything: what could not be measured has not been shown."""
    failed = any(record.error and record.system == "opsloop" for record in results.records)
    return failed or any(verdict.outcome is Outcome.MISSED for verdict in verdicts)


def render(verdicts: Sequence[Verdict], quick: bool = False) -> str:
    """The verdicts as a table in Markdown; those of a quick run with a warning."""
    rows = [["target", "reached", "must", "verdict", "past must", "aim", "aim is", "past aim"]]
    for v in verdicts:
        t = v.target
        must, aim = (f"{t.sign} {number(bound)}" if bound is not None else "" for bound in (t.must, t.aim))
        reached = v.reason if v.value is None else number(v.value)
        verdict = v.outcome.value if t.must is not None or v.outcome is Outcome.UNKNOWN else ""
        rows.append([t.name, reached, must, verdict, v.distance(t.must), aim, v.aimed, v.distance(t.aim)])
    warning = ["A quick run: one round of small sizes. It shows that all works, and decides nothing.", ""]
    return "\n".join(["## targets", "", *(warning if quick else []), *grid(rows), ""])


def _judge_one(results: Results, target: Target) -> Verdict:
    own = results.by_round(target.workload, target.metric, target.of)
    if target.to is None:
        values = list(own.values())
    else:
        values = ratio_by_round(own, results.by_round(target.workload, target.metric, target.to))
    if not values:
        lacking = target.of if target.to is None or not own else target.to
        return Verdict(target, None, Outcome.UNKNOWN, f"no figure of {lacking}")
    value = statistics.median(values)
    met = target.must is None or target.meets(value, target.must)
    return Verdict(target, value, Outcome.MET if met else Outcome.MISSED)
