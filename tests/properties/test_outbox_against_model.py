"""The outbox against a model of it: publishers, processors and time in any order, in several sessions.

Publishers work in transactions of their own, some of which stay open meanwhile or are rolled back. The model is plain
Python and knows nothing of hints, heads, marks or timers: only what waits, what each processor holds until when, and
what is next of each aggregate. Every run ends with a look at the invariants.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

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
from psycopg.types.json import Jsonb

from looping import Loop

LEASE, TRIES = 60, 3
AGGREGATES = "ab"
PROCESSORS = ("p", "q")


@dataclass
class Message:
    """What the model knows of a message."""

    id: int
    aggregate: str
    state: str = "waiting"
    failures: int = 0


@dataclass
class Aggregate:
    """Who has an aggregate, or until when it is left alone."""

    waiting: list[Message] = field(default_factory=list)
    holder: str | None = None
    held: list[int] = field(default_factory=list)
    until: float = 0

    def free_at(self, now: float) -> bool:
        """Whether a claim made now gets it. Both a lease and a wait for a retry end at `until`."""
        return now >= self.until

    def add(self, message: Message) -> None:
        """A message becomes visible: it has its place by its number, even if it comes late."""
        self.waiting = sorted([*self.waiting, message], key=lambda m: m.id)


class OutboxMachine(RuleBasedStateMachine):
    """Whatever happens to messages."""

    sessions: list[Loop]

    def __init__(self) -> None:
        super().__init__()
        self.loop, *self.publishers = self.sessions
        self.loop.run_clock()
        for one in self.publishers:
            one.do("rollback")
        self.loop.empty()
        self.loop.stop_clock("2030-01-01 12:00:00+00")
        self.now = 0.0
        self.aggregates = {a: Aggregate() for a in AGGREGATES}
        self.messages: list[Message] = []
        self.open: dict[int, list[Message]] = {}
        self.delivered: dict[str, list[int]] = {a: [] for a in AGGREGATES}

    # Publishers

    @rule(aggregates=st.lists(st.sampled_from(AGGREGATES), min_size=1, max_size=4))
    def publish(self, aggregates: list[str]) -> None:
        """Some messages, committed at once."""
        for a in aggregates:
            self.commit([self.insert(self.loop, a)])

    @rule(at=st.integers(0, 1), aggregates=st.lists(st.sampled_from(AGGREGATES), min_size=1, max_size=3))
    def publish_in_a_transaction(self, at: int, aggregates: list[str]) -> None:
        """Some messages in a transaction that stays open."""
        session = self.publishers[at]
        if at not in self.open:
            session.do("begin")
            self.open[at] = []
        self.open[at] += [self.insert(session, a) for a in aggregates]

    @precondition(lambda self: self.open)
    @rule(data=st.data(), ok=st.booleans())
    def end_a_transaction(self, data: st.DataObject, ok: bool) -> None:
        """It commits, late as it may be, or it never was."""
        at = data.draw(st.sampled_from(sorted(self.open)), label="transaction")
        published = self.open.pop(at)
        self.publishers[at].do("commit" if ok else "rollback")
        if ok:
            self.commit(published)

    def insert(self, session: Loop, aggregate: str) -> Message:
        return Message(session.value("select fn_publish_outbox('t', %s, 'e')", aggregate), aggregate)

    def commit(self, published: list[Message]) -> None:
        for message in published:
            self.messages.append(message)
            self.aggregates[message.aggregate].add(message)

    # Processors

    @rule(who=st.sampled_from(PROCESSORS), each=st.integers(1, 3), undo=st.booleans())
    def claim(self, who: str, each: int, undo: bool) -> None:
        """A claim gets of every aggregate that is free the first that wait; rolled back, it never was."""
        if undo:
            self.loop.do("begin")
        rows = self.loop.rows(
            "select id, aggregate_id from fn_claim_outbox_deliveries(%s, 100, %s)", who, each
        )
        got: dict[str, list[int]] = {}
        for row in rows:
            got.setdefault(row["aggregate_id"], []).append(row["id"])
        expected = {
            name: [m.id for m in one.waiting[:each]]
            for name, one in self.aggregates.items()
            if one.waiting and one.free_at(self.now)
        }
        assert got == expected
        if undo:
            self.loop.do("rollback")
            return
        for name, ids in got.items():
            one = self.aggregates[name]
            one.holder, one.held, one.until = who, ids, self.now + LEASE

    @rule(
        data=st.data(),
        who=st.sampled_from(PROCESSORS),
        outcomes=st.lists(
            st.sampled_from(["delivered", "delivered", "retry", "dead", "released"]), min_size=1, max_size=4
        ),
        undo=st.booleans(),
    )
    def report(self, data: st.DataObject, who: str, outcomes: list[str], undo: bool) -> None:
        """Outcomes of messages of one aggregate, whoever has it, in order or not."""
        name = data.draw(st.sampled_from(AGGREGATES), label="aggregate")
        ids = [m.id for m in self.messages if m.aggregate == name][-6:]
        if not ids:
            return
        one = self.aggregates[name]
        start = one.held[0] if one.held and data.draw(st.booleans(), label="from the first held") else ids[0]
        chosen = [i for i in ids if i >= start][: len(outcomes)]
        said = dict(zip(chosen, outcomes, strict=False))
        if undo:
            self.loop.do("begin")
        rows = self.loop.rows(
            "select event_id, outcome from fn_complete_outbox_events(%s, %s)",
            who,
            Jsonb([{"event_id": i, "outcome": o} for i, o in said.items()]),
        )
        answered = {r["event_id"]: r["outcome"] for r in rows}
        if undo:
            self.loop.do("rollback")
            return
        assert answered == self.settle(name, who, said)

    def settle(self, name: str, who: str, said: dict[int, str]) -> dict[int, str]:
        """What the model answers."""
        one = self.aggregates[name]
        answer = dict.fromkeys(said, "OPS_006")
        if one.holder != who:
            return answer
        for number in list(one.held):
            message = next(m for m in self.messages if m.id == number)
            outcome = said.get(number)
            if outcome is None:
                return answer
            if outcome == "retry" and message.failures + 1 >= TRIES:
                outcome = "dead"
            answer[number] = outcome
            if outcome in ("retry", "dead"):
                message.failures += 1
            if outcome == "released":
                self.let_go(one, self.now)
                return answer
            if outcome == "retry":
                self.let_go(one, self.now + 2**message.failures)
                return answer
            message.state = outcome
            one.waiting.remove(message)
            one.held.remove(number)
            if outcome == "delivered":
                self.delivered[name].append(number)
        self.let_go(one, self.now)
        return answer

    def let_go(self, one: Aggregate, until: float) -> None:
        one.holder, one.held, one.until = None, [], until

    @rule(data=st.data(), who=st.sampled_from(PROCESSORS))
    def extend(self, data: st.DataObject, who: str) -> None:
        """Who has an aggregate may keep it."""
        name = data.draw(st.sampled_from(AGGREGATES), label="aggregate")
        one = self.aggregates[name]
        if not one.held:
            return
        ok = self.loop.value("select ok from fn_extend_outbox_claims(%s, %s)", who, [one.held[0]])
        assert ok is (one.holder == who)
        if ok:
            one.until = self.now + LEASE

    # Time

    @rule(seconds=st.sampled_from([1, 2, 5, 30, 61]))
    def pass_time(self, seconds: int) -> None:
        """Retries become due, leases run out; nobody is told before a claim looks."""
        self.loop.advance_stopped(seconds)
        self.now += seconds

    @invariant()
    def tables_say_the_same(self) -> None:
        """State and failures of each message."""
        rows = self.loop.rows("select id, processed_at, dead, retry_count from outbox order by id")
        told = {
            r["id"]: (
                "dead" if r["dead"] else "delivered" if r["processed_at"] else "waiting",
                r["retry_count"],
            )
            for r in rows
        }
        assert told == {m.id: (m.state, m.failures) for m in self.messages}

    def teardown(self) -> None:
        """However it ended, all that waits comes in the end, and the loop is sound."""
        for at in list(self.open):
            self.publishers[at].do("rollback")
        assert self.loop.rows("select * from fn_check_invariants()") == []
        for one in self.aggregates.values():
            one.until = min(one.until, self.now + LEASE)
        self.loop.advance_stopped(LEASE + 1)
        left = {m.id for m in self.messages if m.state == "waiting"}
        while rows := self.loop.rows("select id from fn_claim_outbox_deliveries('end', 100)"):
            said = [{"event_id": r["id"], "outcome": "delivered"} for r in rows]
            self.loop.rows("select * from fn_complete_outbox_events('end', %s)", Jsonb(said))
            left -= {r["id"] for r in rows}
        assert left == set()
        assert self.loop.rows("select * from outbox_heads") == []
        assert self.loop.rows("select * from fn_check_invariants()") == []


class StoppedLoop(Loop):
    """A loop whose clock stands still and is moved by hand."""

    def advance_stopped(self, seconds: float) -> None:
        """Move the clock on, and leave it standing."""
        self.stop_clock(self.value("select (_now() + make_interval(secs => %s))::text", seconds))


@pytest.mark.timeout(300)
def test_the_outbox_does_what_the_model_says(connect: Callable[..., psycopg.Connection[Any]]) -> None:
    sessions = [StoppedLoop(connect()) for _ in range(3)]
    route = {"event_type": "*", "sink": "own", "max_tries": TRIES}
    sessions[0].do("select fn_set_policy('outbox', %s)", {"routes": [route], "lease_seconds": LEASE})

    class Machine(OutboxMachine):
        """On this test's sessions."""

    Machine.sessions = sessions  # type: ignore[assignment]
    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=60,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
