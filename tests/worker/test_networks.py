"""What docs/networks.md says that settings of a server do to a worker."""

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from proxies import Proxy
from support import wait_until
from worker.working import Process, Work


def setting(conn: psycopg.Connection[Any], name: str, value: str) -> None:
    conn.execute(f"alter database {conn.info.dbname} set {name} = '{value}'")


@pytest.mark.parametrize("name", ["lock_timeout", "idle_session_timeout", "statement_timeout"])
def test_a_worker_lives_with_the_timeouts_of_a_server(
    work: Work, start: Callable[..., Process], name: str
) -> None:
    # A session that is idle for less would be ended before the worker had time to fall asleep.
    setting(
        work.conn,
        name,
        {"lock_timeout": "1s", "idle_session_timeout": "3s", "statement_timeout": "10s"}[name],
    )
    worker = start("--idle-after", "1")
    work.wait_for(work.step("noop"), "succeeded")
    wait_until(lambda: worker.logged("asleep"), "it is asleep")
    if name == "idle_session_timeout":
        wait_until(lambda: worker.logged("connection lost"), "the server has ended its session")
    work.wait_for(work.step("noop"), "succeeded")


def test_a_claim_that_statement_timeout_ends_is_refused_and_tried_again(
    work: Work, start: Callable[..., Process]
) -> None:
    setting(work.conn, "statement_timeout", "2s")
    source = work.conn.execute("select pg_get_functiondef('fn_claim_steps'::regproc)").fetchall()[0][0]
    work.conn.execute(
        source.split("AS $function$")[0] + "AS $function$ begin perform pg_sleep(60); return; end $function$"
    )
    step = work.step("noop")
    worker = start("--no-heartbeat")
    wait_until(lambda: worker.logged("claim refused"), "the server has ended it")
    (line, *_) = [line for line in worker.lines() if line["event"] == "claim refused"]
    assert line["sqlstate"] == "57014"
    work.conn.execute(source)
    work.wait_for(step, "succeeded")


def test_a_start_whose_answers_take_longer_than_two_seconds_goes_on(
    work: Work, start: Callable[..., Process], proxy: Proxy
) -> None:
    proxy.slow(2.2)
    worker = start("--no-heartbeat", DATABASE_URL=proxy.dsn)
    wait_until(lambda: worker.logged("worker started"), "it has started", seconds=60)
    work.wait_for(work.step("noop"), "succeeded", seconds=30)


def test_a_start_whose_answers_take_longer_than_its_leases_allow_says_so(
    work: Work, start: Callable[..., Process], proxy: Proxy
) -> None:
    work.set_policy("worker_policy", lease_minutes=2 / 60)
    proxy.slow(2.2)
    worker = start("--no-heartbeat", DATABASE_URL=proxy.dsn)
    wait_until(lambda: worker.logged("no answer, connecting anew"), "it says so", seconds=60)
    assert worker.popen.poll() is None
    proxy.slow(0)
    work.wait_for(work.step("noop"), "succeeded", seconds=30)
