"""A worker that sleeps: silent, alive for everybody, and there as soon as there is something to do."""

import signal
import time
from collections.abc import Callable
from typing import Any

import psycopg

from support import wait_until
from worker.working import Process, Work

Start = Callable[..., Process]

SESSIONS = (
    "select pid, query_start from pg_stat_activity where application_name like 'opsloop worker%' order by pid"
)
#: Nothing is claimed by a worker that is registered as asleep.
AWAKE_AT_THE_CLAIM = """
  create function awake() returns trigger language plpgsql as $$
  begin
    if exists (select from opsloop.ops_workers w
                where w.worker_id = new.worker_id and w.asleep_until is not null) then
      raise exception 'claimed while it was asleep';
    end if;
    return new;
  end $$;
  create trigger awake before update on ops_mission_steps
    for each row when (new.status = 'running' and old.status = 'queued') execute function awake()"""


def asleep(start: Start, work: Work, *arguments: str) -> Process:
    """A worker that has fallen asleep."""
    work.conn.execute(AWAKE_AT_THE_CLAIM)
    worker = start("--idle-after", "1", "--app", "handlers", *arguments)
    wait_until(lambda: worker.logged("asleep"), "it is asleep")
    wait_until(lambda: silent(work), "it is silent")
    return worker


def silent(work: Work, sessions: int = 1) -> bool:
    """Whether there are so many sessions, which say nothing for a second."""
    before = work.conn.execute(SESSIONS).fetchall()
    time.sleep(1)
    return len(before) == sessions and work.conn.execute(SESSIONS).fetchall() == before


def workers(work: Work) -> tuple[int, int]:
    """How many live, and how many of them are asleep."""
    found = work.conn.execute("select live_workers, asleep_workers from fn_health()").fetchall()
    return found[0][0], found[0][1]


def set_clock(conn: psycopg.Connection[Any], by: str) -> None:
    conn.execute(
        "create or replace function _now() returns timestamptz language plpgsql set search_path from current as "
        f"$$ begin return clock_timestamp() + interval '{by}'; end $$"
    )


def test_it_says_nothing_and_counts_as_alive_for_as_long_as_it_is_there(work: Work, start: Start) -> None:
    worker = asleep(start, work)
    set_clock(work.conn, "8 days")
    assert workers(work) == (1, 1)
    work.conn.execute("select _duty_steps()")
    checks = dict(work.conn.execute("select name, status from fn_check_health()").fetchall())
    values = dict(work.conn.execute("select name, value from fn_check_health()").fetchall())
    assert checks["workers"] == checks["heartbeat"] == "ok"
    assert values["workers"].startswith("1 live (1 asleep)")

    worker.popen.kill()

    wait_until(lambda: workers(work) == (0, 0), "one that was killed is gone at once")
    checks = dict(work.conn.execute("select name, status from fn_check_health()").fetchall())
    assert checks["workers"] == "warn"
    assert checks["heartbeat"] == "fail"


def test_work_wakes_it_and_it_is_registered_as_awake_before_it_claims(work: Work, start: Start) -> None:
    worker = asleep(start, work)
    for _ in range(2):
        work.wait_for(work.step("noop"), "succeeded")
        assert workers(work) == (1, 0)
        wait_until(lambda: workers(work) == (1, 1), "it sleeps again")
    worker.signal(signal.SIGTERM)
    assert worker.end()[0] == 0
    assert workers(work) == (0, 0)
    locks = "select count(*) from pg_locks where locktype = 'advisory' and classid = 'ops_workers'::regclass"
    assert work.conn.execute(locks).fetchone() == (0,)


def react(work: Work) -> None:
    template = {"title": "t", "steps": [{"kind": "noop"}]}
    work.set_policy("reaction_matrix", patterns=[{"name": "p", "event_type": "signal", "template": template}])


def succeeded(work: Work) -> int:
    return work.statuses().get("succeeded", 0)


def test_an_event_wakes_it_as_only_a_heartbeat_makes_work_of_it(work: Work, start: Start) -> None:
    react(work)
    asleep(start, work)
    work.conn.execute("select fn_emit_event('signal')")
    wait_until(lambda: succeeded(work) == 1, "it has become work, which is done")


def test_it_does_not_sleep_while_somebody_may_emit_who_does_not_know_that_it_sleeps(
    work: Work, start: Start, connect: Callable[..., psycopg.Connection[Any]]
) -> None:
    react(work)
    producer = connect(autocommit=False)
    producer.execute("select fn_emit_event('signal')")
    worker = start("--idle-after", "1")
    wait_until(lambda: workers(work) == (1, 0), "it is registered")
    time.sleep(4)  # longer than it needs to fall asleep
    assert not worker.logged("asleep")
    producer.commit()
    wait_until(lambda: succeeded(work) == 1, "it has become work, which is done")
    wait_until(lambda: worker.logged("asleep"), "then it sleeps", 30)


def test_what_is_told_while_its_connection_breaks_is_done(
    work: Work, start: Start, connect: Callable[..., psycopg.Connection[Any]]
) -> None:
    asleep(start, work)
    ((pid, _),) = work.conn.execute(SESSIONS).fetchall()
    other = Work(connect(autocommit=False))
    step = other.step("noop")
    work.conn.execute("select pg_terminate_backend(%s, 5000)", (pid,))
    other.conn.commit()
    work.wait_for(step, "succeeded")


def test_a_pause_that_comes_and_goes_meanwhile_leaves_nothing_behind(work: Work, start: Start) -> None:
    worker = asleep(start, work)
    work.client.pause("all")
    step = work.step("noop")
    wait_until(lambda: workers(work) == (1, 1) and silent(work), "paused work lets it sleep")
    assert work.of(step, "status") == "queued"
    work.client.resume("all")
    work.wait_for(step, "succeeded")
    assert not worker.logged("claim refused")


def test_a_retry_and_a_lease_that_runs_out_are_awaited(work: Work, start: Start) -> None:
    work.set_policy("worker_policy", backoff={"base_seconds": 4})
    asleep(start, work, "--executors", "noop")
    step = work.step("noop", {"fail": "so"}, max_retries=2)
    work.wait_for(step, "failed")
    assert work.runs(step) == ["failed", "failed"]

    work.set_policy("worker_policy", lease_minutes=3 / 60)
    lost = work.step("own", on_lease_lost="retry")
    # Claimed for a worker that has vanished.
    work.conn.execute("select fn_claim_steps('gone', 1, null, '{own}')")
    wait_until(lambda: work.of(lost, "status") == "queued", "it is taken back")


def test_without_listen_it_has_no_connection_and_comes_every_poll(work: Work, start: Start) -> None:
    work.conn.execute(AWAKE_AT_THE_CLAIM)
    worker = start("--idle-after", "1", "--no-listen", "--poll-seconds", "4")
    wait_until(lambda: worker.logged("asleep"), "it is asleep")
    wait_until(lambda: silent(work, sessions=0), "it has no connection")
    assert workers(work) == (1, 1)
    step = work.step("noop")
    work.wait_for(step, "succeeded", seconds=10)
    wait_until(lambda: silent(work, sessions=0), "it sleeps again")
    worker.popen.kill()
    set_clock(work.conn, "70 seconds")
    assert workers(work) == (0, 0)
