"""Behind a PgBouncer in transaction mode, where every transaction may get another session."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from opsloop import database
from support import require, wait_until
from worker.working import Process, Work

PGBOUNCER = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")


@pytest.fixture
def pooled_dsn(dsn: str) -> Iterator[str]:
    """The same database through a pooler that has two server sessions for everybody."""
    require("pgbouncer", PGBOUNCER is not None)
    assert PGBOUNCER is not None
    to = conninfo_to_dict(dsn)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    user = to.get("user", "postgres")
    # Not pytest's own directory: it is closed to the user as whom root runs the pooler, which refuses to be root.
    with tempfile.TemporaryDirectory() as directory:
        home = Path(directory)
        home.chmod(0o755)
        (home / "users").write_text(f'"{user}" ""\n')
        (home / "pgbouncer.ini").write_text(
            f"""[databases]
loop = host={to["host"]} port={to.get("port", 5432)} dbname={to["dbname"]} user={user}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = trust
auth_file = {home}/users
pool_mode = transaction
default_pool_size = 2
"""
        )
        host = Path(str(to["host"]))
        as_whom = ["-u", host.owner() if host.is_dir() else "nobody"] if os.geteuid() == 0 else []
        with (home / "log").open("w") as log:
            command = [PGBOUNCER, *as_whom, str(home / "pgbouncer.ini")]
            pooler = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            wait_until(lambda: reachable(port), "the pooler answers")
            yield make_conninfo("", host="127.0.0.1", port=port, dbname="loop", user=user)
        finally:
            pooler.send_signal(signal.SIGTERM)
            pooler.wait(10)


def reachable(port: int) -> bool:
    """Whether something listens there."""
    with socket.socket() as trial:
        return trial.connect_ex(("127.0.0.1", port)) == 0


def test_dates_come_as_they_are_read_though_every_transaction_may_get_another_session(
    conn: psycopg.Connection[Any], pooled_dsn: str
) -> None:
    conn.execute(f"alter role current_user in database {conn.info.dbname} set datestyle = 'German'")
    moment = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    query = "select timestamptz '2026-01-02 03:04:05+00', pg_backend_pid()"
    with database.connect(pooled_dsn) as one, database.connect(pooled_dsn) as other:
        backends = set()
        for _ in range(10):
            with one.transaction(), other.transaction():
                for session in (one, other):
                    found = session.execute(query).fetchone()
                    assert found is not None
                    assert found[0] == moment
                    backends.add(found[1])
    assert len(backends) == 2


def test_two_workers_share_a_pool_of_two_sessions(
    work: Work, start: Callable[..., Process], pooled_dsn: str
) -> None:
    for number in range(100):
        work.mission(
            {"kind": "noop"}, {"kind": "radar", "params": {"ideas": [{"title": f"idea {number % 5}"}]}}
        )

    workers = [start("--pgbouncer", "--batch", "10", DATABASE_URL=pooled_dsn) for _ in range(2)]
    wait_until(lambda: work.statuses() == {"succeeded": 200}, "all is done")

    assert work.conn.execute("select count(*) from ops_demand_radar").fetchall() == [(5,)]
    assert not any(worker.logged("database call failed, trying again") for worker in workers)


def test_a_worker_behind_a_pooler_sleeps_without_a_connection_and_leaves_no_lock(
    work: Work, start: Callable[..., Process], pooled_dsn: str
) -> None:
    worker = start("--pgbouncer", "--idle-after", "1", "--poll-seconds", "2", DATABASE_URL=pooled_dsn)
    wait_until(lambda: worker.logged("asleep"), "it is asleep")
    locks = "select count(*) from pg_locks where locktype = 'advisory' and classid = 'ops_workers'::regclass"
    assert work.conn.execute(locks).fetchall() == [(0,)]
    work.wait_for(work.step("noop"), "succeeded")
