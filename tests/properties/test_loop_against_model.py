"""The loop against a model of it: whatever happens to missions in whatever order, tables and model say the same.

The machine acts through several sessions on one database whose clock it moves by hand; the model is plain Python and
knows nothing of queues, timers or locks. Every run ends with a look at the invariants.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
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

LEASE, TIMEOUT, GRACE = 30, 60, 5
LIVE = ("blocked", "queued", "running", "waiting")


@dataclass
class Step:
    """What the model knows of a step."""

    key: str
    needs: list[str]
    on_failure: str
    on_lost: str
    tries: int
    status: str = "blocked"
    ready: bool = False
    waiting_on: int = 0
    failures: int = 0
    stop: bool = False
    token: UUID | None = None
    lease_until: float = 0
    deadline: float = 0
    retry_at: float | None = None
    progress: Any = None


@dataclass
class Mission:
    """What the model knows of a mission."""

    steps: dict[str, Step]
    status: str = "approved"
    open: int = 0
    id: UUID | None = None

    def alive(self) -> bool:
        return self.status in ("approved", "running")

    def begin(self) -> None:
        self.open = len(self.steps)
        for s in self.steps.values():
            s.waiting_on = len(s.needs)
            if not s.needs:
                self.queue(s)

    def queue(self, s: Step) -> None:
        s.status, s.ready, s.retry_at = "queued", True, None

    def done(self, s: Step) -> None:
        """Those who wait for it wait for one less."""
        for other in self.steps.values():
            if s.key in other.needs and other.status == "blocked":
                other.waiting_on -= 1
                if other.waiting_on <= 0:
                    self.queue(other)

    def give_up(self, given_up: list[Step]) -> None:
        for s in given_up:
            s.status, s.retry_at, s.ready = "failed", None, False
        for s in given_up:
            if s.on_failure == "continue":
                self.done(s)
        self.settle()

    def doomed(self) -> bool:
        return any(s.status == "failed" and s.on_failure == "fail" for s in self.steps.values())

    def settle(self) -> None:
        if self.doomed() and self.alive():
            self.stop_all()
        self.open = sum(s.status in LIVE for s in self.steps.values())
        if self.alive() and self.doomed():
            self.status = "failed"
        elif self.alive() and self.open == 0:
            self.status = "succeeded"

    def stop_all(self) -> None:
        for s in self.steps.values():
            if s.status == "running":
                s.stop = True
            elif s.status in LIVE:
                s.status, s.ready, s.retry_at = "cancelled", False, None

    def revive(self) -> None:
        if self.status == "failed" and self.doomed():  # another step keeps it so
            for s in self.steps.values():
                if s.status == "blocked":
                    s.status = "cancelled"
        elif not self.alive():
            self.status = "running"
            for s in self.steps.values():
                if s.status == "cancelled":
                    s.status = "blocked"
                elif s.status == "running":
                    s.stop = False
        for s in self.steps.values():
            if s.status == "blocked":
                needed = [self.steps[k] for k in s.needs]
                s.waiting_on = sum(
                    not (n.status == "succeeded" or (n.status == "failed" and n.on_failure == "continue"))
                    for n in needed
                )
        for s in list(self.steps.values()):
            if s.status == "blocked" and s.waiting_on == 0:
                self.queue(s)
        self.settle()


@st.composite
def graphs(draw: st.DrawFn) -> list[Row]:
    """Steps of a template; each depends on some of those before it."""
    keys = "abcd"[: draw(st.integers(1, 4))]
    return [
        step(
            key,
            after=sorted(draw(st.sets(st.sampled_from(keys[:n]))) if n else []),
            on_failure=draw(st.sampled_from(["fail", "fail", "continue"])),
            on_lease_lost=draw(st.sampled_from(["retry", "retry", "hold"])),
            max_retries=draw(st.integers(1, 2)),
        )
        for n, key in enumerate(keys)
    ]


@dataclass
class Held:
    """A claim somebody made: a token that may be valid or stale by now."""

    work: Row
    mission: Mission
    step: Step
    token: UUID = field(init=False)

    def __post_init__(self) -> None:
        self.token = self.work["lease_token"]

    def valid(self) -> bool:
        return self.step.token == self.token and self.step.status == "running"


class LoopMachine(RuleBasedStateMachine):
    """Events, missions, workers, persons and time, in any order."""

    sessions: list[Loop]

    def __init__(self) -> None:
        super().__init__()
        self.loop = self.sessions[0]
        self.loop.run_clock()
        self.loop.empty()
        self.loop.do("update ops_sweep set position = null, swept_at = null")
        self.start = self.loop.stop_clock("2030-01-01 12:00:00+00")
        self.now = 0.0
        self.missions: list[Mission] = []
        self.held: list[Held] = []
        self.waiting_events: list[str] = []
        self.seen_keys: set[str] = set()

    def session(self, data: st.DataObject) -> Loop:
        return data.draw(st.sampled_from(self.sessions), label="session")

    # The model

    def all_steps(self) -> list[tuple[Mission, Step]]:
        return [(m, s) for m in self.missions for s in m.steps.values()]

    def some_step(self, data: st.DataObject, *states: str) -> tuple[Mission, Step] | None:
        return self.one_of(data, [(m, s) for m, s in self.all_steps() if s.status in states])

    def one_of(self, data: st.DataObject, found: list[tuple[Mission, Step]]) -> tuple[Mission, Step] | None:
        return found[data.draw(st.integers(0, len(found) - 1), label="step")] if found else None

    def retryable(self, data: st.DataObject, yes: bool) -> tuple[Mission, Step] | None:
        """A step that a person may, or may not, put back to work; a failed one's next try may be brought forward."""
        return self.one_of(
            data,
            [
                (m, s)
                for m, s in self.all_steps()
                if (s.status in ("failed", "cancelled", "waiting") or s.retry_at is not None) is yes
            ],
        )

    def id_of(self, m: Mission, s: Step) -> UUID:
        return UUID(str(self.loop.step(m.id, s.key)["id"])) if m.id else UUID(int=0)

    # Signals and missions

    @rule(data=st.data(), key=st.sampled_from(["k1", "k2", "k3"]))
    def emit(self, data: st.DataObject, key: str) -> None:
        """An event that asks for a mission, once for each key."""
        self.session(data).emit("signal", {"k": key})
        self.waiting_events.append(key)

    @rule(data=st.data(), steps=graphs())
    def propose(self, data: st.DataObject, steps: list[Row]) -> None:
        made = self.session(data).propose(*steps)
        assert made["status"] == "auto_approved"
        self.add(
            [
                Step(s["key"], s["depends_on"], s["on_failure"], s["on_lease_lost"], s["max_retries"])
                for s in steps
            ],
            made,
        )

    def add(self, steps: list[Step], made: Row) -> None:
        mission = Mission({s.key: s for s in steps}, id=made["mission_id"])
        mission.begin()
        self.missions.append(mission)

    @rule(data=st.data())
    def heartbeat(self, data: st.DataObject) -> None:
        queued_by_hand = [
            (m, s) for m, s in self.all_steps() if s.status == "queued" and not s.ready and s.retry_at is None
        ]
        result = self.session(data).turn()

        for m, s in self.all_steps():
            if s.status == "queued" and s.retry_at is not None and s.retry_at <= self.now:
                m.queue(s)
        lost = [(m, s) for m, s in self.all_steps() if s.status == "running" and s.lease_until <= self.now]
        for _, s in lost:
            s.token = None
        for m in self.missions:
            given_up, cancelled = [], False
            for s in [s for n, s in lost if n is m]:
                if s.stop:
                    s.status, cancelled = "cancelled", True
                elif s.on_lost == "hold":
                    s.status = "waiting"
                else:
                    s.failures += 1
                    m.queue(s)
                    if s.failures >= s.tries:
                        given_up.append(s)
            if given_up:
                m.give_up(given_up)
            if cancelled:
                m.settle()
        adopted = [(m, s) for m, s in queued_by_hand if s.status == "queued"]
        for _, s in adopted:
            s.token, s.stop, s.status = None, False, "blocked"
        for m in self.missions:
            if any(n is m for n, _ in adopted):
                m.revive()
        assert result["staleResult"]["recovered"] == len(adopted)

        new_keys = [k for k in dict.fromkeys(self.waiting_events) if k not in self.seen_keys]
        assert result["triggerResult"]["events"] >= len(self.waiting_events)
        assert result["reactionResult"]["created"] == len(new_keys)
        for key in new_keys:
            made = self.loop.row(
                "select m.id as mission_id from ops_missions m join ops_mission_proposals p on p.id = m.proposal_id"
                " where p.dedupe_key = %s",
                key,
            )
            self.add([Step("e", [], "fail", "retry", 3)], made)
        self.seen_keys |= set(self.waiting_events)
        self.waiting_events = []

    @rule(seconds=st.sampled_from([1, 10, 25, 31, 70, 700]))
    def pass_time(self, seconds: int) -> None:
        self.now += seconds
        self.loop.stop_clock(self.loop.value("select %s + make_interval(secs => %s)", self.start, self.now))

    # Workers

    @rule(data=st.data(), limit=st.integers(1, 4), worker=st.sampled_from(["w1", "w2"]))
    def claim(self, data: st.DataObject, limit: int, worker: str) -> None:
        ready = {(m.id, s.key): (m, s) for m, s in self.all_steps() if s.ready}
        works = self.session(data).claim(limit, worker)
        assert len(works) == min(limit, len(ready))
        for work in works:
            mission, taken = ready.pop((work["mission_id"], work["key"]))
            assert work["progress"] == taken.progress
            if mission.status == "approved":
                mission.status = "running"
            taken.status, taken.ready, taken.token, taken.stop = "running", False, work["lease_token"], False
            taken.lease_until, taken.deadline = self.now + LEASE, self.now + TIMEOUT
            self.held.append(Held(work, mission, taken))

    def some_claim(self, data: st.DataObject) -> Held:
        """Any claim there ever was, the later ones more often."""
        return self.held[
            -1 - data.draw(st.integers(0, min(len(self.held) - 1, 7)), label="claim, from the last")
        ]

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def complete(self, data: st.DataObject) -> None:
        claim = self.some_claim(data)
        mission, s = claim.mission, claim.step
        known = claim.valid() or (s.token == claim.token and s.status == "succeeded")
        first = claim.valid()
        assert self.session(data).complete(claim.work, {"by": str(claim.token)}) == (
            "accepted" if known else "OPS_006"
        )
        if first:
            s.status = "succeeded"
            mission.open -= 1
            if mission.status == "running":
                mission.done(s)
                if mission.open == 0:
                    mission.status = "succeeded"

    @precondition(lambda self: self.held)
    @rule(data=st.data(), retryable=st.booleans())
    def fail(self, data: st.DataObject, retryable: bool) -> None:
        claim = self.some_claim(data)
        mission, s = claim.mission, claim.step
        if claim.valid():
            if s.stop:
                s.status = "cancelled"
                mission.settle()
            else:
                s.failures += 1
                s.status, s.retry_at = "queued", self.now + 2.0**s.failures
                if not retryable or s.failures >= s.tries:
                    mission.give_up([s])
            expected = "failed" if s.status == "failed" else s.status
        elif s.token == claim.token and s.status in ("queued", "failed", "cancelled"):
            expected = s.status
        else:
            expected = "OPS_006"
        assert self.session(data).fail(claim.work, retryable=retryable) == expected

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        claim = self.some_claim(data)
        s = claim.step
        expected = "OPS_006"
        if claim.valid():
            expected = "cancelled" if s.stop else "queued"
            s.token = None
            if s.stop:
                s.status = "cancelled"
                claim.mission.settle()
            else:
                claim.mission.queue(s)
        assert self.session(data).release(claim.work) == [expected]

    @precondition(lambda self: self.held)
    @rule(data=st.data(), progress=st.one_of(st.none(), st.integers(0, 9)))
    def extend(self, data: st.DataObject, progress: int | None) -> None:
        claim = self.some_claim(data)
        s = claim.step
        ok = claim.valid() and s.deadline > self.now
        (answer,) = self.session(data).extend(claim.work, progress=progress)
        assert answer["ok"] is ok
        if claim.valid():
            assert answer["cancel_requested"] is s.stop
        if ok:
            s.lease_until = min(self.now + LEASE, s.deadline + GRACE)
            s.progress = s.progress if progress is None else progress

    # Persons

    @precondition(lambda self: self.missions)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        mission = data.draw(st.sampled_from(self.missions), label="mission")
        alive, was = mission.alive(), mission.status
        if alive:
            mission.stop_all()
            mission.status = "cancelled"
            mission.settle()
        if alive or was == "cancelled":
            assert self.session(data).cancel(mission.id) == "cancelled"
        else:
            with pytest.raises(psycopg.DatabaseError, match="OPS_014"):
                self.session(data).cancel(mission.id)

    @rule(data=st.data())
    def retry(self, data: st.DataObject) -> None:
        if (found := self.retryable(data, True)) is None:
            return
        mission, s = found
        s.failures, s.token, s.stop, s.status, s.retry_at = 0, None, False, "blocked", None
        mission.revive()
        assert self.session(data).retry(self.id_of(mission, s)) == s.status

    @rule(data=st.data())
    def retry_what_cannot_be(self, data: st.DataObject) -> None:
        if found := self.retryable(data, False):
            with pytest.raises(psycopg.DatabaseError, match="OPS_014"):
                self.session(data).retry(self.id_of(*found))

    @rule(data=st.data(), outcome=st.sampled_from(["succeeded", "failed"]))
    def resolve(self, data: st.DataObject, outcome: str) -> None:
        if (found := self.some_step(data, "waiting")) is None:
            return
        mission, s = found
        s.token = None
        if outcome == "failed":
            mission.give_up([s])
        else:
            s.status = "succeeded"
            mission.done(s)
            mission.settle()
        assert (
            self.session(data).value("select fn_resolve_step(%s, %s)", self.id_of(mission, s), outcome)
            == outcome
        )

    @rule(data=st.data())
    def queue_by_hand(self, data: st.DataObject) -> None:
        if (found := self.some_step(data, "failed", "cancelled", "waiting")) is None:
            return
        mission, s = found
        self.session(data).queue_by_hand(self.id_of(mission, s))
        s.status, s.failures, s.ready, s.retry_at = "queued", 0, False, None

    # What must hold at any moment

    @invariant()
    def tables_and_model_say_the_same(self) -> None:
        steps = {
            (r["mission_id"], r["key"]): (r["status"], r["failure_count"], r["stop"])
            for r in self.loop.rows(
                "select mission_id, key, status, failure_count, cancel_requested and status = 'running' as stop"
                " from ops_mission_steps"
            )
        }
        assert steps == {
            (m.id, s.key): (s.status, s.failures, s.stop and s.status == "running")
            for m, s in self.all_steps()
        }
        missions = {r["id"]: r["status"] for r in self.loop.rows("select id, status from ops_missions")}
        assert missions == {m.id: m.status for m in self.missions}

    def teardown(self) -> None:
        """Whatever was done by hand is adopted by a heartbeat; then nothing is broken."""
        for session in self.sessions:
            with suppress(psycopg.Error):
                session.conn.rollback()
        self.loop.turn()
        assert self.loop.broken() == []


@pytest.fixture
def machine(connect: Callable[..., psycopg.Connection[Any]]) -> type[LoopMachine]:
    """The machine on this test's database."""
    opened = [Loop(connect()) for _ in range(3)]
    opened[0].policy("proposal_caps", daily_limit=None)
    opened[0].policy(
        "worker_policy", backoff={"base_seconds": 2, "factor": 2, "max_seconds": 300, "jitter": 0}
    )
    opened[0].react({"name": "p", "dedupe_key": "{{event.data.k}}", "template": template(step("e"))})
    return type("Machine", (LoopMachine,), {"sessions": opened})


def test_whatever_happens_the_tables_say_what_the_model_says(machine: type[LoopMachine]) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=40,
            stateful_step_count=50,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            print_blob=True,
        ),
    )
