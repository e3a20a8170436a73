"""What went wrong inside the server: deadlocks and serialization failures, which workers would hide by trying again."""

from __future__ import annotations

from typing import Any

import psycopg

from harness import engine

_STATISTICS = "select deadlocks, xact_rollback from pg_stat_database where datname = current_database()"
_IN_LOG = """
  select count(*) filter (where line like '%% 40P01 %%'), count(*) filter (where line like '%% 40001 %%')
    from regexp_split_to_table(pg_read_file(pg_current_logfile()), '\n') line
   where line like '%%] ' || current_database() || ' %%'"""


def troubles(dsn: str) -> dict[str, int | None]:
    """Deadlocks and serialization failures in this database since it was made; None where the log cannot be read."""
    with engine.connect(dsn) as conn:
        row = conn.execute(_STATISTICS).fetchone()
        assert row is not None
        logged = _logged(conn)
    return {
        "deadlocks": max(int(row[0]), logged[0] if logged else 0),
        "serialization_failures": logged[1] if logged else None,
        "rollbacks": int(row[1]),
    }


def _logged(conn: psycopg.Connection[Any]) -> tuple[int, int] | None:
    """How often the log has either SQLSTATE for this database."""
    try:
        if conn.execute("select pg_current_logfile()").fetchone() == (None,):
            return None
        row = conn.execute(_IN_LOG).fetchone()
    except psycopg.Error:  # no superuser, or a log that is elsewhere
        return None
    return (int(row[0]), int(row[1])) if row else None
