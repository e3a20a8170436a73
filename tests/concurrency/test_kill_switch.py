"""The kill switch under load, and beside transactions that somebody has left open."""

import os
import signal
import subprocess
import sys
import threading

import psycopg
import pytest
from psycopg.types.json import Jsonb

from looping import step, template
from support import start, wait_until

KILL = "select fn_kill_switch('ada', 'smoke')"
RESUME = "select fn_resume('all', null, 'ada')"


def propose_many(loop, count, *steps):
    loop.rows("select * from fn_create_proposals(%s)", Jsonb([{"template": template(*steps)}] * count))


@pytest.fixture
def processes(dsn, tmp_path):
    """Starts real workers; they are ended at the end."""
    started = []

    def begin(count, *arguments):
        for _ in range(count):
            with (tmp_path / f"worker-{len(started)}.log").open("w") as log:
                started.append(
                    subprocess.Popen(
                        [sys.executable, "-m", "opsloop.worker", "--heartbeat-seconds", "0.5", *arguments],
                        env={**os.environ, "DATABASE_URL": dsn},
                        stdout=subprocess.DEVNULL,
                        stderr=log,
                    )
                )
        return started

    yield begin
    for process in started:
        process.send_signal(signal.SIGKILL)
        process.wait()


def test_under_load_nothing_starts_after_it_and_nothing_in_flight_is_accepted(loop, session, processes):
    """Sixteen workers, four of them processes; every step takes a while, so that most are in flight when it comes."""
    missions = 400
    processes(4, "--batch", "10", "--concurrency", "10")
    wait_until(lambda: loop.value("select count(*) from ops_workers") == 4, "the processes are up", 60)
    propose_many(loop, missions, step("a", params={"sleep_seconds": 0.2}), step("b"))
    ending = threading.Event()
    in_flight = []

    def working(worker):
        mine = session()

        def work():
            answers = []
            while not ending.is_set():
                claimed = mine.claim(5, worker)
                in_flight.append(len(claimed))
                ending.wait(0.2)
                answers += [(w["lease_token"], mine.complete(w, {"by": worker})) for w in claimed]
            return answers

        return start(work)

    threads = [working(f"t{n}") for n in range(12)]
    wait_until(
        lambda: (
            loop.value("select count(distinct worker_id) from ops_mission_steps where status = 'running'")
            == 16
            and loop.value("select count(*) from ops_action_runs where status = 'succeeded'") > 50
        ),
        "all sixteen are at it",
    )
    killer = session()
    done = killer.value(KILL)
    killed_at = killer.value("select clock_timestamp()")
    accepted = killer.value("select count(*) from ops_action_runs where status = 'succeeded'")
    assert done["could_still_commit"] == []
    assert done["revoked"] > 0
    assert (done["held"], done["remaining"]) == (0, 0)
    wait_until(
        lambda: loop.value("select count(*) from ops_action_runs where status = 'fenced'") > 0,
        "a late report",
    )
    at_kill = len(in_flight)
    wait_until(lambda: len(in_flight) > at_kill + 24, "the threads have asked for more")
    ending.set()
    answers = dict(answer for thread in threads for answer in thread.result())

    assert loop.value("select count(*) from ops_mission_steps where status = 'running'") == 0
    assert loop.value("select count(*) from ops_action_runs where started_at > %s", killed_at) == 0
    assert loop.value("select count(*) from ops_action_runs where status = 'succeeded'") == accepted
    assert (
        loop.value(
            "select count(*) from ops_action_runs where completed_at > %s and status <> 'fenced'", killed_at
        )
        == 0
    )
    lost = loop.rows("select run_id, step_id from ops_action_runs where status = 'lost'")
    assert len(lost) == done["revoked"]
    # Those of the threads have all been reported by now: each left its evidence and was told so.
    refused = {token for token, answer in answers.items() if answer == "OPS_006"}
    assert refused
    assert refused <= {run["run_id"] for run in lost}
    evidence = loop.rows("select run_id from ops_action_runs where status = 'fenced' and meta ? 'result'")
    assert refused <= {run["run_id"] for run in evidence}
    assert loop.value("select max(failure_count) from ops_mission_steps") == 0
    assert loop.broken() == []

    loop.value(RESUME)
    wait_until(
        lambda: loop.value("select count(*) from ops_missions where status = 'succeeded'") == missions,
        "resume brings everything back",
        60,
    )
    assert (
        loop.value("select count(distinct step_id) from ops_action_runs where status = 'succeeded'")
        == 2 * missions
    )
    assert loop.value("select count(*) from ops_action_runs where status = 'succeeded'") == 2 * missions


def test_a_claim_left_open_is_named_comes_out_void_and_is_taken_back(loop, session):
    propose_many(loop, 1, step("a"))
    claimer = session()
    claimer.do("begin")
    (work,) = claimer.claim(1)
    done = loop.value(KILL)
    assert [other["pid"] for other in done["could_still_commit"]] == [claimer.conn.info.backend_pid]
    loop.turn()
    assert loop.row("select epoch, revoked_epoch from ops_control") == {"epoch": 1, "revoked_epoch": 0}
    claimer.do("commit")
    assert loop.step(work["mission_id"])["status"] == "running"
    assert not loop.extend(work)[0]["ok"]
    assert loop.complete(work) == "OPS_006"
    loop.turn()
    assert loop.step(work["mission_id"])["status"] == "queued"
    assert loop.row("select epoch, revoked_epoch from ops_control") == {"epoch": 1, "revoked_epoch": 1}
    loop.value(RESUME)
    assert loop.complete(loop.work(work["mission_id"])) == "accepted"


def test_a_completion_left_open_is_named(loop, session):
    propose_many(loop, 1, step("a"), step("b"))
    (work,) = loop.claim(1)
    worker = session()
    worker.do("begin")
    assert worker.complete(work) == "accepted"
    done = loop.value(KILL)
    assert [other["pid"] for other in done["could_still_commit"]] == [worker.conn.info.backend_pid]
    assert (done["revoked"], done["remaining"]) == (0, 1)
    worker.do("commit")  # its work was done before
    assert loop.steps(work["mission_id"]) == {"a": "succeeded", "b": "queued"}
    assert loop.claim(1) == []


def test_a_completion_that_is_rolled_back_loses_its_step_to_the_kill(loop, session):
    propose_many(loop, 1, step("a"))
    (work,) = loop.claim(1)
    worker = session()
    worker.do("begin")
    worker.complete(work)
    assert loop.value(KILL)["remaining"] == 1
    worker.do("rollback")
    assert worker.complete(work) == "OPS_006"
    loop.turn()
    assert loop.step(work["mission_id"])["status"] == "queued"


def test_an_asserted_lease_is_waited_for_then_named_and_cannot_be_completed(loop, session):
    propose_many(loop, 1, step("a"))
    (work,) = loop.claim(1)
    worker = session()
    worker.do("begin")
    worker.rows("select fn_assert_lease(%s, %s)", work["step_id"], work["lease_token"])
    done = loop.value(KILL)
    assert [other["pid"] for other in done["could_still_commit"]] == [worker.conn.info.backend_pid]
    assert done["remaining"] == 1
    assert worker.complete(work) == "OPS_006"
    worker.do("rollback")
    loop.turn()
    assert loop.step(work["mission_id"])["status"] == "queued"


def test_a_report_waits_for_a_kill_that_is_not_committed_and_is_refused_then(loop, session):
    propose_many(loop, 1, step("a"))
    (work,) = loop.claim(1)
    killer, worker = session(), session()
    killer.do("begin")
    killer.value(KILL)
    reporting = start(lambda: worker.complete(work))
    loop.sees_blocked(worker)
    killer.do("commit")
    assert reporting.result() == "OPS_006"


def test_a_kill_that_is_rolled_back_has_changed_nothing(loop, session):
    propose_many(loop, 2, step("a"))
    (work,) = loop.claim(1)
    killer, worker, claimer = session(), session(), session()
    killer.do("begin")
    killer.value(KILL)
    reporting = start(lambda: worker.complete(work))
    claiming = start(lambda: claimer.claim(1))
    loop.sees_blocked(worker)
    loop.sees_blocked(claimer)
    killer.do("rollback")
    assert reporting.result() == "accepted"
    assert len(claiming.result()) == 1
    assert loop.value("select epoch from ops_control") == 0


def test_nobody_who_comes_while_it_waits_gets_in_before_it(loop, session):
    """It has given up on the idle one; who came meanwhile must not begin under the old epoch."""
    propose_many(loop, 3, step("a"))
    idle, killer, late = session(), session(), session()
    idle.do("begin")
    idle.claim(1)
    killing = start(lambda: killer.value(KILL))
    wait_until(
        lambda: loop.value("select count(*) from pg_locks where classid = 'ops_control'::regclass and objid in (1, 3)"
                           " and mode = 'ExclusiveLock' and granted") == 2,
        "both gates are closed",
    )  # fmt: skip
    claiming = start(lambda: late.claim(1))
    loop.sees_blocked(late)
    done = killing.result()
    assert [other["pid"] for other in done["could_still_commit"]] == [idle.conn.info.backend_pid]
    assert claiming.result() == []
    idle.do("rollback")


def test_whoever_holds_rows_of_a_mission_neither_blocks_it_nor_is_blocked(loop, session):
    propose_many(loop, 2, step("a"))
    works = loop.claim(2)
    holder = session()
    holder.do("begin")
    holder.cancel(works[0]["mission_id"])
    done = loop.value(KILL)
    assert (done["revoked"], done["remaining"]) == (1, 1)
    holder.do("commit")
    loop.turn()
    assert loop.step(works[0]["mission_id"])["status"] == "cancelled"


def test_it_may_be_pulled_by_one_who_holds_rows_himself(loop, session):
    propose_many(loop, 1, step("a"))
    (work,) = loop.claim(1)
    operator, worker = session(), session()
    operator.do("begin")
    operator.rows("select id from ops_missions where id = %s for update", work["mission_id"])
    reporting = start(lambda: worker.complete(work))
    loop.sees_blocked(worker)
    done = operator.value(KILL)  # the report waits for the row, and so its lock is there to stay
    assert [other["pid"] for other in done["could_still_commit"]] == [worker.conn.info.backend_pid]
    operator.do("commit")
    assert reporting.result() == "OPS_006"


@pytest.mark.parametrize("report", ["fn_complete_step", "fn_assert_lease"])
def test_a_report_with_a_snapshot_from_before_it_is_refused_though_the_step_is_not_taken_back_yet(
    loop, session, report
):
    propose_many(loop, 1, step("a"))
    (work,) = loop.claim(1)
    holder, worker = session(), session()
    holder.do("begin")
    holder.rows("select fn_assert_lease(%s, %s)", work["step_id"], work["lease_token"])
    worker.do("begin isolation level repeatable read")
    worker.rows("select from ops_missions")
    done = loop.value(KILL)
    assert done["remaining"] == 1
    assert [other["pid"] for other in done["could_still_commit"]] == [holder.conn.info.backend_pid]
    holder.do("rollback")
    with pytest.raises(psycopg.errors.SerializationFailure):
        worker.rows(f"select {report}(%s, %s)", work["step_id"], work["lease_token"])
    worker.do("rollback")


def test_a_report_above_read_committed_does_not_wait_for_a_pause_that_is_left_open(loop, session):
    propose_many(loop, 1, step("a"))
    (work,) = loop.claim(1)
    operator, worker = session(), session()
    operator.do("begin")
    operator.value("select fn_pause('all')")
    worker.do("set default_transaction_isolation = 'repeatable read'")
    assert worker.complete(work) == "accepted"
    operator.do("commit")
