"""What a worker says about itself and the server: in its log, and to the database, where the operator looks."""

import asyncio
import signal
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from opsloop.database import Database
from opsloop.process import link as links
from opsloop.process import patience
from opsloop.process.link import Link
from support import wait_until
from worker.working import Process, Work

SESSIONS = "from pg_stat_activity where application_name like 'opsloop worker%'"


class Heard:
    """A log that keeps what it is told."""

    def __init__(self) -> None:
        self.lines: list[dict[str, Any]] = []
        self.something = asyncio.Event()

    def warning(self, event: str, **said: Any) -> None:
        """Keep a line."""
        self.lines.append({"event": event, **said})
        self.something.set()


@pytest.mark.parametrize("pooled", [False, True])
async def test_a_call_that_waits_for_long_is_said_once_with_what_it_waits_for(
    dsn: str,
    connect: Callable[..., psycopg.Connection[Any]],
    monkeypatch: pytest.MonkeyPatch,
    pooled: bool,
) -> None:
    monkeypatch.setattr(patience, "LONG", 0.2)
    heard = Heard()
    link = Link(Database(dsn, pooled=pooled), "claims", heard)
    await link.open()
    holder = connect(autocommit=False)
    holder.execute("lock table distributed_locks in access exclusive mode")
    calling = asyncio.create_task(link.call("cleanup_expired_locks"))
    await heard.something.wait()
    await asyncio.sleep(0.5)
    holder.rollback()
    await calling
    await link.call("missing_executors")
    await link.close()

    said = {"event": "database call takes long", "link": "claims", "function": "cleanup_expired_locks"}
    why = {} if pooled else {"waits_for": "Lock: relation", "blocked_by": [holder.info.backend_pid]}
    assert heard.lines == [{**said, "seconds": 0.2, **why}]


async def test_a_server_that_cannot_be_asked_leaves_the_line_plain(
    dsn: str, connect: Callable[..., psycopg.Connection[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "LONG", 0.2)

    async def full(*_args: Any, **_more: Any) -> None:
        raise psycopg.OperationalError("sorry, too many clients already")

    heard = Heard()
    link = Link(Database(dsn), "claims", heard)
    await link.open()
    monkeypatch.setattr(links.databases, "connect_async", full)
    holder = connect(autocommit=False)
    holder.execute("lock table distributed_locks in access exclusive mode")
    calling = asyncio.create_task(link.call("cleanup_expired_locks"))
    await heard.something.wait()
    holder.rollback()
    await calling
    await link.close()
    assert [set(line) for line in heard.lines] == [{"event", "link", "function", "seconds"}]


def test_connections_that_were_lost_are_counted_in_the_database(
    work: Work, start: Callable[..., Process]
) -> None:
    worker = start("--poll-seconds", "0.1")
    work.wait_for(work.step("noop"), "succeeded")
    work.conn.execute(f"select pg_terminate_backend(pid, 3000) {SESSIONS}")
    work.wait_for(work.step("noop"), "succeeded")

    worker.signal(signal.SIGTERM)

    assert worker.end()[0] == 0
    metric = "select value from fn_metrics() where name = 'opsloop_reconnects_total'"
    assert work.conn.execute(metric).fetchall()[0][0] >= 1


def test_claims_that_were_refused_are_counted_in_the_database(
    work: Work, start: Callable[..., Process]
) -> None:
    source = work.conn.execute("select pg_get_functiondef('fn_claim_steps'::regproc)").fetchall()[0][0]
    work.conn.execute(
        source.split("AS $function$")[0]
        + "AS $function$ begin raise exception using errcode = '57014'; end $function$"
    )
    worker = start("--poll-seconds", "0.1", "--no-heartbeat")
    wait_until(lambda: worker.logged("claim refused"), "it was refused")

    worker.signal(signal.SIGTERM)

    assert worker.end()[0] == 0
    metric = "select value from fn_metrics() where name = 'opsloop_claims_refused_total'"
    assert work.conn.execute(metric).fetchall()[0][0] >= 1
