"""A primary and its standby, of which each part of the loop finds the one that takes writes, before and after."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

import opsloop
from databases import VERSION, server_home
from opsloop import embedded, migrate
from support import wait_until
from worker.working import Process, Work

pytestmark = pytest.mark.skipif("OPSLOOP_TEST_DSN" in os.environ, reason="starts servers of its own")

SETTINGS = {**embedded.THROWAWAY, "synchronous_commit": "on"}
ROUTES = [{"name": "all", "event_type": "*", "sink": "notify", "channel": "c"}]


class Pair:
    """Two servers, of which the second one follows the first."""

    def __init__(self, homes: Path, stack: ExitStack) -> None:
        self._first = homes / "first"
        with self._server(self._first) as server:
            migrate.migrate(server.dsn())
            migrate.seed(server.dsn())
        # A copy of a server that was shut down follows it from there.
        second = homes / "second"
        subprocess.run(["cp", "-a", self._first, second], check=True)
        owner, told = (self._first / "pgdata").stat(), second / "pgdata/standby.signal"
        told.touch()
        os.chown(told, owner.st_uid, owner.st_gid)
        self.primary = stack.enter_context(self._server(self._first))
        follows = f"host={self.primary.host} port={self.primary.port} user=postgres"
        self.standby = stack.enter_context(self._server(second, primary_conninfo=follows))
        both = f"{self.standby.host},{self.primary.host}"
        #: Names both, the standby first.
        self.dsn = make_conninfo(self.primary.dsn(), host=both, port="5432,5432")

    @staticmethod
    @contextmanager
    def _server(home: Path, **settings: str) -> Iterator[embedded.Server]:
        with embedded.server(home, version=VERSION, settings={**SETTINGS, **settings}) as server:
            yield server

    def fail_over(self) -> None:
        """The primary dies, and the standby takes its place, with all that was committed."""
        with psycopg.connect(self.primary.dsn()) as there, psycopg.connect(self.standby.dsn()) as here:
            said = there.execute("select pg_current_wal_insert_lsn()").fetchall()[0][0]
            query = "select pg_last_wal_replay_lsn() >= %s"
            wait_until(lambda: here.execute(query, (said,)).fetchall() == [(True,)], "all has arrived")
        os.kill(int((self._first / "pgdata/postmaster.pid").read_text().splitlines()[0]), signal.SIGQUIT)
        with psycopg.connect(self.standby.dsn(), autocommit=True) as here:
            here.execute("select pg_promote()")


@pytest.fixture
def pair() -> Iterator[Pair]:
    """A primary and its standby, with opsloop deployed."""
    with server_home() as home, ExitStack() as stack:
        yield Pair(home, stack)


def connected(server: embedded.Server) -> psycopg.Connection[Any]:
    return psycopg.connect(server.dsn(), autocommit=True, options="-c search_path=opsloop")


def relay(dsn: str, log: Path) -> subprocess.Popen[bytes]:
    with log.open("wb") as file:
        return subprocess.Popen(
            [sys.executable, "-m", "opsloop.relay"], env={**os.environ, "DATABASE_URL": dsn}, stderr=file
        )


@pytest.mark.timeout(240)
def test_worker_relay_bell_client_and_lock_find_the_primary_and_find_it_again(
    pair: Pair, start: Callable[..., Process], tmp_path: Path
) -> None:
    delivering = relay(pair.dsn, tmp_path / "relay.log")
    # It hears of work by its bell alone: it would look a minute later.
    start("--poll-seconds", "60", DATABASE_URL=pair.dsn)
    try:
        for server in (pair.primary, pair.standby):
            if server is pair.standby:
                pair.fail_over()
            with connected(server) as conn:
                work = Work(conn)
                work.set_policy("outbox", routes=ROUTES)
                idle = "select count(*) from ops_workers where idle and last_seen_at > now() - interval '4 seconds'"
                wait_until(lambda: conn.execute(idle).fetchone() == (1,), "the worker waits for its bell", 60)  # noqa: B023
                work.wait_for(work.step("noop"), "succeeded", seconds=30)
                conn.execute("select fn_publish_outbox('t', '1', 'changed')")
                waits = "select count(*) from outbox where processed_at is null"
                wait_until(lambda: conn.execute(waits).fetchone() == (0,), "it was delivered", 60)  # noqa: B023
                with opsloop.connect(pair.dsn) as client:
                    assert client.health().live_workers == 1
                    client.emit_event("signal")
                with opsloop.lock("l", dsn=pair.dsn):
                    assert conn.execute(
                        "select count(*) from distributed_locks where lock_name = 'l'"
                    ).fetchone() == (1,)
    finally:
        delivering.kill()
        delivering.wait()


@pytest.mark.timeout(120)
def test_a_relay_on_a_standby_says_so_and_a_worker_does_not_start_there(
    pair: Pair, start: Callable[..., Process], tmp_path: Path
) -> None:
    worker = start(DATABASE_URL=pair.standby.dsn())
    assert worker.end()[0] == 1
    assert worker.said().startswith("OPS_026: ")
    log = tmp_path / "relay.log"
    with connected(pair.primary) as conn:
        work = Work(conn)
        work.set_policy("outbox", routes=ROUTES)
        conn.execute("select fn_publish_outbox('t', '1', 'changed')")
    delivering = relay(pair.standby.dsn(), log)
    try:
        wait_until(
            lambda: "claim refused" in log.read_text() and "25006" in log.read_text(), "it says so", 30
        )
    finally:
        delivering.kill()
        delivering.wait()
