"""Which fault comes when: drawn from a seed, or read from the log of an earlier run."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from chaos.kinds import KINDS, Kind

#: Seconds of a block in which anything happens, and of one in which nothing does that could cost a live worker a lease;
#: at most these shares of the run.
_BLOCKS = ((90.0, 0.45), (50.0, 0.4))
#: Nothing begins in the last seconds of a block that costs leases: the next one is to begin quietly.
_QUIET = 8.0


@dataclass(frozen=True)
class Planned:
    """One fault: when it begins, its kind, and the seed that its target and its length are drawn from."""

    number: int
    at: float
    kind: str
    seed: int


def draw(seed: int, seconds: float, gap: float, kinds: Sequence[Kind]) -> list[Planned]:
    """The plan of a run: each kind as often as its weight says, in an order that the seed decides."""
    chance = Random(seed)
    names = {
        gentle: [
            kind.name for kind in kinds for _ in range(kind.weight) if not gentle or kind.excuses is None
        ]
        for gentle in (True, False)
    }
    decks: dict[bool, list[str]] = {True: [], False: []}
    mixed, quiet = (min(most, share * seconds) for most, share in _BLOCKS)
    plan: list[Planned] = []
    at = 3.0
    while at < seconds:
        within = at % (mixed + quiet)
        gentle = within >= mixed
        if names[gentle] and (gentle or within < mixed - _QUIET):
            # In the other blocks gentle kinds come as well.
            deck = decks[gentle]
            if not deck:
                deck += names[gentle]
                chance.shuffle(deck)
            plan.append(Planned(len(plan) + 1, round(at, 2), deck.pop(), chance.getrandbits(32)))
        at += chance.uniform(0.3, 1.7) * gap
    return plan


def replay(file: Path) -> tuple[dict[str, Any], list[Planned]]:
    """What an earlier run was started with, and its plan, from its log."""
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    (settings,) = [line for line in lines if line["what"] == "run"]
    planned = [line for line in lines if line["what"] == "planned" and line["kind"] in KINDS]
    return settings, [Planned(x["number"], x["planned"], x["kind"], x["seed"]) for x in planned]
