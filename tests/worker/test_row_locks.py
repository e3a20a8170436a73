"""Row locks of others, on every table of the loop in turn, while a worker works."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from support import wait_until
from worker.working import Process, Work

LEASE, HELD = 6, 2.5


@pytest.mark.timeout(300)
def test_whichever_rows_somebody_holds_no_lease_is_lost_and_everything_else_goes_on(
    work: Work, start: Callable[..., Process], connect: Callable[..., psycopg.Connection[Any]], tmp_path: Path
) -> None:
    work.set_policy("proposal_caps", daily_limit=None)
    work.set_policy("worker_policy", lease_minutes=LEASE / 60)
    gate = tmp_path / "gate"
    long = work.step("own", {"until": str(gate)}, on_lease_lost="hold", timeout_seconds=280)
    start("--app", "handlers", "--poll-seconds", "0.2", "--heartbeat-seconds", "0.3")
    work.wait_for(long, "running")
    work.wait_for(work.step("noop"), "succeeded")
    tables = [
        row[0]
        for row in work.conn.execute(
            "select c.oid::regclass::text from pg_class c where c.relkind = 'r'"
            " and c.relnamespace = current_schema()::regnamespace order by 1"
        )
    ]
    holder = connect()
    for table in tables:
        holder.execute("begin")
        if not holder.execute(f"select 1 from {table} for update").fetchall():
            holder.execute("rollback")
            continue
        until = time.monotonic() + HELD
        other = work.step("noop")
        wait_until(lambda: work.of(other, "status") == "succeeded", f"work goes on beside {table}", HELD)  # noqa: B023
        time.sleep(max(until - time.monotonic(), 0))  # the lock is to last
        holder.execute("rollback")
    gate.touch()
    work.wait_for(long, "succeeded")
    assert work.runs(long) == ["succeeded"]
    assert work.conn.execute(
        "select count(*) from ops_action_runs where status <> 'succeeded'"
    ).fetchone() == (0,)
