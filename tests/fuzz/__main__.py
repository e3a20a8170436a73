"""`make fuzz`: thousands of hostile calls, then the question whether the loop is still whole.

What must hold: a call is answered, or refused with an OPS code, with a missing right, or with a data exception that
names the argument; a refused call has changed nothing and left no lock behind; no call takes longer than five seconds;
afterwards the invariants hold and everything that waits for nobody is worked off.
"""

import argparse
import hashlib
import resource
import sys
import tempfile
import textwrap
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from databases import Databases
from fuzz.calls import Caller, Transaction, functions, unfit
from fuzz.values import DIRECTIVES, PHASES, SUB_AGENTS, Values
from logins import ROLES, Logins
from looping import Loop
from opsloop import migrate
from tracked import directive

SLOW_SECONDS = 5.0

#: The loop's clock and ids follow from what was called, so that the same seed comes to the same calls.
REPEATABLE = """
  create sequence public.fuzz_seconds minvalue 0;
  create sequence public.fuzz_ids;
  grant usage on schema public to public;
  grant select on public.fuzz_seconds to public;
  create or replace function _now() returns timestamptz language plpgsql volatile set search_path from current as $$
  begin
    return timestamptz '2031-01-01 00:00+00' + (select last_value from public.fuzz_seconds) * interval '1 s';
  end; $$;
  create or replace function _uuid_v7_start(out start bigint, out tail bigint) language plpgsql volatile
  set search_path from current as $$
  declare
    v_id constant bigint := nextval('public.fuzz_ids');
  begin
    start := extract(epoch from _now())::bigint * 4096000 + v_id;
    tail := -9223372036854775807 - 1 + v_id;
  end; $$;
  create or replace function _uuid_v7() returns uuid language plpgsql volatile set search_path from current as $$
  begin
    return (select _nth_uuid_v7(s.start, s.tail, 0) from _uuid_v7_start() s);
  end; $$;
"""
#: What must not be left when everything that waits for nobody was worked off.
LEFT = {
    "step": """select s.id, s.status, s.executor, s.attempt, s.last_error, s.run_after, m.status as mission
                 from ops_mission_steps s join ops_missions m on m.id = s.mission_id
                where s.status in ('queued', 'running') or (s.status = 'blocked' and not exists (
                  select from ops_mission_steps w where w.mission_id = s.mission_id and w.status = 'waiting'))
                order by s.status desc, s.id""",
    "event": "select id, type from ops_agent_events where processed_at is null and type not like 'heartbeat:%%'",
    "reaction": "select id, status from ops_agent_reactions where status in ('queued', 'processing')",
    "message": "select id, dead, retry_count, last_error from outbox where processed_at is null",
}


@dataclass
class Figures:
    """What came of it."""

    answered: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    slowest: dict[str, float] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    kinds: Counter[str] = field(default_factory=Counter)
    trace: Any = field(default_factory=hashlib.sha256)
    """What was called and how it ended: equal for runs that made the same calls."""

    def __str__(self) -> str:
        calls = self.answered.total() + self.refused.total()
        codes = ", ".join(f"{code} {n}" for code, n in sorted(self.refused.items()))
        slowest = sorted(self.slowest.items(), key=lambda item: -item[1])[:5]
        silent = sorted(name for name in self.slowest if name not in self.answered)
        return "\n".join(
            [
                f"calls       {calls:>8,}",
                f"answered    {self.answered.total():>8,}  {len(self.answered)} functions",
                f"refused     {self.refused.total():>8,}  {codes}",
                "slowest               " + ", ".join(f"{name} {seconds:.2f} s" for name, seconds in slowest),
                "never answered        " + (", ".join(silent) or "none"),
                f"trace       {self.trace.hexdigest()[:8]}",
                f"failures    {len(self.failures):>8,}",
            ]
        )


class Run:
    """One run on a database of its own."""

    def __init__(self, dsn: str, logins: Logins, seed: int, largest: int, out: Path) -> None:
        self.loop = Loop(psycopg.connect(dsn, autocommit=True, options="-c search_path=opsloop"))
        self.figures = Figures()
        self._seed = seed
        self._rng = Random(seed)
        self._values = Values(self._rng, largest=largest)
        self._out = out
        self._logins = logins
        self._names = {"stranger": logins.make(), **{role: logins.make(role) for role in ROLES}}
        self._sessions: dict[str, psycopg.Connection[Any]] = {}
        self._caller = Caller(functions(self.loop.conn), list(self._names), self._rng, self._values)
        self._seconds = 0
        tables = "select relname from pg_class where relkind = 'r' and relnamespace = 'opsloop'::regnamespace"
        self._tables = sorted(row["relname"] for row in self.loop.rows(tables))
        self.loop.conn.execute(REPEATABLE)
        for key in ("p1", "p2", "size_limits"):
            self.loop.do("select fn_set_policy(%s, %s)", key, {})
        self.loop.allow()
        rules = self.loop.value("select fn_get_policy('transition_rules')")
        # In a circle, so that there is always a move left.
        rules["lead_to_plan"]["from"].append("LEAD_FINAL")
        self.loop.do("select fn_set_policy('transition_rules', %s)", rules)
        for nth, name in enumerate(DIRECTIVES):
            directive(self.loop, name, phase=PHASES[nth % len(PHASES)])
        for code in SUB_AGENTS:
            self.loop.do("insert into leo_sub_agents (code) values (%s)", code)
        keys = [row["key"] for row in self.loop.rows("select key from ops_policy order by key")]
        self._documents = {key: self.loop.value("select fn_get_policy(%s)", key) for key in keys}

    def session(self, role: str) -> psycopg.Connection[Any]:
        """The session of a role; a new one when the old one was lost."""
        found = self._sessions.get(role)
        if found is None or found.closed or found.broken:
            found = self._sessions[role] = self._logins.open(self._names[role])
            found.execute("set statement_timeout = '30s'")
        return found

    def pass_time(self, seconds: int) -> None:
        """Moves the clock of the loop, which stands still otherwise."""
        self._seconds += seconds
        self.loop.value("select setval('public.fuzz_seconds', %s)", self._seconds)

    def versions(self) -> dict[str, Any]:
        """A mark of all versions of rows of each table: another one after any write."""
        each = sql.SQL(" union all ").join(
            sql.SQL(
                "select {} as name, count(*) as n, sum(hashtext(t.xmin::text || t.ctid::text)) as mark from {} t"
            ).format(sql.Literal(name), sql.Identifier(name))
            for name in self._tables
        )
        return {row["name"]: row for row in self.loop.conn.execute(each, prepare=True).fetchall()}

    def changed(self, before: dict[str, Any] | None) -> str:
        """The tables whose rows are others than `before`; empty without a mark from before."""
        if before is None:
            return ""
        return ", ".join(name for name, mark in self.versions().items() if before[name] != mark)

    def look_around(self) -> None:
        """Learns which ids there are, so that calls reach what exists."""
        known = self._values.known

        def newest(query: str) -> list[Any]:
            return [row["x"] for row in self.loop.rows(query)]

        def pairs(query: str) -> list[tuple[str, str]]:
            return [(one, other) for one, other in map(dict.values, self.loop.rows(query))]

        for name, table in {
            "event": "ops_agent_events",
            "proposal": "ops_mission_proposals",
            "mission": "ops_missions",
            "step": "ops_mission_steps",
        }.items():
            known.ids[name] = newest(f"select id::text as x from {table} order by id desc limit 20")
        known.leases = pairs(
            """select id::text, coalesce(lease_token::text, id::text)
                 from (select * from ops_mission_steps order by id desc limit 200) s
                where status = 'running' order by id desc limit 20"""
        )
        known.messages = newest("select id as x from outbox order by id desc limit 20")
        known.letters = newest("select dl_msg_id as x from dead_letter_archive order by id desc limit 10")
        known.locks = pairs(
            "select lock_name, token::text from distributed_locks order by lock_name limit 20"
        )
        known.keys = newest(
            "select key as x from ops_idempotency_keys where length(key) < 100 order by key limit 5"
        )
        known.types = newest(
            "select distinct type as x from ops_agent_events where length(type) < 100 order by 1 limit 20"
        )
        known.documents = {
            row["key"]: row["value"]
            for row in self.loop.rows(
                "select key, fn_get_policy(key) as value from ops_policy order by key limit 20"
            )
        }

    def see_inbox(self) -> None:
        """Learns what waits for a person, and the digests under which it was shown."""
        self._values.known.shown = [
            (row["id"], row["digest"])
            for row in self.loop.rows("select id::text, digest from fn_inbox(5) order by id")
            if row["digest"]
        ]

    def one(self, number: int) -> None:
        """One transaction, and what is to be said about it."""
        # Each draws from a seed of its own: so it depends on what is in the database, not on what was thought before.
        self._rng.seed(f"{self._seed}:{number}")
        self.pass_time(self._rng.choices([1, 60, 3_600, 90_000], [2_000, 40, 4, 1])[0])
        if number % 20 == 0:
            self.look_around()
        if number % 100 == 0:
            self.open_up()
            self.see_inbox()
        transaction = self._caller.next()
        session = self.session(transaction.role)
        before = self.versions() if self._rng.random() < 0.02 else None
        done = 0
        began = time.monotonic()
        try:
            session.execute(transaction.opening())
            for done, call in enumerate(transaction.calls):
                began = time.monotonic()
                session.execute(call.statement(), list(call.arguments.values()))
                self.time(number, transaction, done, began)
                self.figures.answered[call.function.name] += 1
                if transaction.role not in call.function.roles:
                    self.fail(number, transaction, done, "answered a login that may not call it")
            session.execute("commit")
        except psycopg.Error as error:
            self.time(number, transaction, done, began)
            self.refused(number, transaction, done, error)
            if not session.closed:
                session.execute("rollback")
                left = session.execute(
                    # A session that a worker sleeps on keeps a lock on its id.
                    "select count(*) from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()"
                    " and classid <> (select oid from pg_class where relname = 'ops_workers')"
                )
                if (left.fetchone() or (0,))[0]:
                    self.fail(number, transaction, done, "a refused call left an advisory lock behind")
            if changed := self.changed(before):
                self.fail(number, transaction, done, f"a refused call has changed {changed}")
            outcome = error.sqlstate or "lost"
        else:
            readers = all("reader" in call.function.roles for call in transaction.calls)
            if readers and (changed := self.changed(before)):
                self.fail(number, transaction, done, f"a call that only reads has changed {changed}")
            outcome = "answered"
        names = " ".join(call.function.name for call in transaction.calls)
        if "fn_begin_move" in names and outcome == "answered":
            # A loop that moves refuses nearly everything, and nothing would be tried but that.
            self.loop.rows("select fn_take_back_move()")
        self.figures.trace.update(f"{number} {transaction.role} {names} {done} {outcome}\n".encode())

    def refused(self, number: int, transaction: Transaction, done: int, error: psycopg.Error) -> None:
        """Counts a refusal, and judges it."""
        call = transaction.calls[done]
        self.figures.refused[error.sqlstate or "lost"] += 1
        if wrong := unfit(transaction, error):
            self.fail(number, transaction, done, wrong)
        elif error.sqlstate == "42501" and transaction.role in call.function.roles:
            self.fail(number, transaction, done, f"refused a login that may call it: {error}")

    def time(self, number: int, transaction: Transaction, done: int, began: float) -> None:
        """Notes how long a call took."""
        seconds = time.monotonic() - began
        name = transaction.calls[done].function.name
        self.figures.slowest[name] = max(seconds, self.figures.slowest.get(name, 0))
        if seconds > SLOW_SECONDS:
            self.fail(number, transaction, done, f"took {seconds:.1f} s")

    def fail(self, number: int, transaction: Transaction, done: int, what: str) -> None:
        """Keeps a failure, and the transaction up to it as SQL; prints what is not too long."""
        name = transaction.calls[done].function.name
        told = f"call {number}: {name} as {transaction.role}: {what}"
        written = transaction.written_out(done + 1)
        file = self._out / f"{number}.sql"
        self.figures.kinds[f"{name}: {what}"[:200]] += 1
        again = f"make fuzz ARGS='--seed {self._seed} --calls {number + 1}' comes to it again"
        file.write_text(f"-- {told}\n-- {again}\n{written}rollback;\n")
        short = written if len(written) < 2_000 else f"{written[:2_000]}… ({len(written):,} characters)\n"
        self.figures.failures.append(f"{told}\n  {file}; {again}\n{textwrap.indent(short, '    ')}")

    def open_up(self) -> None:
        """Ends pauses and puts the policies back, as calls of operators and admins may have stopped everything."""
        for pause in self.loop.rows("select scope, target from ops_pauses order by 1, 2"):
            self.loop.do("select fn_resume(%s, nullif(%s, ''))", pause["scope"], pause["target"])
        for key, document in self._documents.items():
            if self.loop.value("select fn_get_policy(%s)", key) != document:
                self.loop.do("select fn_set_policy(%s, %s)", key, document)

    def finish(self) -> None:
        """Works off what can be worked off, then asks for everything that is broken."""
        for session in self._sessions.values():
            session.close()
        self.open_up()
        # A step whose failure asked for it waits a year.
        self.pass_time(400 * 24 * 3600)
        self.loop.do("select fn_register_worker('last', p_executors => %s)", {"noop": {}})
        idle = 0
        for _ in range(5_000):
            turn = self.loop.heartbeat(500, 500)
            if not turn["ok"]:
                self.figures.failures.append(f"a heartbeat failed afterwards: {turn['errors']}")
                break
            try:
                worked = self.work_off()
            except psycopg.Error as error:
                self.figures.failures.append(
                    f"the loop stands still afterwards: {error.sqlstate} {error.diag.message_primary}"
                )
                break
            moved = worked or turn["triggerResult"]["events"] or turn["reactionResult"]["processed"]
            idle = 0 if moved or any(turn["leaseResult"].values()) else idle + 1
            if idle == 3:
                break
            self.pass_time(3600)
        for what, query in LEFT.items():
            self.figures.failures += [
                f"not worked off: {what} {row}" for row in self.loop.rows(query + " limit 5")
            ]
        self.figures.failures += [
            f"broken: {row}" for row in self.loop.rows("select * from fn_check_invariants()")[:10]
        ]

    def work_off(self) -> int:
        """Completes all steps that can be claimed and delivers all messages; returns how many it were."""
        done = 0
        while steps := self.loop.rows(
            "select step_id::text, lease_token::text from fn_claim_steps('last', 500)"
        ):
            reports = Jsonb([{**step, "result": {"v": 1}} for step in steps])
            self.loop.rows("select * from fn_complete_steps(%s)", reports)
            done += len(steps)
        while messages := self.loop.rows("select * from fn_claim_outbox_events('last', 100)"):
            outcomes = Jsonb([{"event_id": each["id"], "outcome": "delivered"} for each in messages])
            self.loop.rows("select * from fn_complete_outbox_events('last', %s)", outcomes)
            done += len(messages)
        return done


def main() -> int:
    """Runs it; 0 when nothing failed."""
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    parser.add_argument(
        "--seed", type=int, default=1, help="the same seed thinks up the same calls (default 1)"
    )
    parser.add_argument("--calls", type=int, default=20_000, help="how many (default 20,000)")
    parser.add_argument("--seconds", type=float, default=3_600, help="no more calls after so many seconds")
    parser.add_argument(
        "--largest", type=int, default=300_000, help="characters of the longest texts (default 300,000)"
    )
    given = parser.parse_args()
    # What makes the calls must never be what brings the machine down.
    resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
    print(f"seed {given.seed}", flush=True)
    out = Path(tempfile.mkdtemp(prefix="opsloop-fuzz-"))
    began = time.monotonic()
    with Databases.open() as databases, databases.make() as dsn:
        migrate.migrate(dsn)
        migrate.seed(dsn)
        logins = Logins(dsn)
        try:
            run = Run(dsn, logins, given.seed, given.largest, out)
            for number in range(given.calls):
                run.one(number)
                if time.monotonic() - began > given.seconds:
                    break
                if number % 1000 == 999:
                    done = time.monotonic() - began
                    print(
                        f"{number + 1:>7,} calls, {done:.0f} s, {len(run.figures.failures)} failures",
                        flush=True,
                    )
            run.finish()
            run.loop.conn.close()
        finally:
            logins.close()
    print(run.figures)
    for failure in run.figures.failures:
        print(failure)
    print("the same by kind:" if run.figures.failures else "no failures")
    for kind, number in run.figures.kinds.most_common():
        print(f"{number:>5} x {kind}")
    return 1 if run.figures.failures else 0


if __name__ == "__main__":
    sys.exit(main())
