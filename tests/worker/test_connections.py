import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from databases import server_home
from opsloop import embedded, migrate
from opsloop.database import Database
from opsloop.executors import builtin
from opsloop.process import logs
from opsloop.process.link import Link
from opsloop.process.session import DatabaseSession
from opsloop.worker import Options, Worker
from support import wait_until
from worker.working import Process, Work

Start = Callable[..., Process]

SESSIONS = "from pg_stat_activity where application_name like 'opsloop worker%'"
ENDED = f"select count(pg_terminate_backend(pid)) {SESSIONS}"
#: Waits until they are gone, three seconds each at most.
ENDED_AND_GONE = f"select pg_terminate_backend(pid, 3000) {SESSIONS}"


def test_a_worker_whose_sessions_are_ended_comes_back_and_still_reports(
    work: Work, start: Start, tmp_path: Path
) -> None:
    gate = tmp_path / "open"
    step = work.step("own", {"until": str(gate)})
    worker = start("--app", "handlers")
    work.wait_for(step, "running")

    ended = work.conn.execute(ENDED).fetchall()[0][0]
    gate.touch()

    assert ended >= 3
    work.wait_for(step, "succeeded")
    assert work.runs(step) == ["succeeded"]
    work.wait_for(work.step("noop"), "succeeded")
    assert any(line.get("code") == "OPS_001" for line in worker.lines())


def test_an_idle_worker_whose_sessions_are_ended_again_and_again_still_works(
    work: Work, start: Start
) -> None:
    start()
    wait_until(lambda: work.conn.execute("select 1 from ops_workers").fetchall(), "it is registered")
    for _ in range(3):
        work.conn.execute(ENDED)
        work.wait_for(work.step("noop"), "succeeded")


async def test_a_session_that_ends_before_the_worker_has_begun_is_opened_anew(
    dsn: str, conn: psycopg.Connection[Any]
) -> None:
    link = Link(Database(dsn, "opsloop"), "claims", logs.get())
    await link.open()
    conn.execute(ENDED_AND_GONE)

    await link.listen("bell", _nothing, _nothing)
    assert not link.listening
    assert await link.call("missing_executors") == []
    assert link.listening
    await link.close()


async def test_a_session_that_ends_as_it_begins_is_begun_again(
    dsn: str, conn: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    begin = DatabaseSession.begin
    begun: list[DatabaseSession] = []

    async def begin_and_end(*args: Any) -> DatabaseSession:
        begun.append(await begin(*args))
        if len(begun) < 3:
            conn.execute(ENDED_AND_GONE)
        return begun[-1]

    monkeypatch.setattr(DatabaseSession, "begin", begin_and_end)
    link = Link(Database(dsn, "opsloop"), "reports", logs.get())
    link.lock_seconds = 1

    await link.open(tries=3)
    assert await link.call("missing_executors") == []
    assert len(begun) == 3
    await link.close()


def _nothing() -> None:
    """What is heard is of no interest here."""


def test_without_a_database_configured_a_worker_does_not_start(start: Start) -> None:
    worker = start("--once", DATABASE_URL="", **{name: "" for name in os.environ if name.startswith("PG")})

    assert worker.end() == (3, "")
    assert worker.log.read_text().startswith("OPS_001: no database is configured")


def test_a_worker_that_cannot_connect_says_so_in_one_sentence(start: Start) -> None:
    worker = start("--once", DATABASE_URL="host=/nowhere dbname=none connect_timeout=2")

    assert worker.end() == (3, "")
    assert [line for line in worker.log.read_text().splitlines() if line.startswith("OPS_001: ")]


def test_a_worker_refuses_a_database_without_opsloop(empty_dsn: str, start: Start) -> None:
    worker = start("--once", DATABASE_URL=empty_dsn)

    assert worker.end() == (1, "")
    assert "OPS_021: " in worker.log.read_text()


def test_a_worker_pointed_at_another_schema_names_schema_and_database(dsn: str, start: Start) -> None:
    worker = start("--once", OPSLOOP_SCHEMA="elsewhere")

    assert worker.end() == (1, "")
    database = conninfo_to_dict(dsn)["dbname"]
    assert worker.said() == f"OPS_021: opsloop is not installed in schema elsewhere of database {database}"


def test_a_worker_refuses_a_database_that_lacks_a_change(conn: psycopg.Connection[Any], start: Start) -> None:
    conn.execute(
        "drop function fn_register_worker; delete from opsloop_schema_change where version is not null"
    )
    worker = start("--once")

    assert worker.end() == (1, "")
    assert worker.said().startswith("OPS_021: schema opsloop of database ")
    assert worker.said().endswith(
        " is older than this package: run `opsloop migrate` first, then start again"
    )


def test_a_worker_refuses_a_database_that_takes_no_writes(dsn: str, start: Start) -> None:
    worker = start("--once", PGOPTIONS="-c default_transaction_read_only=on")

    assert worker.end() == (1, "")
    database = conninfo_to_dict(dsn)["dbname"]
    assert worker.said().startswith(f"OPS_026: database {database} is read-only: ")
    assert "target_session_attrs=read-write" in worker.log.read_text()


@pytest.mark.skipif("OPSLOOP_TEST_DSN" in os.environ, reason="the tests run on another server")
def test_a_worker_refuses_a_standby(start: Start) -> None:
    with server_home() as home:
        with embedded.server(home, settings=embedded.THROWAWAY) as server:
            migrate.migrate(server.dsn())
        # From now on it replays what a primary sends, which never comes, and answers those who read.
        signal = home / "pgdata/standby.signal"
        signal.touch()
        owner = (home / "pgdata").stat()
        os.chown(signal, owner.st_uid, owner.st_gid)
        with embedded.server(home, settings=embedded.THROWAWAY) as server:
            worker = start("--once", DATABASE_URL=server.dsn())
            assert worker.end() == (1, "")
            assert worker.said().startswith("OPS_026: database postgres is read-only: a standby")


async def test_a_worker_uses_the_schema_it_is_told(dsn: str) -> None:
    worker = Worker(Database(dsn, "elsewhere"), builtin(None), Options())

    with pytest.raises(Exception, match="OPS_021"):
        await worker.run()
    await worker.close()


def test_nothing_secret_is_logged(work: Work, start: Start, dsn: str) -> None:
    params = {"fail": "sesame-error", "note": "sesame-param"}
    step = work.step("noop", {**params, "sleep_seconds": 0.01}, max_retries=1)
    worker = start("--drain", "--log-level", "debug")

    assert worker.end()[0] == 0
    assert work.of(step, "status") == "failed"
    failed = next(line for line in worker.lines() if line["event"] == "step failed")
    assert failed["step_id"] == step
    assert failed["code"] == "OPS_007"
    assert {"worker_id", "mission_id"} <= failed.keys()
    assert "sesame" not in worker.log.read_text()


def test_the_worker_says_which_sessions_are_its_own(work: Work, start: Start) -> None:
    start()
    query = "select application_name from pg_stat_activity where application_name like 'opsloop worker%' order by 1"
    names = [f"opsloop worker: {name}" for name in ("claims", "heartbeat", "leases", "reports")]

    def shown() -> list[str]:
        return [row[0] for row in work.conn.execute(query).fetchall()]

    wait_until(lambda: shown() == names, "its sessions are named")
