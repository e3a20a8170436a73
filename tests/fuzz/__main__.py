"""`make fuzz`: thousands of hostile calls, then the question whether the loop is still whole.

What must hold: a call is answered, or refused with an OPS code, with a missing right, or with a data exception that
names the argument; a refused call has changed nothing and left no lock behind; no call takes longer than five seconds;
afterwards the invariants hold and everything that waits for nobody is worked off.
"""

import argparse
import resource
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import psycopg

from databases import Databases
from fuzz.calls import Call, Caller, functions, unfit
from fuzz.values import Values
from logins import ROLES, Logins
from looping import Loop
from opsloop import migrate

SLOW_SECONDS = 5.0
POLICIES = ("auto_approve", "worker_policy", "proposal_caps", "reaction_matrix", "agent_roles", "outbox")


@dataclass
class Figures:
    """What came of it."""

    answered: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    slowest: dict[str, float] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    kinds: Counter[str] = field(default_factory=Counter)

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
                f"failures    {len(self.failures):>8,}",
            ]
        )


class Run:
    """One run on a database of its own."""

    def __init__(self, dsn: str, logins: Logins, seed: int, largest: int, out: Path) -> None:
        self.loop = Loop(psycopg.connect(dsn, autocommit=True, options="-c search_path=opsloop"))
        self.figures = Figures()
        self._rng = Random(seed)
        self._values = Values(self._rng, largest=largest)
        self._out = out
        self._logins = logins
        self._names = {"stranger": logins.make(), **{role: logins.make(role) for role in ROLES}}
        self._sessions: dict[str, psycopg.Connection[Any]] = {}
        self._caller = Caller(functions(self.loop.conn), list(self._names), self._rng, self._values)
        for key in ("p1", "p2"):
            self.loop.do("select fn_set_policy(%s, %s)", key, {"seen": True})
        self.loop.policy("agent_roles", roles={"planner": {}, "reviewer": {}})
        self.loop.allow()
        self._documents = {key: self.loop.value("select fn_get_policy(%s)", key) for key in POLICIES}

    def session(self, role: str) -> psycopg.Connection[Any]:
        """The session of a role; a new one when the old one was lost."""
        found = self._sessions.get(role)
        if found is None or found.closed or found.broken:
            found = self._sessions[role] = self._logins.open(self._names[role])
            found.execute("set statement_timeout = '30s'")
        return found

    def look_around(self) -> None:
        """Learns which ids there are, so that calls reach what exists."""
        known = self._values.known

        def newest(query: str) -> list[Any]:
            return [row["x"] for row in self.loop.rows(query)]

        for name, table in {
            "event": "ops_agent_events",
            "proposal": "ops_mission_proposals",
            "mission": "ops_missions",
            "step": "ops_mission_steps",
        }.items():
            known.ids[name] = newest(f"select id::text as x from {table} order by id desc limit 20")
        known.leases = [
            (row["id"], row["token"])
            for row in self.loop.rows(
                """select id::text, coalesce(lease_token::text, id::text) as token
                     from (select * from ops_mission_steps order by id desc limit 200) s
                    where status = 'running' limit 20"""
            )
        ]
        known.messages = newest("select id as x from outbox order by id desc limit 20")
        known.letters = newest("select dl_msg_id as x from dead_letter_archive order by id desc limit 10")

    def one(self, number: int) -> None:
        """One call, and what is to be said about it."""
        if number % 40 == 0:
            self.look_around()
        if number % 100 == 0:
            self.open_up()
        call = self._caller.next()
        session = self.session(call.role)
        check = self._rng.random() < 0.02
        before = self.loop.contents() if check else None
        began = time.monotonic()
        try:
            session.execute(call.opening())
            session.execute(call.statement(), list(call.arguments.values()))
            session.execute("commit")
        except psycopg.Error as error:
            seconds = time.monotonic() - began
            self.figures.refused[error.sqlstate or "lost"] += 1
            if wrong := unfit(call, error):
                self.fail(number, call, wrong)
            if not session.closed:
                session.execute("rollback")
                left = session.execute(
                    "select count(*) from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()"
                )
                if (left.fetchone() or (0,))[0]:
                    self.fail(number, call, "a refused call left an advisory lock behind")
            if before is not None and self.loop.contents() != before:
                self.fail(number, call, "a refused call has changed something")
        else:
            seconds = time.monotonic() - began
            self.figures.answered[call.function.name] += 1
        name = call.function.name
        self.figures.slowest[name] = max(seconds, self.figures.slowest.get(name, 0))
        if seconds > SLOW_SECONDS:
            self.fail(number, call, f"took {seconds:.1f} s")

    def fail(self, number: int, call: Call, what: str) -> None:
        """Keeps a failure, and the call as SQL to be run again."""
        settings = dict(call.settings)
        told = (
            f"call {number}: {call.function.name} as {call.role}, {call.isolation} {settings or ''}: {what}"
        )
        file = self._out / f"{number}.sql"
        self.figures.kinds[f"{call.function.name}: {what}"[:200]] += 1
        file.write_text(
            f"-- {told}\n{call.opening().as_string(None)};\n"
            f"{call.statement(written_out=True).as_string(None)};\nrollback;\n"
        )
        self.figures.failures.append(f"{told}\n    {file}")

    def open_up(self) -> None:
        """Ends pauses and puts the policies back, as calls of operators and admins may have stopped everything."""
        for pause in self.loop.rows("select scope, target from ops_pauses"):
            self.loop.do("select fn_resume(%s, nullif(%s, ''))", pause["scope"], pause["target"])
        for key, document in self._documents.items():
            if self.loop.value("select fn_get_policy(%s)", key) != document:
                self.loop.do("select fn_set_policy(%s, %s)", key, document)

    def finish(self) -> None:
        """Works off what can be worked off, then asks for everything that is broken."""
        self.open_up()
        self.loop.advance(8 * 24 * 3600)
        self.loop.do("select fn_register_worker('last', p_executors => %s)", {"noop": {}})
        idle = 0
        for _ in range(2_000):
            turn = self.loop.heartbeat(500, 500)
            if not turn["ok"]:
                self.figures.failures.append(f"a heartbeat failed afterwards: {turn['errors']}")
                break
            try:
                claimed = self.loop.rows("select step_id, lease_token from fn_claim_steps('last', 500)")
                for work in claimed:
                    self.loop.do(
                        "select fn_complete_step(%s, %s, %s)", work["step_id"], work["lease_token"], {"v": 1}
                    )
            except psycopg.Error as error:
                self.figures.failures.append(
                    f"the loop stands still afterwards: {error.sqlstate} {error.diag.message_primary}"
                )
                break
            moved = claimed or turn["triggerResult"]["events"] or turn["reactionResult"]["processed"]
            idle = 0 if moved or any(turn["leaseResult"].values()) else idle + 1
            if idle == 3:
                break
            self.loop.advance(3600)
        left = self.loop.rows(
            """select s.id, s.status, s.last_error from ops_mission_steps s join ops_missions m on m.id = s.mission_id
                where s.status in ('queued', 'running') or (s.status = 'blocked' and not exists (
                  select from ops_mission_steps w where w.mission_id = s.mission_id and w.status = 'waiting'))"""
        )
        self.figures.failures += [f"not worked off: {row}" for row in left[:10]]
        self.figures.failures += [
            f"broken: {row}" for row in self.loop.rows("select * from fn_check_invariants()")[:10]
        ]


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
    print("the same by kind:" if run.figures.kinds else "no failures")
    for kind, number in run.figures.kinds.most_common():
        print(f"{number:>5} x {kind}")
    return 1 if run.figures.failures else 0


if __name__ == "__main__":
    sys.exit(main())
