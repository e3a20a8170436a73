"""Steps per second beside the floor, latency of a pick-up, cost of a claim; with the targets they must meet.

    make bench-steps            or: python bench/steps.py [--json] [--steps N] [--rounds N] [--only drain,latency,claim]

Everything runs on this machine: an embedded PostgreSQL with fsync on, and real worker processes. The floor (bare rows
by bare statements) is measured in the same rounds, since absolute numbers move from machine to machine. The exit
code is 1 when a target is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
from typing import Any

from claim_cost import claim_costs
from drain import floor_rate, loop_rate
from latency import latencies
from stage import Stage, open_stage

TARGETS = {
    "steps_per_second": (">=", 15_000.0),
    "share_of_floor": (">=", 0.15),
    "pick_up_p50_ms": ("<=", 5.0),
    "claim_ratio": ("<=", 1.5),
}
_PARTS = ("drain", "latency", "claim")
_WORKERS = 2


def main() -> int:
    """Measure, print, judge."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--steps", type=int, default=20_000, help="steps per round (default 20000)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of floor and loop (default 3)")
    parser.add_argument("--pick-ups", type=int, default=200, help="pick-ups timed (default 200)")
    parser.add_argument(
        "--many", type=int, default=1_000_000, help="queued, and finished, steps (default 1000000)"
    )
    parser.add_argument("--only", default=",".join(_PARTS), help="parts to run (default all)")
    given = parser.parse_args()
    parts = given.only.split(",")
    if unknown := set(parts) - set(_PARTS):
        parser.error(f"--only knows {', '.join(_PARTS)}, not {', '.join(sorted(unknown))}")

    figures: dict[str, Any] = {"cores": os.cpu_count()}
    with open_stage() as stage:
        figures["postgresql"] = stage.server.version
        if "drain" in parts:
            figures |= _drain(stage, given.steps, given.rounds)
        if "latency" in parts:
            _say("pick-up on an idle worker …")
            times = sorted(latencies(stage, given.pick_ups))
            figures["pick_up_p50_ms"] = statistics.median(times)
            figures["pick_up_p99_ms"] = times[int(len(times) * 0.99) - 1]
        if "claim" in parts:
            _say(f"claims beside {2 * given.many:,} steps …")
            few, many = claim_costs(stage, given.many)
            figures |= {"claim_few_ms": few, "claim_many_ms": many, "claim_ratio": many / few}
    missed = [name for name in TARGETS if name in figures and not _met(name, figures[name])]
    if given.json:
        print(json.dumps({**figures, "missed": missed}))
    else:
        _print(figures)
    return 1 if missed else 0


def _drain(stage: Stage, steps: int, rounds: int) -> dict[str, Any]:
    _say("warming up …")
    loop_rate(stage, min(steps, 2_000), _WORKERS)
    floors, rates = [], []
    for number in range(rounds):
        floors.append(floor_rate(stage))
        rates.append(loop_rate(stage, steps, _WORKERS))
        _say(f"round {number + 1}: floor {floors[-1]:,.0f} rows/s, loop {rates[-1]:,.0f} steps/s")
    return {
        "steps_per_second": statistics.median(rates),
        "steps_per_second_min": min(rates),
        "steps_per_second_max": max(rates),
        "floor_per_second": statistics.median(floors),
        "floor_per_second_min": min(floors),
        "floor_per_second_max": max(floors),
        "share_of_floor": statistics.median(rate / floor for rate, floor in zip(rates, floors, strict=True)),
    }


def _met(name: str, value: float) -> bool:
    sign, target = TARGETS[name]
    return value >= target if sign == ">=" else value <= target


def _print(figures: dict[str, Any]) -> None:
    for name, value in figures.items():
        text = f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"
        judged = ""
        if name in TARGETS:
            sign, target = TARGETS[name]
            judged = f"   {'met' if _met(name, value) else 'MISSED'} (target {sign} {target:,g})"
        print(f"{name:24} {text:>10}{judged}")


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
