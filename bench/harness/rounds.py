"""Interleaved rounds: in each, every entrant has one turn, and each round begins with another one.

An entrant of opsloop's and the same one of another commit sit together: they take their turns one right after the
other, in every second round the other way round.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import ExitStack
from typing import TypeVar

from harness.figures import OWN_SYSTEM, Entrant, Figure, Record
from harness.host import HostFailed
from harness.progress import say
from harness.workload import Bench, Turn, Workload
from peers import PeerFailed, Unsupported
from peers.installing import NotInstalled

_T = TypeVar("_T")
#: Entrants whose turns follow each other in every round.
Seat = tuple[Entrant, ...]


def rotated(those: Sequence[_T], number: int) -> list[_T]:
    """The order of round `number` (from 1)."""
    if not those:
        return []
    start = (number - 1) % len(those)
    return [*those[start:], *those[:start]]


def order(seats: Sequence[Seat], number: int) -> list[Entrant]:
    """Whose turn it is, one after the other, in round `number` (from 1)."""
    return [
        entrant for seat in rotated(seats, number) for entrant in (seat if number % 2 else reversed(seat))
    ]


def run(
    bench: Bench,
    workload: Workload,
    rounds: int,
    systems: Collection[str] | None,
    keep: Callable[[Record], None],
) -> None:
    """Run a workload; each record is kept as soon as it is there. A failure is a record, too, and the run goes on."""
    seats = [
        _seat(bench, workload, e)
        for e in workload.entrants(bench.quick)
        if systems is None or e.system in systems
    ]
    if not seats:
        return
    say(f"{workload.name}: {workload.measures}")
    given_up: set[Entrant] = set()
    try:
        with ExitStack() as stack:
            turns = _prepare(bench, workload, order(seats, 1), stack, keep)
            for number in range(1, rounds + 1):
                for entrant in order(seats, number):
                    if entrant.system in turns and entrant not in given_up:
                        _take_turn(workload, turns[entrant.system], entrant, number, keep, given_up)
    except Exception as error:  # noqa: BLE001 - the other workloads are still worth running
        _not_prepared(workload, OWN_SYSTEM, error, keep)


def _seat(bench: Bench, workload: Workload, entrant: Entrant) -> Seat:
    if bench.hosts is None or entrant.system != OWN_SYSTEM or entrant.variant in workload.controls:
        return (entrant,)
    return (entrant, Entrant(bench.hosts[1].system, entrant.variant))


def _prepare(
    bench: Bench,
    workload: Workload,
    entrants: Sequence[Entrant],
    stack: ExitStack,
    keep: Callable[[Record], None],
) -> dict[str, Turn]:
    """What runs the entrants of each system; one that a commit cannot prepare is left out, with a record of it."""
    turns: dict[str, Turn] = {}
    there = {host.system: host for host in bench.hosts or ()}
    systems = dict.fromkeys(entrant.system for entrant in entrants)
    if here := [system for system in systems if system not in there]:
        turns |= dict.fromkeys(here, stack.enter_context(workload.prepared(bench)))
    for system in systems:
        if system in there:
            try:
                turns[system] = stack.enter_context(there[system].prepared(workload.name)).turn
            except HostFailed as error:
                _not_prepared(workload, system, error, keep)
    return turns


def _not_prepared(workload: Workload, system: str, error: Exception, keep: Callable[[Record], None]) -> None:
    keep(Record(workload.name, system, "preparation", 0, error=sentence(error)))
    say(f"{workload.name} {system}: not prepared: {sentence(error)}")


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
    except NotInstalled as error:
        given_up.add(entrant)
        keep(Record(*about, error=str(error)))
        say(f"{begin}: {error}")
    except (PeerFailed, Exception) as error:  # noqa: BLE001 - reported, and the run goes on
        keep(Record(*about, error=sentence(error)))
        say(f"{begin}: FAILED: {sentence(error)}")
    for one in figures:
        keep(Record(*about, one.metric, one.value, one.unit, one.details))
    if figures:
        say(f"{begin}: " + ", ".join(f"{f.metric} {f.value:,.4g} {f.unit}".rstrip() for f in figures))


def sentence(error: BaseException) -> str:
    """An error on one line, with its class unless its message says it all."""
    text = str(error) if isinstance(error, (HostFailed, NotInstalled)) else f"{type(error).__name__}: {error}"
    return " ".join(text.split())[:600]
