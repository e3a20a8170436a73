"""A neglected database, the login that looks after it, and the loop pointed at it."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo

import opsloop
from opsloop.database import Database
from opsloop.demo.care import example
from opsloop.executors import Context

# Names that break out of anything that pastes them.
SCHEMA, TABLE, INDEX = 'sh"op', 'st;ock"--', "we'ird; index"

NEGLECT = """
create schema "sh""op";
create table "sh""op"."st;ock""--" (id integer primary key, quantity integer not null, changed_at timestamptz)
  with (autovacuum_enabled = off);
create index "we'ird; index" on "sh""op"."st;ock""--" (changed_at);
insert into "sh""op"."st;ock""--" select n, n, now() from generate_series(1, 3000) n;
update "sh""op"."st;ock""--" set changed_at = clock_timestamp();
update "sh""op"."st;ock""--" set changed_at = clock_timestamp();
"""

#: Thresholds under which the neglect above is found at once.
EAGER = {
    "dead_rows": 1000, "changed_rows": 1000, "idle_seconds": 0, "index_bytes": 1, "index_days": 0,
}  # fmt: skip


@dataclass
class Care:
    """One test's database, and the login of the executors."""

    dsn: str
    login: str
    conn: psycopg.Connection[Any]

    @property
    def care_dsn(self) -> str:
        return make_conninfo(self.dsn, user=self.login)

    def context(self, executor: str, **params: Any) -> Context:
        """What a worker would hand to an executor."""
        return Context(
            "00000000-0000-0000-0000-000000000000", params, executor=executor, database=Database(self.dsn)
        )

    def value(self, query: str, *params: Any) -> Any:
        row = self.conn.execute(query, params).fetchone()
        assert row is not None
        return row[0]

    def set_policies(self, *, opt_in: bool = False) -> None:
        """Put the example's policies in force as its README does, with the eager thresholds."""
        from postgres_care.policies import add

        with opsloop.connect(self.dsn) as loop:
            for key in ("worker_policy", "auto_approve", "reaction_matrix"):
                document = add(loop.get_policy(key), policy(key))
                if key == "auto_approve" and opt_in:
                    document = add(document, policy("opt_in"))
                if key == "reaction_matrix":
                    document["patterns"][0]["template"]["steps"][0]["params"].update(EAGER)
                loop.set_policy(key, document)

    def look(self) -> None:
        """Emit pg:look and let a real worker do what policy allows."""
        with opsloop.connect(self.dsn) as loop:
            loop.emit_event("pg:look")
        self.drain()

    def drain(self, **environ: str) -> None:
        """A real worker process, until nothing is left."""
        done = subprocess.run(
            [sys.executable, "-m", "opsloop.worker", "--app", "postgres_care", "--drain"],
            cwd=example(),
            env={**os.environ, "DATABASE_URL": self.dsn, "OPS_CARE_DSN": self.care_dsn, **environ},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr

    def proposals(self) -> dict[str, tuple[str, str]]:
        """Status and risk of every proposal, by title."""
        with opsloop.connect(self.dsn) as loop:
            return {str(p.title): (p.status, p.risk_level) for p in loop.list_proposals(100)}

    def missions(self) -> dict[str, tuple[str, str | None]]:
        """Status and error of every mission, by title."""
        with opsloop.connect(self.dsn) as loop:
            return {str(m.title): (m.status, m.error) for m in loop.list_missions(100)}


def policy(name: str) -> Any:
    """One of the example's policy files."""
    return json.loads((example() / "policies" / f"{name}.json").read_text())


def fingerprint(conn: psycopg.Connection[Any]) -> dict[str, Any]:
    """What must not change while a database is only looked at: every object, row count and upkeep outside the loop."""
    queries = {
        "objects": "select md5(string_agg(c::text, ';' order by c.oid)) from"
        " (select oid, relname, relnamespace, relkind, relowner, relacl, reloptions, reltuples, relpages, relfilenode"
        "    from pg_class where relnamespace not in (select oid from pg_namespace where nspname ~ '^(opsloop|pg_)'))"
        " c",
        "upkeep": "select string_agg(format('%s/%s/%s/%s', relname, vacuum_count, analyze_count, n_dead_tup), ';'"
        " order by relid) from pg_stat_user_tables where schemaname <> 'opsloop'",
        "writes": "select string_agg(format('%s/%s/%s/%s', relname, n_tup_ins, n_tup_upd, n_tup_del), ';'"
        " order by relid) from pg_stat_user_tables where schemaname <> 'opsloop'",
    }
    found = {}
    for name, query in queries.items():
        row = conn.execute(query.encode()).fetchone()
        assert row is not None
        found[name] = row[0]
    return found


@contextmanager
def idle_transaction(dsn: str) -> Iterator[int]:
    """A session that has written something and idles in its transaction; yields its process id."""
    conn: psycopg.Connection[Any] = psycopg.connect(dsn, application_name="forgotten")
    try:
        conn.execute("create temporary table mine (a integer)")
        yield conn.info.backend_pid
    finally:
        conn.close()
