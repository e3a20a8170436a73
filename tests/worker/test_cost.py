"""What a worker asks of the database for its steps: counted in calls and transactions, never in seconds."""

from typing import Any

import psycopg
from psycopg.types.json import Jsonb

STEPS = 2000


def calls_of(conn: psycopg.Connection[Any]) -> dict[str, int]:
    """How often each routine was called so far, by sessions that have ended."""
    return dict(conn.execute("select funcname, calls from pg_stat_user_functions").fetchall())


async def test_a_drain_takes_few_calls_and_few_transactions_for_many_steps(
    dsn: str, conn: psycopg.Connection[Any], work: Any, drain: Any
) -> None:
    work.allow("noop")
    conn.execute(
        "select count(*) from fn_create_proposals(%s)",
        (Jsonb([{"template": {"title": "many", "steps": [{"kind": "noop"}]}}] * STEPS),),
    )
    conn.execute(
        "do $$ begin execute format('alter database %I set track_functions = pl', current_database()); end $$"
    )
    commits = "select xact_commit from pg_stat_database where datname = current_database()"
    before = conn.execute(commits).fetchone()
    await drain()
    conn.execute("select pg_stat_clear_snapshot()")
    after = conn.execute(commits).fetchone()
    calls = calls_of(conn)

    assert conn.execute("select count(*) from ops_missions where status = 'succeeded'").fetchone() == (STEPS,)
    assert before
    assert after
    assert after[0] - before[0] <= STEPS / 20, "transactions"
    assert calls["fn_claim_steps"] <= STEPS / 100
    assert calls["fn_complete_steps"] <= STEPS / 100
    # Nothing is called for each step: neither by the worker nor by one routine for another.
    assert sum(calls.values()) <= STEPS, calls
