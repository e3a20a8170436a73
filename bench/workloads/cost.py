"""What a step costs the database: log, commits, calls, pages and dead rows of missions worked off by one worker."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg
from psycopg import sql

from harness import engine, fleet
from harness.figures import Entrant, Figure
from harness.workload import Bench, Fresh

_UNITS = {"WAL": "bytes/step", "commits": "per step", "pages": "touched/step", "rows written": "per step"}
_COUNTERS = """
  select pg_current_wal_insert_lsn() - '0/0', xact_commit, blks_hit + blks_read,
         tup_updated + tup_inserted + tup_deleted
    from pg_stat_database where datname = current_database()"""
_DEAD = "select relname, n_dead_tup from pg_stat_user_tables where n_dead_tup > 0 order by 2 desc"
_CALLS = "select funcname, sum(calls)::bigint from pg_stat_user_functions group by 1 order by 2 desc"
_TABLES = "select relname from pg_class where relkind = 'r' and relnamespace = %s::regnamespace"
_OTHERS = """
  select count(*) from pg_stat_activity
   where datname = current_database() and backend_type = 'client backend' and pid <> pg_backend_pid()"""


class Cost(Fresh):
    """Counted by the server: one session enqueues, then one worker works off. Nothing else runs, no autovacuum."""

    name = "cost"
    measures = "bytes of WAL, commits, calls, pages and dead rows per step, one-step missions, one worker"
    rounds = (3, 1)
    higher_is_better = False

    def entrants(self, quick: bool = False) -> Sequence[Entrant]:
        """Opsloop alone."""
        return [Entrant("opsloop")]

    def turn(self, bench: Bench, entrant: Entrant) -> list[Figure]:
        """Count before and after each half."""
        steps = bench.size(10_000, 4_000)
        with bench.stage.database("cost", engine.TEMPLATE) as dsn:
            with engine.connect(dsn) as conn:
                _prepare(conn)
            before = _counters(dsn)
            engine.propose(dsn, [engine.NOOP] * steps, sessions=1)
            between = _counters(dsn)
            fleet.drain(dsn, 1, "--no-heartbeat")
            engine.seconds_of_work(dsn, steps, steps)
            after = _counters(dsn)
        return [*_per_step("enqueue", before, between, steps), *_per_step("drain", between, after, steps)]


def _prepare(conn: psycopg.Connection[Any]) -> None:
    """Switch off what would clear dead rows away while they are counted, and have calls of functions counted."""
    for (table,) in conn.execute(_TABLES, (engine.SCHEMA,)).fetchall():
        conn.execute(sql.SQL("alter table {} set (autovacuum_enabled = off)").format(sql.Identifier(table)))
    database = sql.Identifier(conn.info.dbname)
    conn.execute(sql.SQL("alter database {} set track_functions = 'pl'").format(database))


def _counters(dsn: str) -> dict[str, Any]:
    """The server's counters, once all sessions have ended: what they have not reported yet, they report then."""
    with engine.connect(dsn) as conn:
        fleet.until("all sessions have ended", lambda: engine.number(conn, _OTHERS) == 0)
        row = conn.execute(_COUNTERS).fetchone()
        assert row is not None
        return {
            **dict(zip(_UNITS, map(int, row), strict=True)),
            "dead": dict(conn.execute(_DEAD).fetchall()),
            "calls": dict(conn.execute(_CALLS).fetchall()),
        }


def _per_step(half: str, before: dict[str, Any], after: dict[str, Any], steps: int) -> list[Figure]:
    figures = [
        Figure(f"{half}: {name}", (after[name] - before[name]) / steps, unit) for name, unit in _UNITS.items()
    ]
    dead = _more(before["dead"], after["dead"])
    calls = {name: n for name, n in _more(before["calls"], after["calls"]).items() if name.startswith("fn_")}
    return [
        *figures,
        Figure(f"{half}: dead rows", sum(dead.values()) / steps, "per step", dead),
        Figure(f"{half}: calls", sum(calls.values()) / steps, "per step", calls),
    ]


def _more(before: dict[str, int], after: dict[str, int]) -> dict[str, int]:
    return {name: n - before.get(name, 0) for name, n in after.items() if n > before.get(name, 0)}
