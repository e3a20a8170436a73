"""What a purge costs those who work: a drain beside `opsloop purge`, against the same drain while that is stopped."""

from __future__ import annotations

import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import IO, Any
from uuid import UUID

import psycopg
from psycopg import sql

from harness import engine, fleet
from harness.figures import Entrant, Figure
from harness.progress import say
from harness.workload import Bench, Fresh
from opsloop import Client
from workloads.beside import multiply

_WORKERS = 2
#: Missions that are really run; their rows are multiplied. Proposal, mission, step and attempt: four rows each.
_SEED, _ROWS = 500, 4
#: The call that is under way when the purge is stopped ends within half a second.
_RUNS_OUT = 0.6
#: Pairs of windows that are looked at; then the purge works beside all of the drain until it is over.
_PAIRS = 9
#: How long ago they ended, and from when on they are purged.
_AGO, _OLDER = "100 days", "90d"
_AGED = (
    ("ops_missions", ("created_at", "started_at", "completed_at", "updated_at")),
    ("ops_mission_proposals", ("created_at", "updated_at", "approved_at", "counted_at")),
    ("ops_mission_steps", ("created_at", "updated_at", "reserved_at")),
    ("ops_action_runs", ("started_at", "completed_at")),
    ("ops_cap_counters", ("window_start",)),
)
_SIZE = """
  select sum(pg_total_relation_size(c.oid)) from pg_class c
   where c.relnamespace = %(schema)s::regnamespace and c.relkind = 'r'"""
_DONE = "select count(*) from ops_action_runs where completed_at >= %(from)s and completed_at < %(upto)s"
_TAKEN = "select status <> 'approved' from ops_missions where id = %s"
_MISSIONS = "select count(*) from ops_missions"
_AGE = """
  update ops_missions set created_at = created_at - %(ago)s::interval, completed_at = completed_at - %(ago)s::interval
   where id in (select id from ops_missions order by id limit %(n)s)"""
_OLD = "select count(*) from ops_missions where created_at < now() - interval '1 day'"
_WAITS = """
  select split_part(line, ' [', 1)::timestamptz, line
    from regexp_split_to_table(pg_read_file(pg_current_logfile()), '\n') line
   where line like '%%] ' || current_database() || ' %%' and line like '%%still waiting for%%'"""


@dataclass
class Window:
    """A time in which the drain was looked at."""

    began: datetime
    ended: datetime

    @property
    def seconds(self) -> float:
        """How long it was."""
        return (self.ended - self.began).total_seconds()


@dataclass
class Purging:
    """The process that purges, which is stopped, let go on, and killed once."""

    dsn: str
    process: subprocess.Popen[bytes] | None = None
    kills: int = 0
    log: IO[bytes] = field(default_factory=tempfile.TemporaryFile)

    def go_on(self, *words: str) -> None:
        """Let it work."""
        if self.process is None:
            self.process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "opsloop",
                    "purge",
                    "--older-than",
                    _OLDER,
                    "--part",
                    "missions",
                    *words,
                ],
                env={**os.environ, "DATABASE_URL": self.dsn},
                stdout=self.log,
                stderr=self.log,
            )
        elif self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        """Let it rest."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGSTOP)

    def close(self) -> None:
        """End it, wherever it is."""
        self.kill()
        self.log.close()

    def kill(self) -> None:
        """Kill it; another one goes on."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
            self.process = None
            self.kills += 1

    @property
    def is_over(self) -> bool:
        """Whether it has ended by itself; raises when that was not in order."""
        code = None if self.process is None else self.process.poll()
        if code:
            self.log.seek(0)
            raise AssertionError(f"opsloop purge ended with {code}: {self.log.read().decode()[-500:]}")
        return code == 0


class Retention(Fresh):
    """Steps per second beside a purge as a share of those without, in adjacent windows of one drain."""

    name = "retention"
    measures = "a million finished missions purged while two workers drain: the drain's share of its speed"
    rounds = (1, 1)

    def entrants(self, quick: bool = False) -> Sequence[Entrant]:
        """Opsloop alone."""
        return [Entrant("opsloop")]

    def turn(self, bench: Bench, entrant: Entrant) -> list[Figure]:
        """Make a past; drain, with windows beside the purge and without, until all of it is gone; verify."""
        past, fed = bench.size(1_000_000, 60_000), bench.size(400_000, 120_000)
        off, on = bench.size(1_500, 1_000) / 1_000, bench.size(4_000, 2_000) / 1_000
        with bench.stage.database("retention", engine.TEMPLATE) as dsn:
            _watch_locks(dsn)
            with engine.connect(dsn) as conn:
                made = finished(dsn, conn, past)
            engine.settle(dsn)
            engine.checkpoint(dsn)
            say(f"retention: {made:,} finished missions are there")
            run = _drained(dsn, fed, off, on)
            with engine.connect(dsn) as conn:
                left = engine.number(conn, _OLD)
                if left:
                    raise AssertionError(f"{left} missions were not purged")
                engine.seconds_of_work(dsn, run.fed, run.fed)
                broken = Client(conn).check_invariants(limit=bench.size(20_000, 5_000))
                if broken:
                    raise AssertionError(f"not sound after the purge: {broken[:3]}")
                shares = list(_shares(conn, run))
                waits = _lock_waits(conn, run)
            growth = _growth(dsn, min(fed, made // 3))
        return [
            Figure("rate", statistics.median(shares or [0]), "of the drain without", {"shares": shares}),
            Figure("purged", made / run.worked, "missions/s", {"n": made, "kills": run.purging.kills}),
            Figure("lock waits", float(len(waits or [])), "over 100 ms", {"logged": waits}),
            Figure("growth", growth, "of what as many rows took before"),
        ]


def _watch_locks(dsn: str) -> None:
    """Have the server log whoever waits for a lock for more than 100 ms; left out where the role may not."""
    with engine.connect(dsn) as conn:
        database = sql.Identifier(conn.info.dbname)
        try:
            for setting in ("log_lock_waits = on", "deadlock_timeout = '100ms'"):
                conn.execute(sql.SQL("alter database {} set " + setting).format(database))
        except psycopg.errors.InsufficientPrivilege:
            say("retention: this role may not have lock waits logged")


def finished(dsn: str, conn: psycopg.Connection[Any], missions: int) -> int:
    """Finished missions of long ago; returns how many."""
    seed = min(_SEED, missions)
    engine.propose(dsn, [engine.NOOP] * seed)
    fleet.drain(dsn, 1)
    for table, columns in _AGED:
        moved = ", ".join(f"{column} = {column} - interval '{_AGO}'" for column in columns)
        conn.execute(f"update {table} set {moved}")
    conn.execute("truncate ops_agent_events, ops_agent_reactions")
    return multiply(conn, missions * _ROWS) // _ROWS


@dataclass
class Drained:
    """A drain of two workers until all was purged."""

    purging: Purging
    fed: int = 0
    without: list[Window] = field(default_factory=list)
    beside: list[Window] = field(default_factory=list)
    """As many as `without`: each begins where that ends."""
    purged: list[Window] = field(default_factory=list)
    """The times in which there was a drain beside the purge."""
    worked: float = 0.0
    """Seconds in which the purge was not stopped."""


def _drained(dsn: str, batch: int, off: float, on: float) -> Drained:
    """Feed and drain, in turn, until all is purged.

    At first the purge rests while is fed, and the drain is looked at without it and beside it, as long as work waits;
    once there are enough windows, it goes on to its end. While is fed, nothing is claimed: workers would keep up.
    """
    run = Drained(Purging(dsn))
    with fleet.workers(dsn, _WORKERS) as running, engine.connect(dsn) as conn:
        client = Client(conn)

        def fed(missions: int) -> UUID:
            client.pause("all", reason="feeding")
            last = _fed(dsn, missions)
            client.resume("all")
            run.fed += missions
            return last

        try:
            while len(run.beside) < _PAIRS and not run.purging.is_over:
                run.purging.stop()
                _look(dsn, conn, run, fed(batch), off, on)
            while not run.purging.is_over:
                run.purging.go_on()
                began = time.monotonic()
                last = fed(batch // 4)
                since = engine.now(dsn)
                fleet.until("what was fed has begun", lambda last=last: _is_taken(conn, last))  # type: ignore[misc]
                run.purged.append(Window(since, engine.now(dsn)))
                run.worked += time.monotonic() - began
            fleet.all_done(dsn, running)
        finally:
            run.purging.close()
    return run


def _look(dsn: str, conn: psycopg.Connection[Any], run: Drained, last: UUID, off: float, on: float) -> None:
    """Look at the drain without the purge and beside it, in turn, until the last mission has begun."""
    while not run.purging.is_over and not _is_taken(conn, last):
        run.purging.stop()
        time.sleep(_RUNS_OUT)
        without = _window(dsn, off, lambda: False)
        run.purging.go_on()
        beside = _window(dsn, on, lambda: run.purging.is_over)
        run.purged.append(beside)
        run.worked += beside.seconds
        # Windows in which the workers ran dry tell nothing, nor one that was cut short.
        if not _is_taken(conn, last) and beside.seconds > on / 2:
            run.without.append(without)
            run.beside.append(beside)
        if run.purging.kills == 0:
            run.purging.kill()
            run.purging.go_on()


def _is_taken(conn: psycopg.Connection[Any], mission: UUID) -> bool:
    """Whether a mission has begun."""
    return conn.execute(_TAKEN, (mission,)).fetchone() == (True,)


def _window(dsn: str, seconds: float, is_over: Callable[[], bool]) -> Window:
    began, clock = engine.now(dsn), time.monotonic()
    while time.monotonic() < clock + seconds and not is_over():
        time.sleep(0.05)
    return Window(began, engine.now(dsn))


def _fed(dsn: str, missions: int) -> UUID:
    engine.propose(dsn, [engine.NOOP] * missions)
    with engine.connect(dsn) as conn:
        row = conn.execute("select id from ops_missions order by id desc limit 1").fetchone()
    assert row is not None
    last: UUID = row[0]
    return last


def _shares(conn: psycopg.Connection[Any], run: Drained) -> Iterator[float]:
    """Of each pair of windows: steps per second beside the purge to those without."""
    for without, beside in zip(run.without, run.beside, strict=True):
        alone = _rate(conn, without)
        if alone:
            yield _rate(conn, beside) / alone


def _rate(conn: psycopg.Connection[Any], window: Window) -> float:
    done = engine.number(conn, _DONE, {"from": window.began, "upto": window.ended})
    return done / max(window.seconds, 0.001)


def _lock_waits(conn: psycopg.Connection[Any], run: Drained) -> list[str] | None:
    """What the log has of waits of more than 100 ms here while drained beside the purge; None where it is not read.

    Not those while is fed: sessions that notify commit one after the other, and a batch of the feeder takes its time.
    """
    try:
        waits = conn.execute(_WAITS).fetchall()
    except psycopg.Error:
        return None
    return [line for at, line in waits if any(one.began <= at <= one.ended for one in run.purged)]


def _growth(dsn: str, missions: int) -> float:
    """How much the files grow in a round of life, in which as many missions are purged as come, to what those take.

    The second round is told: pages of indexes that were freed in the first are used again only then.
    """
    grown = 0.0
    for _ in range(2):
        with engine.connect(dsn) as conn:
            each = engine.number(conn, _SIZE, {"schema": engine.SCHEMA}) / engine.number(conn, _MISSIONS)
            conn.execute(_AGE, {"ago": _AGO, "n": missions})
        purging = Purging(dsn)
        purging.go_on("--share", "100")
        fleet.until("the oldest are purged", lambda own=purging: own.is_over)  # type: ignore[misc]
        purging.close()
        engine.settle(dsn)
        with engine.connect(dsn) as conn:
            before = engine.number(conn, _SIZE, {"schema": engine.SCHEMA})
            engine.propose(dsn, [engine.NOOP] * missions)
            fleet.drain(dsn, _WORKERS)
            grown = (engine.number(conn, _SIZE, {"schema": engine.SCHEMA}) - before) / (each * missions)
    return grown
