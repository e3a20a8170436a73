"""The verdict of the chaos run finds what it is there to find, and its plan follows from the seed."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import chaos.faults  # noqa: F401 - registers the kinds
from chaos import plan
from chaos.clock import Clock
from chaos.kinds import KINDS
from chaos.verdict import VERDICTS, Facts, judge

NOW = time.monotonic()
FLEET: Any = SimpleNamespace(members=[])
MISSION = "00000000-0000-0000-0000-000000000001"


def facts() -> Facts:
    """A sound run: a chain of two steps, the second one held when its worker vanishes, and two messages."""
    effects = [
        {"what": what, "step": step, "executor": executor, "attempt": 1, "at": NOW + at}
        for step, executor, begun in (("a", "touch", 1), ("b", "once", 3))
        for what, at in (("begun", begun), ("done", begun + 1))
    ]
    steps = [
        {
            "id": step,
            "executor": executor,
            "status": "succeeded",
            "result": {"attempt": 1},
            "depends_on": needs,
        }
        for step, executor, needs in (("a", "touch", []), ("b", "once", ["a"]))
    ]
    runs = [
        {"step": step, "run": f"run {step}", "attempt": 1, "status": "succeeded", "worker": "host:7:x"}
        for step in ("a", "b")
    ]
    published = [
        {"what": "published", "key": f"m{n}", "answer": n, "start": NOW + n, "at": NOW + n + 0.5}
        for n in (1, 2)
    ]
    return Facts(
        lease=10,
        producers=[{"what": "proposed", "key": "k", "answer": "p"}, *published],
        effects=effects,
        hooks={
            "accepted": [[1, 1], [2, 1], [3, 1], [4, 1]],
            "order": {"x": [1, 2], MISSION: [3, 4]},
            "other_keys": [],
        },
        proposals=[{"key": "k", "id": "p", "status": "auto_approved", "mission": "succeeded"}],
        steps=steps,
        runs=runs,
        outbox=[{"id": n, "dead": False, "processed_at": "then"} for n in (1, 2, 3, 4)],
    )


def lost_lease(found: Facts, status: str = "lost") -> None:
    run = {"step": "a", "run": "r", "attempt": 1, "status": status, "worker": "host:7:x", "code": "OPS_006"}
    found.runs.append({**run, "ended": time.time()})


BROKEN: list[tuple[str, Callable[[Facts], Any]]] = [
    ("lost", lambda f: f.proposals.clear()),
    ("lost", lambda f: f.proposals[0].update(mission="running")),
    ("lost", lambda f: f.hooks["accepted"].pop(0)),
    ("lost", lambda f: f.outbox[3].update(dead=True)),
    ("accepted twice", lambda f: f.proposals.append({**f.proposals[0], "id": "q"})),
    ("accepted twice", lambda f: f.runs.append({**f.runs[0], "run": "another"})),
    ("accepted twice", lambda f: f.runs[0].update(attempt=2)),
    ("accepted twice", lambda f: f.hooks["other_keys"].append(1)),
    ("failed", lambda f: f.steps[1].update(status="failed")),
    ("run again", lambda f: f.effects.append({**f.effects[2], "at": NOW + 9})),
    ("dependencies", lambda f: f.effects[1].update(at=NOW + 3.5)),
    ("order", lambda f: f.hooks["order"].update(x=[2, 1])),
    ("order", lambda f: f.hooks["order"].update({MISSION: [4, 3]})),
    ("vanished", lost_lease),
    ("vanished", lambda f: lost_lease(f, "released")),
    ("recovery", lambda f: setattr(f, "recovery", 15.1)),
    ("invariants", lambda f: f.invariants.append({"invariant": "3 missions"})),
    ("unended", lambda f: setattr(f, "drained", None)),
]


def found(given: Facts, clock: Clock) -> set[str]:
    return {finding.verdict for finding in judge(given, clock, FLEET)}


@pytest.fixture
def clock(tmp_path: Path) -> Clock:
    return Clock(tmp_path / "clock")


def test_a_sound_run_has_no_finding(clock: Clock) -> None:
    assert found(facts(), clock) == set()


@pytest.mark.parametrize(("verdict", "spoil"), BROKEN)
def test_what_must_not_be_is_found(verdict: str, spoil: Callable[[Facts], Any], clock: Clock) -> None:
    given = facts()
    spoil(given)
    assert found(given, clock) == {verdict}


def test_every_verdict_is_shown_to_find_something() -> None:
    assert {verdict for verdict, _ in BROKEN} == VERDICTS.keys()


def test_a_person_may_have_a_held_step_run_again(clock: Clock) -> None:
    given = facts()
    given.effects.append({**given.effects[2], "at": NOW + 9})
    given.persons.append({"what": "retry", "step": "b"})
    assert found(given, clock) == set()


def test_messages_that_were_published_at_the_same_time_have_no_order(clock: Clock) -> None:
    given = facts()
    given.producers[1]["at"] = given.producers[2]["start"] + 0.1
    given.hooks["order"]["x"] = [2, 1]
    assert found(given, clock) == set()


@pytest.mark.parametrize(
    ("kind", "met", "excused"),
    [
        ("server killed", {}, True),
        ("worker killed", {"pid": 7}, True),
        ("worker killed", {"pid": 8}, False),
        ("rows locked", {}, False),
        ("connections reset", {}, False),
    ],
)
def test_a_fault_excuses_the_leases_that_it_costs_and_no_others(
    kind: str, met: dict[str, Any], excused: bool, clock: Clock
) -> None:
    given = facts()
    lost_lease(given)
    now = time.monotonic()
    given.faults.append({"kind": kind, "began": now - 3, "ended": now - 2, "met": met})
    assert found(given, clock) == (set() if excused else {"vanished"})


def test_a_step_of_which_the_worker_never_heard_is_not_to_wait_for_the_end_of_a_lease(clock: Clock) -> None:
    given = facts()
    lost_lease(given)
    given.runs[-1]["attempt"] = 2
    now = time.monotonic()
    given.faults.append({"kind": "connections reset", "began": now - 9, "ended": now - 9, "met": {}})
    assert found(given, clock) == {"vanished"}


def test_a_moment_is_found_again_on_a_clock_that_was_set(clock: Clock) -> None:
    clock.history = [(100.0, 0.0), (200.0, 60.0), (300.0, 30.0)]
    epoch = time.time() - time.monotonic()

    assert clock.moments(epoch + 150) == pytest.approx([150], abs=0.1)
    assert clock.moments(epoch + 230) == []
    assert clock.moments(epoch + 340) == pytest.approx([280, 310], abs=0.1)
    assert clock.set_back


def test_the_same_seed_gives_the_same_faults_and_a_log_gives_them_again(tmp_path: Path) -> None:
    kinds = list(KINDS.values())
    drawn = plan.draw(7, 600, 3.0, kinds)
    log = tmp_path / "run.jsonl"
    lines: list[dict[str, Any]] = [{"what": "run", "seed": 7}]
    lines += [
        {"what": "planned", "number": p.number, "planned": p.at, "kind": p.kind, "seed": p.seed}
        for p in drawn
    ]
    log.write_text("".join(json.dumps(line) + "\n" for line in lines))

    assert plan.draw(7, 600, 3.0, kinds) == drawn
    assert plan.draw(8, 600, 3.0, kinds) != drawn
    assert plan.replay(log)[1] == drawn


def test_there_are_spells_in_which_nothing_excuses_a_lost_lease() -> None:
    drawn = plan.draw(7, 600, 1.0, list(KINDS.values()))
    spell = [p for p in drawn if p.at % 140 >= 90]
    assert len(spell) > 50
    assert {KINDS[p.kind].excuses for p in spell} == {None}


def test_there_are_more_than_twenty_five_kinds_of_fault_and_each_says_what_it_is() -> None:
    assert len(KINDS) > 25
    assert all(kind.sentence for kind in KINDS.values())
