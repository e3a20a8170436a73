"""Interleaved rounds: in each, every entrant has one turn, and each round begins with another one."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from harness.figures import Entrant, Figure, Record
from harness.progress import say
from harness.workload import Bench, Turn, Workload
from peers import PeerFailed, PeerMissing, Unsupported


def rotated(entrants: Sequence[Entrant], number: int) -> list[Entrant]:
    """The order of round `number` (from 1)."""
    if not entrants:
        return []
    start = (number - 1) % len(entrants)
    return [*entrants[start:], *entrants[:start]]


def run(
    bench: Bench,
    workload: Workload,
    rounds: int,
    systems: Collection[str] | None,
    keep: Callable[[Record], None],
) -> None:
    """Run a workload; each record is kept as soon as it is there. What fails is a record, too, and the run goes on."""
    entrants = [e for e in workload.entrants(bench.quick) if systems is None or e.system in systems]
    if not entrants:
        return
    say(f"{workload.name}: {workload.measures}")
    given_up: set[Entrant] = set()
    try:
        with workload.prepared(bench) as turn:
            for number in range(1, rounds + 1):
                for entrant in rotated(entrants, number):
                    if entrant not in given_up:
                        _take_turn(workload, turn, entrant, number, keep, given_up)
    except Exception as error:  # noqa: BLE001 - the other workloads are still worth running
        keep(Record(workload.name, "opsloop", "preparation", 0, error=_sentence(error)))
        say(f"{workload.name}: not prepared: {_sentence(error)}")


def _take_turn(
    workload: Workload,
    turn: Turn,
    entrant: Entrant,
    number: int,
    keep: Callable[[Record], None],
    given_up: set[Entrant],
) -> None:
    """One turn, with its figures or its failure kept."""
    begin = f"{workload.name} {entrant} (round {number})"
    figures: list[Figure] = []
    about = (workload.name, entrant.system, entrant.variant, number)
    try:
        figures = turn(entrant)
    except Unsupported as reason:
        given_up.add(entrant)
        keep(Record(*about, unsupported=str(reason)))
        say(f"{begin}: cannot: {reason}")
    except PeerMissing as error:
        given_up.add(entrant)
        keep(Record(*about, error=str(error)))
        say(f"{begin}: {error}")
    except (PeerFailed, Exception) as error:  # noqa: BLE001 - reported, and the run goes on
        keep(Record(*about, error=_sentence(error)))
        say(f"{begin}: FAILED: {_sentence(error)}")
    for one in figures:
        keep(Record(*about, one.metric, one.value, one.unit, one.details))
    if figures:
        say(f"{begin}: " + ", ".join(f"{f.metric} {f.value:,.4g} {f.unit}".rstrip() for f in figures))


def _sentence(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:600]
