"""A claim whose answer is lost: its steps are given back at once, no try is burnt, and no other step is touched."""

import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from proxies import Proxy
from support import wait_until
from worker.working import Process, Work

Start = Callable[..., Process]

#: Stands in every answer of a claim that brought something.
CLAIMED = b"step:"
#: While a session holds the lock, steps of that executor are claimed, but the claim does not commit.
HELD = """
  create function held() returns trigger language plpgsql as $$
  begin
    perform pg_advisory_xact_lock_shared(12);
    return null;
  end $$;
  create trigger held after update on ops_mission_steps for each row
    when (new.status = 'running' and old.status = 'queued' and new.executor = 'other') execute function held()"""


def assert_was_given_back(work: Work, step: str) -> None:
    """Its only other attempt was never begun. (No heartbeat runs, so no end of a lease would bring it back.)"""
    work.wait_for(step, "succeeded")
    assert work.runs(step) == ["released", "succeeded"]
    assert work.of(step, "failure_count") == 0


@pytest.mark.parametrize("on_lease_lost", ["retry", "hold"])
def test_steps_of_a_claim_whose_answer_was_lost_are_given_back(
    work: Work, start: Start, proxy: Proxy, on_lease_lost: str
) -> None:
    proxy.lose(CLAIMED)
    worker = start("--no-heartbeat", DATABASE_URL=proxy.dsn)
    step = work.step("noop", on_lease_lost=on_lease_lost)

    assert_was_given_back(work, step)

    assert proxy.lost == 1
    (line,) = [line for line in worker.lines() if line["event"] == "lost claim given back"]
    assert line["count"] == 1


def test_a_draining_worker_goes_on_with_what_it_lost(work: Work, start: Start, proxy: Proxy) -> None:
    steps = [work.step("noop") for _ in range(3)]
    proxy.lose(CLAIMED)
    assert start("--drain", "--no-heartbeat", DATABASE_URL=proxy.dsn).end()[0] == 0
    for step in steps:
        assert work.runs(step) == ["released", "succeeded"]


def test_its_last_words_give_back_what_it_will_not_claim_again(
    work: Work, start: Start, proxy: Proxy
) -> None:
    step = work.step("noop")
    proxy.lose(CLAIMED)
    # Nothing more is claimed once it was told to stop.
    worker = start("--once", "--no-heartbeat", "--batch", "1", DATABASE_URL=proxy.dsn)
    wait_until(lambda: proxy.lost, "the claim is lost")
    worker.signal(signal.SIGTERM)
    worker.end()
    assert work.of(step, "status") in ("queued", "succeeded")
    assert work.runs(step)[0] == "released"


@pytest.fixture
def holds(work: Work, conn: psycopg.Connection[Any], dsn: str) -> Iterator[psycopg.Connection[Any]]:
    """A session that keeps claims of the executor `other` from committing until it unlocks."""
    work.conn.execute(HELD)
    with psycopg.connect(dsn, autocommit=True) as session:
        session.execute("select pg_advisory_lock(12)")
        yield session


def test_a_lost_claim_that_commits_late_is_given_back(
    work: Work, start: Start, proxy: Proxy, holds: psycopg.Connection[Any], tmp_path: Path
) -> None:
    gate = tmp_path / "open"
    gate.touch()
    where = {"until": str(gate), "started": str(tmp_path / "started")}
    step = work.step("other", where, on_lease_lost="hold")
    worker = start("--app", "handlers", "--no-heartbeat", DATABASE_URL=proxy.dsn)
    waiting = "select from pg_stat_activity where wait_event = 'advisory' and query like '%fn_claim_steps%'"
    wait_until(lambda: work.conn.execute(waiting).fetchall(), "the claim hangs")

    proxy.cut()
    asked = "select from pg_stat_activity where query like '%fn_disown_steps%' and pid <> pg_backend_pid()"
    wait_until(lambda: work.conn.execute(asked).fetchall(), "the worker has asked in vain")
    assert not worker.logged("lost claim given back")
    holds.execute("select pg_advisory_unlock(12)")

    assert_was_given_back(work, step)


def test_what_the_worker_claims_meanwhile_is_not_disowned(
    work: Work, start: Start, proxy: Proxy, tmp_path: Path
) -> None:
    gate = tmp_path / "open"
    proxy.lose(CLAIMED)
    worker = start("--app", "handlers", "--no-heartbeat", DATABASE_URL=proxy.dsn)
    assert_was_given_back(work, work.step("noop"))

    # On its way for longer than the pause between two looks.
    proxy.delay(CLAIMED, 2.5)
    running = work.step("own", {"until": str(gate)})
    work.wait_for(running, "running")
    more = [work.step("noop") for _ in range(20)]
    for step in more:
        work.wait_for(step, "succeeded")
        assert work.runs(step) == ["succeeded"]
    gate.touch()
    work.wait_for(running, "succeeded")

    assert work.runs(running) == ["succeeded"]
    assert sum(line["event"] == "lost claim given back" for line in worker.lines()) == 1


def test_an_attempt_that_was_begun_and_of_which_nothing_was_said_is_not_disowned(
    work: Work, start: Start, proxy: Proxy, tmp_path: Path
) -> None:
    worker = start("--app", "handlers", "--no-heartbeat", DATABASE_URL=proxy.dsn)
    begun = work.step("own", {"until": str(tmp_path / "never")}, on_lease_lost="hold")
    work.wait_for(begun, "running")
    # The server extends it no more, and the worker gives it up without a word.
    work.conn.execute("update ops_mission_steps set deadline_at = clock_timestamp()")
    wait_until(lambda: worker.logged("lease lost"), "it is given up")

    proxy.lose(CLAIMED)
    assert_was_given_back(work, work.step("noop"))

    assert work.of(begun, "status") == "running"
    assert work.runs(begun) == []


def test_a_kill_switch_meanwhile_has_the_last_word(
    work: Work, start: Start, proxy: Proxy, conn: psycopg.Connection[Any]
) -> None:
    step = work.step("noop")
    proxy.lose(CLAIMED)
    start("--no-heartbeat", DATABASE_URL=proxy.dsn)
    wait_until(lambda: proxy.lost, "the claim is lost")

    conn.execute("select fn_kill_switch('ada')")
    wait_until(lambda: work.of(step, "status") == "queued", "it is given back, by the one or the other")
    conn.execute("select fn_resume('all')")

    work.wait_for(step, "succeeded")
    assert work.of(step, "failure_count") == 0
