"""A crash of the server keeps what was said of locks, tokens and counters, with synchronous_commit off too."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from databases import VERSION, server_home
from looping import Loop, step, template
from opsloop import embedded, migrate
from support import wait_until

pytestmark = pytest.mark.skipif("OPSLOOP_TEST_DSN" in os.environ, reason="crashes a server of its own")


def crash(home: Path) -> None:
    """An immediate shutdown: no checkpoint, nothing written that was not written already."""
    pid = int((home / "pgdata/postmaster.pid").read_text().splitlines()[0])
    os.kill(pid, signal.SIGQUIT)

    def gone() -> bool:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        return False

    wait_until(gone, "the server is gone")


@contextmanager
def session(server: embedded.Server) -> Iterator[Loop]:
    conn = psycopg.connect(server.dsn(), autocommit=True, options="-c search_path=opsloop")
    try:
        yield Loop(conn)
    finally:
        conn.close()


@pytest.fixture
def home() -> Iterator[Path]:
    with server_home() as made:
        yield made


def test_locks_tokens_and_counters_survive_a_crash(home: Path) -> None:
    # The WAL writer sleeps, so that what nobody flushed is surely lost.
    settings = {**embedded.THROWAWAY, "wal_writer_delay": "10s"}
    with embedded.server(home, version=VERSION, settings=settings) as server:
        migrate.migrate(server.dsn())
        with session(server) as loop:
            assert loop.value("show synchronous_commit") == "off"
            for n in range(50):  # more than the 32 numbers that a sequence logs ahead
                assert loop.value("select fn_acquire_lock(%s, 'a', 600)", f"l{n}")
            assert not loop.value("select fn_acquire_lock('l0', 'b')")
            assert loop.value("select fn_extend_lock('l7', 'a', 6000)")
            before = loop.rows("select * from distributed_locks order by token")
            counted = loop.rows("select * from fn_metrics()")
            crash(home)
    with embedded.server(home, version=VERSION, settings=settings) as server, session(server) as loop:
        assert loop.rows("select * from distributed_locks order by token") == before
        assert loop.rows("select * from fn_metrics()") == counted
        assert loop.value("select fn_acquire_lock('l0', 'a')"), "still his"
        assert not loop.value("select fn_acquire_lock('l1', 'b')")
        assert loop.value("select fn_acquire_lock('new', 'b')")
        assert loop.value("select fn_lock_token('new', 'b')") > before[-1]["token"]
        assert loop.broken() == []


def test_leases_of_before_a_restart_get_the_time_of_one_lease_more(home: Path) -> None:
    settings = {**embedded.THROWAWAY, "synchronous_commit": "on"}
    with embedded.server(home, version=VERSION, settings=settings) as server:
        migrate.migrate(server.dsn())
        migrate.seed(server.dsn())
        with session(server) as loop:
            mission = loop.mission(step("a"))
            work = loop.row("select * from fn_claim_steps('w', 1, 1)")
            crash(home)
    with embedded.server(home, version=VERSION, settings=settings) as server, session(server) as loop:
        over = "select lease_expires_at < clock_timestamp() from ops_mission_steps"
        wait_until(lambda: loop.value(over), "its lease is over")
        assert loop.row("select * from fn_recover_expired_leases()") == {
            "requeued_steps": 0,
            "failed_steps": 0,
        }
        assert loop.value("select fn_complete_step(%s, %s)", work["step_id"], work["lease_token"])
        assert loop.value("select status from ops_missions where id = %s", mission) == "succeeded"


def kill(home: Path) -> None:
    """Kills the server and all that it started, so that nothing is said or written on the way."""
    pid = int((home / "pgdata/postmaster.pid").read_text().splitlines()[0])
    children = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=True
    )
    for each in (pid, *map(int, children.stdout.split())):
        with suppress(ProcessLookupError):
            os.kill(each, signal.SIGKILL)
    wait_until(lambda: not Path(f"/proc/{pid}/exe").exists(), "the server is gone")


def test_waits_timers_and_children_survive_a_killed_server(home: Path) -> None:
    settings = {**embedded.THROWAWAY, "synchronous_commit": "on"}
    with embedded.server(home, version=VERSION, settings=settings) as server:
        migrate.migrate(server.dsn())
        migrate.seed(server.dsn())
        with session(server) as loop:
            now = loop.stop_clock()
            nap = loop.mission(step("a", "wait", params={"seconds": 60}), step("b"))
            late = loop.mission(step("a", run_after=60))
            event = loop.mission(step("a", "wait", params={"event": "paid", "match": {"n": 1}}))
            heard = loop.mission(step("a"), step("w", "wait", params={"event": "paid", "since": "mission"}))
            parent = loop.mission(step("a", "mission", params=template(step("x"))))
            spread = loop.mission(step("a", for_each=[1, 2], params={"n": "{{item}}"}))
            loop.turn()
            loop.emit("paid", {"n": 0})  # not looked at when the server dies
            kill(home)
    with embedded.server(home, version=VERSION, settings=settings) as server, session(server) as loop:
        assert loop.broken() == []
        loop.turn()
        assert loop.steps(event) == {"a": "waiting"}
        loop.emit("paid", {"n": 1})
        loop.stop_clock(now + timedelta(seconds=60))
        for _ in range(5):
            for work in loop.claim(20):
                loop.complete(work, work["params"].get("n"))
            loop.turn()
        missions = (nap, late, event, heard, parent, spread)
        assert [loop.status(m) for m in missions] == ["succeeded"] * len(missions)
        assert loop.step(event)["result"] == {"n": 1}
        assert loop.step(heard, "w")["result"] == {"n": 0}
        assert loop.step(parent)["result"] == {"x": None}
        assert loop.step(spread)["result"] == [1, 2]
        assert loop.broken() == []
