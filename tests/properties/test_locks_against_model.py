"""Locks against a plain model of them: any interleaving of sessions, transactions, rollbacks and time.

The model says of every call what it must answer, and what the tables and counters must hold after it. The clock is a
sequence, which every session sees move at once, whatever its snapshot.
"""

import os
from collections.abc import Callable
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from looping import Loop

NAMES = st.sampled_from(["one", "one", "one", "two"])
HOLDERS = st.sampled_from(["a", "b", "c"])
SECONDS = st.sampled_from([5, 10, 30])
HAPPENS = (
    ["acquire"] * 4 + ["reacquire", "extend", "extend", "release", "release", "assert", "assert", "assert", "ask"]
    + ["clean up", "time passes", "time passes", "time passes", "from outside"] + ["transaction"] * 4
)  # fmt: skip
START = datetime(2030, 1, 1, tzinfo=UTC)

CLOCK = """
  create sequence test_clock minvalue 0 start 0;
  create or replace function _now() returns timestamptz language plpgsql volatile set search_path from current as $$
  begin return timestamptz '2030-01-01 00:00:00+00' + (select last_value from test_clock) * interval '1 s'; end; $$"""

#: Which row locks of two sessions exclude each other; "share" is that of an assertion, "keep" that of an extension.
EXCLUDES = {"share": {"take"}, "keep": {"keep", "take"}, "take": {"share", "keep", "take"}}


@dataclass
class Row:
    """A lock as the table has it."""

    holder: str
    token: int
    acquired: int
    expires: int


@dataclass
class Work:
    """What a transaction has done and not committed."""

    rows: dict[str, Row | None] = field(default_factory=dict)
    locked: dict[str, set[str]] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)
    counted: dict[str, int] = field(default_factory=lambda: {"acquired": 0, "failed": 0})


@dataclass
class Session:
    """A session of the test: its connection, and its open transaction if it has one."""

    loop: Loop
    work: Work | None = None
    savepoint: Work | None = None
    old: bool = False

    @property
    def open(self) -> bool:
        return self.work is not None


class LocksMachine(RuleBasedStateMachine):
    """Three sessions that acquire, extend, release, assert and clean up, inside transactions and outside."""

    loops: list[Loop]

    def __init__(self) -> None:
        super().__init__()
        self.watch = self.loops[0]
        self.sessions = [Session(loop) for loop in self.loops[1:]]
        for table in ("distributed_locks", "ops_counters", "ops_counts"):
            self.watch.do(f"delete from {table}")
        self.watch.rows("select setval('test_clock', 0)")
        self.now = 0
        self.rows: dict[str, Row] = {}
        self.counted = {"acquired": 0, "failed": 0}
        self.highest: dict[str, int] = {}

    # The model

    def others(self, session: Session) -> list[Work]:
        return [s.work for s in self.sessions if s is not session and s.work is not None]

    def seen(self, session: Session, name: str) -> Row | None:
        if session.work is not None and name in session.work.rows:
            return session.work.rows[name]
        return self.rows.get(name)

    def held(self, session: Session, name: str, holder: str) -> bool:
        row = self.seen(session, name)
        return row is not None and row.holder == holder and row.expires > self.now

    def free(self, session: Session, name: str, lock: str) -> bool:
        """Whether no other session's row lock is in the way of this one."""
        return not any(EXCLUDES[lock] & w.locked.get(name, set()) for w in self.others(session))

    def do(self, session: Session, change: Callable[[Work], None]) -> None:
        if session.work is None:
            work = Work()
            change(work)
            self.apply(work)
        else:
            change(session.work)

    def apply(self, work: Work) -> None:
        for name, row in work.rows.items():
            if row is None:
                self.rows.pop(name, None)
            else:
                self.rows[name] = row
        for name, n in work.counted.items():
            self.counted[name] += n

    def lock(self, work: Work, name: str, lock: str) -> None:
        work.locked.setdefault(name, set()).add(lock)

    def answer(self, session: Session, expected: bool, query: str, *params: Any) -> bool:
        """The answer of the call, as the model has it; an old snapshot may refuse to say, and is left then."""
        try:
            said = session.loop.value(query, *params)
        except psycopg.errors.SerializationFailure:
            assert session.old
            said = False
        if session.old and not said:
            self.leave(session, "rollback")
            return False
        assert said is expected
        return bool(said)

    # What happens. One rule: of several, hypothesis leaves some out of an example, and nothing would meet.

    @rule(data=st.data(), what=st.sampled_from(HAPPENS))
    def happen(self, data: st.DataObject, what: str) -> None:
        session = data.draw(st.sampled_from(self.sessions), label="session")
        name, holder = data.draw(NAMES, label="name"), data.draw(HOLDERS, label="holder")
        row = self.seen(session, name)
        if (
            row is not None
            and what != "acquire"
            and data.draw(st.sampled_from([True, True, True, False]), label="by the holder")
        ):
            holder = row.holder
        if what in ("acquire", "reacquire"):
            self.acquire(session, name, holder, data.draw(SECONDS, label="ttl"))
        elif what == "extend":
            self.extend(session, name, holder, data.draw(SECONDS, label="ttl"))
        elif what == "release":
            self.release(session, name, holder)
        elif what == "assert":
            self.assert_it(session, name, row is None or holder != row.holder)
        elif what == "ask":
            self.ask(session, name, holder)
        elif what == "clean up":
            self.clean_up(session)
        elif what == "time passes":
            self.pass_time(data.draw(st.sampled_from([1, 4, 5, 10, 31]), label="seconds"))
        elif what == "from outside":
            data.draw(st.sampled_from([self.delete_by_hand, self.new_epoch, self.sum_up]), label="what")(name)
        elif session.open:
            self.go_on(
                session, data.draw(st.sampled_from(["commit", "rollback", "savepoint", "undo"]), label="how")
            )
        else:
            self.begin(session, data.draw(st.sampled_from([False, False, False, True]), label="old"))

    # Transactions

    def begin(self, session: Session, old: bool) -> None:
        session.loop.do(f"begin isolation level {'repeatable read' if old else 'read committed'}")
        session.loop.rows("select * from distributed_locks")
        session.work, session.savepoint, session.old = Work(), None, old

    def go_on(self, session: Session, how: str) -> None:
        if how in ("commit", "rollback"):
            self.leave(session, how)
        elif how == "savepoint" and session.savepoint is None:
            session.loop.do("savepoint s")
            session.savepoint = deepcopy(session.work)
        elif how == "undo" and session.savepoint is not None:
            session.loop.do("rollback to savepoint s")
            session.work = deepcopy(session.savepoint)

    def leave(self, session: Session, how: str) -> None:
        assert session.work is not None
        session.loop.do(how)
        if how == "commit":
            self.apply(session.work)
        session.work, session.savepoint, session.old = None, None, False

    # Calls

    def acquire(self, session: Session, name: str, holder: str, ttl: int) -> None:
        row = self.seen(session, name)
        held = row is not None and row.expires > self.now
        if held:
            outcome = (
                "kept" if self.held(session, name, holder) and self.free(session, name, "keep") else "failed"
            )
        elif any(name in w.names for w in self.others(session)):
            outcome = "failed"
        else:
            outcome = "acquired" if row is None or self.free(session, name, "take") else "failed"
        old = session.old
        query = "select fn_acquire_lock(%s, %s, %s)"
        if not self.answer(session, outcome != "failed", query, name, holder, ttl) and old:
            return
        token = session.loop.value("select fn_lock_token(%s, %s)", name, holder)
        if outcome == "acquired":
            assert token > self.highest.get(name, 0), "tokens only rise"
            self.highest[name] = token

        def change(work: Work) -> None:
            if not held:
                work.names |= {name} if not any(name in w.names for w in self.others(session)) else set()
            if outcome == "kept" and row is not None:
                work.rows[name] = Row(holder, row.token, row.acquired, self.now + ttl)
                self.lock(work, name, "keep")
            elif outcome == "acquired":
                work.rows[name] = Row(holder, token, self.now, self.now + ttl)
                self.lock(work, name, "take")
            if outcome != "kept":
                work.counted[outcome] += 1

        self.do(session, change)

    def extend(self, session: Session, name: str, holder: str, ttl: int) -> None:
        row = self.seen(session, name)
        ok = self.held(session, name, holder) and self.free(session, name, "keep")
        if (
            self.answer(session, ok, "select fn_extend_lock(%s, %s, %s)", name, holder, ttl)
            and row is not None
        ):

            def change(work: Work) -> None:
                work.rows[name] = Row(holder, row.token, row.acquired, self.now + ttl)
                self.lock(work, name, "keep")

            self.do(session, change)

    def release(self, session: Session, name: str, holder: str) -> None:
        row = self.seen(session, name)
        ok = self.held(session, name, holder) and self.free(session, name, "keep")
        if self.answer(session, ok, "select fn_release_lock(%s, %s)", name, holder) and row is not None:
            gone = self.free(session, name, "take")

            def change(work: Work) -> None:
                work.rows[name] = None if gone else Row(holder, row.token, row.acquired, self.now)
                self.lock(work, name, "take" if gone else "keep")

            self.do(session, change)

    def assert_it(self, session: Session, name: str, late: bool) -> None:
        if session.old:
            return
        row = self.seen(session, name)
        token = (row.token if row else 1) - late
        ok = row is not None and row.expires > self.now and not late and self.free(session, name, "share")
        if ok:
            session.loop.rows("select fn_assert_lock(%s, %s)", name, token)
            self.do(session, lambda work: self.lock(work, name, "share"))
        else:
            with pytest.raises(psycopg.DatabaseError, match="OPS_030"), session.loop.savepoint():
                session.loop.rows("select fn_assert_lock(%s, %s)", name, token)

    def ask(self, session: Session, name: str, holder: str) -> None:
        if not session.old:
            row = self.seen(session, name)
            expected = row.token if row and self.held(session, name, holder) else None
            assert session.loop.value("select fn_lock_token(%s, %s)", name, holder) == expected

    def clean_up(self, session: Session) -> None:
        if session.old:
            return
        gone = [
            name
            for name in ("one", "two")
            if (row := self.seen(session, name))
            and row.expires <= self.now
            and self.free(session, name, "take")
        ]
        assert session.loop.value("select fn_cleanup_expired_locks()") == len(gone)

        def change(work: Work) -> None:
            for name in gone:
                work.rows[name] = None
                self.lock(work, name, "take")

        self.do(session, change)

    # What happens from outside

    def pass_time(self, seconds: int) -> None:
        self.now += seconds
        self.watch.rows("select setval('test_clock', %s)", self.now)

    def delete_by_hand(self, name: str) -> None:
        if not any(w.locked.get(name) for w in self.others(Session(self.watch))):
            self.watch.do("delete from distributed_locks where lock_name = %s", name)
            self.rows.pop(name, None)

    def new_epoch(self, name: str) -> None:
        self.watch.do("update ops_control set epoch = epoch + 1")

    def sum_up(self, name: str) -> None:
        self.watch.rows("select _duty_base()")
        self.counters_say_what_the_model_says()

    # What must hold at any moment

    @invariant()
    def table_and_model_say_the_same(self) -> None:
        def seconds(moment: datetime) -> int:
            return (moment - START) // timedelta(seconds=1)

        found = {
            r["lock_name"]: Row(
                r["holder_id"], r["token"], seconds(r["acquired_at"]), seconds(r["expires_at"])
            )
            for r in self.watch.rows("select * from distributed_locks")
        }
        assert found == self.rows

    def counters_say_what_the_model_says(self) -> None:
        counters = {
            r["name"].split("_")[2]: int(r["value"])
            for r in self.watch.rows("select * from fn_metrics() where name like 'm10\\_locks\\_%%'")
        }
        assert counters == self.counted

    def teardown(self) -> None:
        for session in self.sessions:
            with suppress(psycopg.Error):
                session.loop.conn.rollback()
        self.counters_say_what_the_model_says()
        assert self.watch.broken() == []


@pytest.fixture
def machine(connect: Callable[..., psycopg.Connection[Any]]) -> type[LocksMachine]:
    """The machine on this test's database."""
    opened = [Loop(connect()) for _ in range(4)]
    opened[0].conn.execute(CLOCK)
    for loop in opened:
        loop.do("set statement_timeout = '5s'")  # nothing here waits for long
    return type("Machine", (LocksMachine,), {"loops": opened})


def test_whatever_happens_a_lock_has_one_holder_and_the_counters_are_exact(
    machine: type[LocksMachine],
) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=int(os.environ.get("OPSLOOP_LOCK_EXAMPLES", "30")),
            stateful_step_count=100,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            print_blob=True,
        ),
    )
