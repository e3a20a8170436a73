"""Replay log, dead letters and redriving against a plain model of them, in several sessions.

Sessions archive, record and redrive, singly and by filter, inside transactions that stay open, are rolled back wholly
or to a savepoint, or outside of any. Steps and messages give up, come back, give up again. Who would have to wait for
another session is told so, by OPS_031 or by its lock_timeout, which the model foretells. Every run ends with a look
at the invariants.
"""

import os
from collections.abc import Callable
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from looping import Loop, step

LETTERS = st.sampled_from(["d1", "d2", "d3"])
ORIGINALS = st.sampled_from(["o1", "o2"])
CLOCK = """
  create sequence test_clock minvalue 0 start 0;
  create or replace function _now() returns timestamptz language plpgsql volatile set search_path from current as $$
  begin return timestamptz '2030-01-01 00:00:00+00' + (select last_value from test_clock) * interval '1 s'; end; $$"""
#: What waits two seconds waits here no longer than all else.
IMPATIENCE = """
  do $$
  declare v_routine regprocedure;
  begin
    for v_routine in select p.oid from pg_proc p where 'lock_timeout=2s' = any (p.proconfig) loop
      execute format('alter function %s set lock_timeout = %L', v_routine, '20ms');
    end loop;
  end; $$"""
WAITED = ("55P03", "OP031")
REDRIVE = "select * from fn_redrive_dead_letter(%s)"


class WaitsError(Exception):
    """Somebody else holds what is needed."""


class RefusedError(Exception):
    """The code of the refusal."""


@dataclass
class Letter:
    """A dead letter: what it is about, and which end of it."""

    number: int
    what: str
    original: str
    attempt: int
    at: int


@dataclass
class Work:
    """What a transaction has done, and what others would have to wait for."""

    letters: dict[str, Letter] = field(default_factory=dict)
    redriven: set[str] = field(default_factory=set)
    #: original → (letter, key)
    replays: dict[str, tuple[str | None, str | None]] = field(default_factory=dict)
    back: set[str] = field(default_factory=set)
    told: int = 0
    duplicates: int = 0
    held: set[str] = field(default_factory=set)


@dataclass
class Thing:
    """A step or a message: ready, dead or done; how often it was claimed; its letters so far."""

    state: str = "ready"
    attempt: int = 0


@dataclass
class Session:
    """A session of the test, and its open transaction if it has one."""

    loop: Loop
    work: Work | None = None
    savepoint: Work | None = None


class ReplayMachine(RuleBasedStateMachine):
    """Whatever happens to what gave up."""

    loops: list[Loop]

    def __init__(self) -> None:
        super().__init__()
        self.watch = self.loops[0]
        self.sessions = [Session(loop) for loop in self.loops[1:]]
        self.watch.empty()
        self.watch.rows("select setval('test_clock', 0)")
        self.now = 0
        self.letters: dict[str, Letter] = {}
        self.redriven: set[str] = set()
        self.replays: dict[str, tuple[str | None, str | None]] = {}
        self.told = self.duplicates = 0
        self.things: dict[str, Thing] = {}

    # The model

    def pick(self, data: st.DataObject) -> Session:
        return data.draw(st.sampled_from(self.sessions), label="session")

    def others(self, session: Session) -> list[Work]:
        return [s.work for s in self.sessions if s is not session and s.work is not None]

    def hold(self, session: Session, work: Work, what: str) -> None:
        """Takes a lock until the end of the transaction."""
        if any(what in other.held for other in self.others(session)):
            raise WaitsError(what)
        work.held.add(what)

    def apply(self, work: Work) -> None:
        self.letters |= work.letters
        self.redriven |= work.redriven
        self.replays |= work.replays
        self.told += work.told
        self.duplicates += work.duplicates
        for name in work.back:
            self.things[name].state = "ready"

    def seen(self, work: Work) -> dict[str, Letter]:
        return self.letters | work.letters

    def record(
        self, session: Session, work: Work, original: str, letter: str | None, key: str | None
    ) -> bool:
        """Whether it was replayed before."""
        replays = self.replays | work.replays
        if original not in replays:
            self.hold(session, work, f"original {original}")
            keys = {k for _, k in replays.values()}
            if key is not None and key not in keys:
                self.hold(session, work, f"key {key}")
            if key is None or key not in keys:
                work.replays[original] = (letter, key)
                if letter in self.seen(work) and letter not in self.redriven | work.redriven:
                    self.hold(session, work, f"letter {letter}")
                    work.redriven.add(str(letter))
                return False
            work.held.discard(f"original {original}")
        work.duplicates += 1
        return True

    def put_back(self, session: Session, work: Work, name: str) -> bool:
        """What redriving one letter answers, once the letter is locked."""
        letter = self.seen(work)[name]
        if name in self.redriven | work.redriven:
            work.duplicates += 1
            return False
        other = letter.what == "other"
        if self.record(session, work, letter.original if other else name, name, None):
            work.redriven.add(name)
            return False
        if other:
            work.told += 1
            return True
        thing = self.things[letter.original]
        self.hold(session, work, letter.original)
        if thing.state != "dead" or letter.original in work.back or letter.attempt != thing.attempt:
            raise RefusedError("OP014")
        work.back.add(letter.original)
        return True

    def attempt(self, session: Session, model: Callable[[Work], Any], call: Callable[[], Any]) -> None:
        """Calls, and compares with what the model says; what is refused or would wait leaves no trace."""
        work = deepcopy(session.work) if session.work is not None else Work()
        try:
            expected = model(work)
        except WaitsError:
            with pytest.raises(psycopg.DatabaseError) as raised, session.loop.savepoint():
                call()
            assert raised.value.sqlstate in WAITED, raised.value
            return
        except RefusedError as refused:
            code = str(refused).removeprefix("OP")
            with pytest.raises(psycopg.DatabaseError, match=f"OPS_{code}"), session.loop.savepoint():
                call()
            return
        assert call() == expected
        if session.work is None:
            self.apply(work)
        else:
            session.work = work

    # Transactions

    @rule(data=st.data())
    def begin(self, data: st.DataObject) -> None:
        session = self.pick(data)
        if session.work is None:
            session.loop.do("begin")
            session.work, session.savepoint = Work(), None

    @rule(data=st.data(), how=st.sampled_from(["commit", "rollback"]))
    def end(self, data: st.DataObject, how: str) -> None:
        session = self.pick(data)
        if session.work is not None:
            session.loop.do(how)
            if how == "commit":
                self.apply(session.work)
            session.work, session.savepoint = None, None

    @rule(data=st.data())
    def savepoint(self, data: st.DataObject) -> None:
        session = self.pick(data)
        if session.work is not None and session.savepoint is None:
            session.loop.do("savepoint s")
            session.savepoint = deepcopy(session.work)

    @rule(data=st.data())
    def undo(self, data: st.DataObject) -> None:
        session = self.pick(data)
        if session.savepoint is not None:
            session.loop.do("rollback to savepoint s")
            session.work = deepcopy(session.savepoint)

    # Calls

    @rule(data=st.data(), name=LETTERS, original=ORIGINALS)
    def archive(self, data: st.DataObject, name: str, original: str) -> None:
        session = self.pick(data)

        numbers: list[int] = []

        def model(work: Work) -> None:
            if name not in self.seen(work):
                self.hold(session, work, f"new {name}")
                work.letters[name] = Letter(0, "other", original, 0, self.now)

        def call() -> None:
            numbers.append(session.loop.value("select fn_archive_dead_letter(%s, %s)", name, original))

        self.attempt(session, model, call)
        if numbers:
            letter = self.seen(session.work or Work())[name]
            assert letter.number in (0, numbers[0]), "the same letter again is the first one"
            letter.number = numbers[0]

    @rule(
        data=st.data(),
        original=ORIGINALS,
        name=st.none() | LETTERS,
        key=st.sampled_from([None, None, "k1", "k2"]),
    )
    def record_replay(self, data: st.DataObject, original: str, name: str | None, key: str | None) -> None:
        session = self.pick(data)
        self.attempt(
            session,
            lambda work: self.record(session, work, original, name, key),
            lambda: session.loop.row("select * from fn_record_replay(%s, %s, null, %s)", original, name, key)[
                "already_replayed"
            ],
        )

    @rule(data=st.data())
    def redrive(self, data: st.DataObject) -> None:
        session = self.pick(data)
        known = {"d1", *self.letters, *(n for s in self.sessions if s.work for n in s.work.letters)}
        name = data.draw(st.sampled_from(sorted(known)), label="letter")

        def model(work: Work) -> bool:
            if name not in self.seen(work):
                raise RefusedError("OP012")
            self.hold(session, work, f"letter {name}")
            return self.put_back(session, work, name)

        self.attempt(session, model, lambda: session.loop.row(REDRIVE, name)["redriven"])

    @rule(
        data=st.data(),
        what=st.sampled_from([None, "step", "outbox", "other"]),
        back=st.sampled_from([None, 1, 100]),
        limit=st.sampled_from([1, 2, 10]),
    )
    def redrive_many(self, data: st.DataObject, what: str | None, back: int | None, limit: int) -> None:
        session = self.pick(data)
        since = max(0, self.now - back) if back is not None else 0

        def model(work: Work) -> list[tuple[str, str]]:
            outcomes = []
            picked = sorted(
                (letter.number, name)
                for name, letter in self.seen(work).items()
                if name not in self.redriven | work.redriven
                and what in (None, letter.what)
                and letter.at >= since
            )
            for _, name in picked[:limit]:
                if any(f"letter {name}" in other.held for other in self.others(session)):
                    continue
                work.held.add(f"letter {name}")
                try:
                    attempt = deepcopy(work)
                    done = self.put_back(session, attempt, name)
                    outcomes.append((name, "redriven" if done else "was redriven before"))
                    work.__dict__.update(attempt.__dict__)
                except WaitsError:
                    outcomes.append((name, "waits"))
                except RefusedError as refused:
                    outcomes.append((name, str(refused)))
            return outcomes

        def call() -> list[tuple[str, str]]:
            rows = session.loop.rows(
                "select dl_msg_id, outcome from fn_redrive_dead_letters(%s || jsonb_build_object('since', "
                "timestamptz '2030-01-01 00:00:00+00' + %s * interval '1 s'), %s, false)",
                {} if what is None else {"what": what}, since, limit,
            )  # fmt: skip
            found = [(r["dl_msg_id"], o[-6:-1] if (o := r["outcome"]).endswith(")") else o) for r in rows]
            return [(name, "waits" if outcome in WAITED else outcome) for name, outcome in found]

        self.attempt(session, model, call)

    # What gives up, and comes back

    def held(self, name: str) -> bool:
        return any(name in s.work.held for s in self.sessions if s.work is not None)

    def dies(self, name: str, what: str) -> None:
        row = self.watch.row("select id, dl_msg_id from dead_letter_archive order by id desc limit 1")
        assert row["dl_msg_id"] not in self.letters, "each end leaves a letter of its own"
        self.things[name].state = "dead"
        self.letters[row["dl_msg_id"]] = Letter(row["id"], what, name, self.things[name].attempt, self.now)

    @rule()
    def propose(self) -> None:
        if len([n for n in self.things if not n.startswith("outbox:")]) < 3:
            mission = self.watch.mission(step("a"))
            self.things[str(self.watch.step(mission)["id"])] = Thing()

    @rule(fails=st.sampled_from([True, True, False]))
    def work(self, fails: bool) -> None:
        """All that is ready is claimed, once each."""
        claimed = self.watch.claim(10)
        names = {str(c["step_id"]) for c in claimed}
        assert names == {
            n for n, t in self.things.items() if t.state == "ready" and not n.startswith("outbox:")
        }
        for one in claimed:
            name = str(one["step_id"])
            self.things[name].attempt += 1
            assert one["attempt"] == self.things[name].attempt
            if fails:
                self.watch.fail(one, "no", retryable=False)
                self.dies(name, "step")
            else:
                assert self.watch.complete(one) == "accepted"
                self.things[name].state = "done"

    @rule()
    def retry_by_hand(self) -> None:
        for name, thing in self.things.items():
            if thing.state == "dead" and not name.startswith("outbox:") and not self.held(name):
                self.watch.value("select fn_retry_step(%s)", name)
                thing.state = "ready"
                return

    @rule()
    def publish(self) -> None:
        count = len([n for n in self.things if n.startswith("outbox:")])
        if count < 3:
            message = self.watch.value("select fn_publish_outbox('a', %s, 'e')", str(count))
            self.things[f"outbox:{message}"] = Thing()

    @rule(fails=st.sampled_from([True, True, False]))
    def relay(self, fails: bool) -> None:
        """All messages that wait are claimed, and delivered or given up."""
        claimed = [
            f"outbox:{r['id']}" for r in self.watch.rows("select id from fn_claim_outbox_events('r', 10)")
        ]
        assert sorted(claimed) == sorted(
            n for n, t in self.things.items() if t.state == "ready" and n.startswith("outbox:")
        )
        for name in claimed:
            self.watch.rows(
                "select * from fn_complete_outbox_events('r', jsonb_build_array(jsonb_build_object("
                "'event_id', %s::bigint, 'outcome', %s::text, 'error', 'gone')))",
                name.split(":")[1], "dead" if fails else "delivered",
            )  # fmt: skip
            if fails:
                self.dies(name, "outbox")
            else:
                self.things[name].state = "done"

    @rule(seconds=st.sampled_from([1, 50, 3600]))
    def pass_time(self, seconds: int) -> None:
        self.now += seconds
        self.watch.rows("select setval('test_clock', %s)", self.now)

    # What must hold at any moment

    @invariant()
    def tables_and_counters_and_model_say_the_same(self) -> None:
        rows = self.watch.rows(
            "select id, dl_msg_id, redriven_at is not null as back from dead_letter_archive"
        )
        assert {r["dl_msg_id"]: (r["id"], r["back"]) for r in rows} == {
            name: (letter.number, name in self.redriven) for name, letter in self.letters.items()
        }
        rows = self.watch.rows("select original_msg_id, dl_msg_id, idempotency_key from replay_log")
        assert {r["original_msg_id"]: (r["dl_msg_id"], r["idempotency_key"]) for r in rows} == self.replays
        assert len(rows) == len(self.replays)
        counted = "select value from fn_metrics() where name = 'm10_replay_duplicates_total'"
        assert self.watch.value(counted) == self.duplicates
        told = "select count(*) from ops_agent_events where type = 'dead_letter:redriven'"
        assert self.watch.value(told) == self.told

    def teardown(self) -> None:
        for session in self.sessions:
            with suppress(psycopg.Error):
                session.loop.conn.rollback()
        assert self.watch.broken() == []


@pytest.fixture
def machine(connect: Callable[..., psycopg.Connection[Any]]) -> type[ReplayMachine]:
    """The machine on this test's database."""
    opened = [Loop(connect()) for _ in range(4)]
    opened[0].conn.execute(CLOCK)
    opened[0].conn.execute(IMPATIENCE)
    opened[0].do("set statement_timeout = '20s'")  # nothing here waits for long
    for loop in opened[1:]:
        loop.do("set lock_timeout = '20ms'")
    return type("Machine", (ReplayMachine,), {"loops": opened})


def test_whatever_happens_each_message_is_replayed_once(machine: type[ReplayMachine]) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=int(os.environ.get("OPSLOOP_REPLAY_EXAMPLES", "30")),
            stateful_step_count=50,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            print_blob=True,
        ),
    )
