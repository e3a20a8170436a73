"""Waits, missions of steps and lists against a model of them, with failures, retries, cancellations and late events.

The machine proposes chains of steps, works them, emits events and moves the clock by hand; after each move the loop
turns until it rests. The model is plain Python: it knows no timers, no subscriptions and no queues.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from looping import Loop, Row, step, template

LIVE = ("blocked", "queued", "waiting")


@dataclass
class Step:
    """What the model knows of a step."""

    key: str
    row: Row
    status: str = "blocked"
    tried: bool = False
    due: float | None = None
    hears_from: int | None = None
    heard: Any = None
    result: Any = None
    child: "Mission | None" = None
    copies: "list[Step]" = field(default_factory=list)

    @property
    def form(self) -> str:
        if "for_each" in self.row:
            return "list"
        if self.row["kind"] == "wait":
            return "event" if "event" in self.row["params"] else "nap"
        return str(self.row["kind"])


@dataclass
class Mission:
    """What the model knows of a mission: steps in a row."""

    steps: list[Step]
    parent: tuple["Mission", Step] | None = None
    status: str = "live"
    id: UUID | None = None

    def all(self) -> list[Step]:
        return [each for s in self.steps for each in (s, *s.copies)]


class Model:
    """All missions, the events so far, and the time."""

    def __init__(self) -> None:
        self.missions: list[Mission] = []
        self.events: list[tuple[str, Row]] = []
        self.now = 0.0

    def begin(self, rows: list[Row], parent: tuple[Mission, Step] | None = None) -> Mission:
        mission = Mission([Step(row["key"], row) for row in rows], parent)
        self.missions.append(mission)
        if parent is not None:
            parent[1].child = mission
        for s in mission.steps:
            if s.form == "event" and s.row["params"].get("since") == "mission":
                s.hears_from = len(self.events)
        self.go_on(mission)
        return mission

    def go_on(self, mission: Mission) -> None:
        """The first step that has not ended gets its turn, if all before it have succeeded."""
        for s in mission.steps:
            if s.status == "blocked" and not s.copies:
                self.turn_of(mission, s)
                return
            if s.copies and s.status == "blocked":
                for copy in s.copies:
                    if copy.status == "blocked":
                        copy.status = "queued"
                if all(copy.status == "succeeded" for copy in s.copies):
                    self.succeed(mission, s, [copy.result for copy in s.copies])
                return
            if s.status != "succeeded":
                return

    def turn_of(self, mission: Mission, s: Step) -> None:
        s.status = "waiting"
        params = s.row.get("params", {})
        if s.form == "list":
            items = s.row["for_each"]
            s.status = "blocked"
            s.copies = [Step(f"{s.key}[{n}]", step(kind="noop"), "queued") for n in range(len(items))]
            if not items:
                self.succeed(mission, s, [])
        elif s.form == "mission":
            if s.child is None or s.child.status not in ("live", "succeeded"):
                self.begin(params["steps"], (mission, s))
            elif s.child.status == "succeeded":
                self.succeed(mission, s, self.results(s.child))
        elif s.form == "event":
            s.due = None if "timeout_seconds" not in params else self.now + params["timeout_seconds"]
            if s.hears_from is None:
                s.hears_from = len(self.events)
            self.listen(mission, s)
        elif s.form == "nap":
            s.due = self.now + params["seconds"]
        elif "run_after" in s.row and not s.tried:
            s.due = self.now + s.row["run_after"]
        else:
            s.status = "queued"

    def results(self, mission: Mission) -> Row:
        return {s.key: s.result for s in mission.all()}

    def listen(self, mission: Mission, s: Step) -> None:
        params = s.row["params"]
        for kind, data in self.events[s.hears_from :]:
            if kind == params["event"] and params.get("match", {}).items() <= data.items():
                self.succeed(mission, s, data)
                return

    def succeed(self, mission: Mission, s: Step, result: Any) -> None:
        s.status, s.result, s.due, s.hears_from, s.tried = "succeeded", result, None, None, True
        if all(each.status == "succeeded" for each in mission.all()):
            mission.status = "succeeded"
            if (
                mission.parent
                and mission.parent[1].child is mission
                and mission.parent[1].status == "waiting"
            ):
                self.succeed(*mission.parent, self.results(mission))
        else:
            self.go_on(mission)

    def fail(self, mission: Mission, s: Step) -> None:
        s.status, s.due, s.hears_from, s.tried = "failed", None, None, True
        self.end(mission, "failed")

    def end(self, mission: Mission, status: str) -> None:
        mission.status = status
        for s in mission.all():
            if s.status in LIVE:
                s.status, s.due, s.hears_from = "cancelled", None, None
                self.leave(s)
        if mission.parent and mission.parent[1].child is mission and mission.parent[1].status == "waiting":
            self.fail(*mission.parent)

    def leave(self, s: Step) -> None:
        """Nobody waits for its mission any more."""
        if s.child is not None and s.child.status == "live":
            self.end(s.child, "cancelled")

    def retry(self, mission: Mission, s: Step) -> None:
        s.status = "blocked"
        if any(each.status == "failed" for each in mission.all()):
            s.status = "cancelled"
            return
        mission.status = "live"
        for each in mission.all():
            if each.status == "cancelled":
                each.status = "blocked"
        self.go_on(mission)

    def emit(self, kind: str, data: Row) -> None:
        self.events.append((kind, data))
        for mission in list(self.missions):
            for s in mission.steps:
                if s.form == "event" and s.status == "waiting":
                    self.listen(mission, s)

    def advance(self, seconds: float) -> None:
        self.now += seconds
        due = [(m, s) for m in self.missions for s in m.steps if s.due is not None and s.due <= self.now]
        for mission, s in due:
            if s.status != "waiting":
                continue
            s.due = None
            if s.form == "nap":
                self.succeed(mission, s, ...)
            elif s.form == "event" and s.row["params"].get("on_timeout") == "continue":
                self.succeed(mission, s, None)
            elif s.form == "event":
                self.fail(mission, s)
            else:
                s.status = "queued"


@st.composite
def chains(draw: st.DrawFn, deep: int = 1) -> list[Row]:
    """Steps in a row."""
    return [draw(_steps(key, deep)) for key in "abc"[: draw(st.integers(1, 3))]]


@st.composite
def _steps(draw: st.DrawFn, key: str, deep: int) -> Row:
    form = draw(
        st.sampled_from(["noop", "delay", "nap", "event", "event", "list"] + ["mission"] * (2 * deep))
    )
    if form == "delay":
        return step(key, run_after=draw(st.integers(1, 20)), max_retries=1)
    if form == "nap":
        return step(key, "wait", params={"seconds": draw(st.integers(1, 20))})
    if form == "list":
        return step(key, for_each=draw(st.lists(st.integers(0, 3), max_size=3)), max_retries=1)
    if form == "mission":
        return step(key, "mission", params=template(*draw(chains(deep - 1))))
    if form == "event":
        params: Row = {"event": draw(st.sampled_from(["x", "y"]))}
        if draw(st.booleans()):
            params["match"] = {"n": draw(st.integers(0, 1))}
        if draw(st.booleans()):
            params["since"] = "mission"
        if draw(st.booleans()):
            params |= {
                "timeout_seconds": draw(st.integers(1, 20)),
                "on_timeout": draw(st.sampled_from(["fail", "continue"])),
            }
        return step(key, "wait", params=params)
    return step(key, max_retries=1)


def machine(connect: Callable[[], psycopg.Connection[Any]]) -> type[RuleBasedStateMachine]:
    """The machine, on the one database of the test."""

    class Waits(RuleBasedStateMachine):
        def __init__(self) -> None:
            super().__init__()
            self.loop = Loop(connect())
            self.loop.empty()
            self.loop.run_clock()
            self.loop.policy("proposal_caps", daily_limit=None)
            self.start: datetime = self.loop.stop_clock()
            self.model = Model()

        def teardown(self) -> None:
            self.loop.run_clock()
            self.loop.conn.close()

        def rest(self) -> None:
            """Turns until nothing is left that is to be done now."""
            for _ in range(40):
                self.loop.turn()
                left = self.loop.value(
                    "select exists (select from ops_timers where due_at <= _now())"
                    " or exists (select from ops_parked_steps where scope = 'mission' and target is null)"
                    " or exists (select from ops_child_missions where abandoned)"
                    " or exists (select from ops_awaited_events) or exists (select from ops_ready where lane = 1)"
                )
                if not left:
                    break
            else:
                raise AssertionError("the loop does not come to rest")
            for mission in self.model.missions:
                if mission.id is None and mission.parent is not None:
                    above, s = mission.parent
                    mission.id = self.loop.value(
                        "select m.id from ops_missions m join ops_mission_proposals p on p.id = m.proposal_id"
                        " where p.dedupe_key like 'opsloop:step:' || %s || ':%%' order by m.id desc limit 1",
                        str(self.loop.step(above.id, s.key)["id"]),
                    )

        def of(self, *statuses: str) -> list[tuple[Mission, Step]]:
            return [(m, s) for m in self.model.missions for s in m.all() if s.status in statuses]

        @rule(rows=chains())
        def propose(self, rows: list[Row]) -> None:
            mission = self.model.begin(rows)
            mission.id = self.loop.mission(*rows)
            self.rest()

        @precondition(lambda self: self.of("queued"))
        @rule(data=st.data(), well=st.sampled_from([True, True, True, False]))
        def work(self, data: st.DataObject, well: bool) -> None:
            works = self.loop.claim(100)
            queued = {(m.id, s.key): (m, s) for m, s in self.of("queued")}
            assert {(w["mission_id"], w["key"]) for w in works} == queued.keys()
            chosen = works[data.draw(st.integers(0, len(works) - 1))]
            self.loop.release(*(w for w in works if w is not chosen))
            mission, s = queued[chosen["mission_id"], chosen["key"]]
            if well:
                self.loop.complete(chosen, s.key)
                self.model.succeed(mission, s, s.key)
            else:
                self.loop.fail(chosen)
                self.model.fail(mission, s)
            self.rest()

        @rule(kind=st.sampled_from(["x", "y"]), n=st.integers(0, 1))
        def emit(self, kind: str, n: int) -> None:
            data = {"n": n, "nth": len(self.model.events)}
            self.loop.emit(kind, data)
            self.model.emit(kind, data)
            self.rest()

        @rule(seconds=st.integers(1, 25))
        def advance(self, seconds: int) -> None:
            # Second by second: of two that are due at different times, the first may begin what the second is part of.
            for _ in range(seconds):
                self.model.advance(1)
                self.loop.stop_clock(self.start + timedelta(seconds=self.model.now))
                self.rest()

        @precondition(lambda self: any(m.status == "live" for m in self.model.missions))
        @rule(data=st.data())
        def cancel(self, data: st.DataObject) -> None:
            live = [n for n, m in enumerate(self.model.missions) if m.status == "live"]
            mission = self.model.missions[data.draw(st.sampled_from(live))]
            self.loop.cancel(mission.id)
            self.model.end(mission, "cancelled")
            self.rest()

        @precondition(lambda self: self.of("failed"))
        @rule(data=st.data())
        def retry(self, data: st.DataObject) -> None:
            failed = self.of("failed")
            mission, s = failed[data.draw(st.integers(0, len(failed) - 1))]
            self.loop.retry(self.loop.step(mission.id, s.key)["id"])
            self.model.retry(mission, s)
            self.rest()

        @precondition(lambda self: any(s.form in ("nap", "event", "mission") for _, s in self.of("waiting")))
        @rule(data=st.data())
        def resolve(self, data: st.DataObject) -> None:
            waiting = [(m, s) for m, s in self.of("waiting") if s.form in ("nap", "event", "mission")]
            mission, s = waiting[data.draw(st.integers(0, len(waiting) - 1))]
            self.loop.value(
                "select fn_resolve_step(%s, 'succeeded', 'ada')", self.loop.step(mission.id, s.key)["id"]
            )
            child, s.child = s.child, None
            if child is not None and child.status == "live":
                self.model.end(child, "cancelled")
            self.model.succeed(mission, s, None)
            self.rest()

        @invariant()
        def agrees(self) -> None:
            for mission in self.model.missions:
                rows = {
                    r["key"]: r
                    for r in self.loop.rows(
                        "select * from ops_mission_steps where mission_id = %s", mission.id
                    )
                }
                assert {k: r["status"] for k, r in rows.items()} == {s.key: s.status for s in mission.all()}
                for s in mission.all():
                    if s.status == "succeeded" and s.form not in ("nap", "mission"):
                        assert rows[s.key]["result"] == s.result, s
                status = self.loop.status(mission.id)
                assert ("live" if status in ("approved", "running") else status) == mission.status
            assert self.loop.broken() == []

    return Waits


@pytest.mark.timeout(600)
def test_the_loop_does_what_the_model_says(connect: Callable[[], psycopg.Connection[Any]]) -> None:
    run_state_machine_as_test(
        machine(connect),
        settings=settings(
            max_examples=30,
            stateful_step_count=20,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
        ),
    )
