"""Row locks of others, on every table of the loop in turn, while a fleet works; `make soak-rows` holds them longer."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from support import wait_until
from worker.working import Process, Work

#: How long each table's rows are held, seconds, and a lease that is shorter.
HELD = float(os.environ.get("OPSLOOP_ROW_LOCK_SECONDS", "2.5"))
LEASE = max(2.0, 0.6 * HELD)
WORKERS = 3


@pytest.mark.timeout(900)
def test_whichever_rows_somebody_holds_no_lease_is_lost_and_everything_else_goes_on(
    work: Work, start: Callable[..., Process], connect: Callable[..., psycopg.Connection[Any]], tmp_path: Path
) -> None:
    work.set_policy("proposal_caps", daily_limit=None)
    work.set_policy("worker_policy", lease_minutes=LEASE / 60)
    gate = tmp_path / "gate"
    long = [
        work.step("own", {"until": str(gate)}, on_lease_lost="hold", timeout_seconds=880)
        for _ in range(WORKERS)
    ]
    fleet = [
        start(
            *("--app", "handlers", "--poll-seconds", "0.2", "--heartbeat-seconds", "0.3"),
            *("--executor-concurrency", "own=1"),
        )
        for _ in range(WORKERS)
    ]
    for step in long:
        work.wait_for(step, "running")
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
        # A lease is in the row of its step: who holds that for longer than the lease keeps it from being extended.
        held = HELD if table != "ops_mission_steps" else LEASE / 2
        until = time.monotonic() + held
        other = work.step("noop")
        wait_until(lambda: work.of(other, "status") == "succeeded", f"work goes on beside {table}", held)  # noqa: B023
        time.sleep(max(until - time.monotonic(), 0))  # the lock is to last
        holder.execute("rollback")
    gate.touch()
    for step in long:
        work.wait_for(step, "succeeded")
        assert work.runs(step) == ["succeeded"]
    assert work.conn.execute(
        "select count(*) from ops_action_runs where status <> 'succeeded'"
    ).fetchone() == (0,)
    assert not any(worker.logged("lease lost") or worker.logged("lease over") for worker in fleet)
