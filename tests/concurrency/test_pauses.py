"""Pauses beside claims: once a pause is committed, nothing that it covers starts."""

import threading
import time

import pytest
from psycopg.types.json import Jsonb

from looping import step, template
from support import at_once, start, wait_until

PAUSE = "select fn_pause(%s, %s)"
RESUME = "select fn_resume(%s, %s)"


def propose_many(loop, count, *steps, **fields):
    loop.rows(
        "select * from fn_create_proposals(%s)", Jsonb([{"template": template(*steps), **fields}] * count)
    )


@pytest.mark.parametrize(
    ("scope", "target"), [("all", None), ("executor", "noop"), ("kind", "noop"), ("source", "api")]
)
def test_no_claim_that_ends_after_the_pause_has_started_anything(loop, session, scope, target):
    propose_many(loop, 1000, step("a"), source="api")
    begun = []
    paused = threading.Event()

    def claiming(worker):
        mine = session()

        def work():
            empty = 0
            while empty < 3:
                if len(begun) > 500:
                    paused.wait()  # something has to be left that could start
                claimed = mine.claim(3, worker)
                begun.extend(claimed)
                empty = 0 if claimed else empty + 1

        return work

    def pausing():
        mine = session()
        wait_until(lambda: len(begun) > 20, "they are at it")
        mine.value(PAUSE, scope, target)
        paused_at = mine.value("select clock_timestamp()")
        paused.set()
        return paused_at

    *_, paused_at = at_once([claiming(f"w{n}") for n in range(6)] + [pausing])
    assert loop.value("select count(*) from ops_mission_steps where reserved_at > %s", paused_at) == 0
    started = loop.value("select count(*) from ops_mission_steps where status = 'running'")
    assert 20 < started < 1000
    assert loop.broken() == []
    loop.value(RESUME, scope, target)
    rest = 0
    while claimed := loop.claim(400):
        rest += len(claimed)
    assert started + rest == 1000


def test_a_pause_waits_for_the_claim_in_flight(loop, session):
    propose_many(loop, 2, step("a"))
    claimer, operator = session(), session()
    claimer.do("begin")
    assert len(claimer.claim(1)) == 1
    pausing = start(lambda: operator.value(PAUSE, "all", None))
    wait_until(lambda: gate_is_closed(loop), "the pause has closed the gate")
    claimer.do("commit")
    assert pausing.result()["could_still_commit"] == []
    assert loop.claim(1) == []


def gate_is_closed(loop):
    return loop.value(
        "select exists (select from pg_locks where locktype = 'advisory' and classid = 'ops_control'::regclass"
        " and objid = 1 and mode = 'ExclusiveLock' and granted)"
    )


def test_a_claim_left_open_is_named_and_a_pause_does_not_wait_for_ever(loop, session):
    propose_many(loop, 2, step("a"))
    claimer = session()
    claimer.do("set application_name = 'the idle one'")
    claimer.do("begin")
    claimer.claim(1)
    (other,) = loop.value(PAUSE, "kind", "noop")["could_still_commit"]
    assert (other["pid"], other["application"]) == (claimer.conn.info.backend_pid, "the idle one")
    assert other["login"] == loop.value("select session_user")
    assert other["since"] is not None
    claimer.do("commit")
    assert loop.claim(1) == []


def test_a_report_left_open_does_not_hold_up_a_pause(loop, session):
    propose_many(loop, 2, step("a"))
    (work,) = loop.claim(1)
    worker = session()
    worker.do("begin")
    worker.rows("select fn_assert_lease(%s, %s)", work["step_id"], work["lease_token"])
    asked = time.monotonic()
    assert loop.value(PAUSE, "all", None)["could_still_commit"] == []
    assert time.monotonic() - asked < 2
    assert worker.complete(work) == "accepted"
    worker.do("commit")


def test_a_claim_waits_for_an_open_pause_and_a_report_does_not(loop, session):
    propose_many(loop, 2, step("a"))
    (work,) = loop.claim(1)
    operator, claimer = session(), session()
    operator.do("begin")
    operator.value(PAUSE, "kind", "noop")
    claiming = start(lambda: claimer.claim(5))
    loop.sees_blocked(claimer)
    assert loop.complete(work) == "accepted"
    operator.do("commit")
    assert claiming.result() == []


def test_a_pause_that_is_rolled_back_has_changed_nothing(loop, session):
    propose_many(loop, 2, step("a"))
    before = loop.contents("ops_ready", "ops_mission_steps")
    operator, claimer = session(), session()
    operator.do("begin")
    operator.value(PAUSE, "mission", str(loop.value("select id from ops_missions order by id limit 1")))
    claiming = start(lambda: claimer.claim(5))
    loop.sees_blocked(claimer)
    operator.do("rollback")
    assert len(claiming.result()) == 2
    assert loop.rows("select * from fn_list_pauses()") == []
    assert loop.contents("ops_ready", "ops_mission_steps").keys() == before.keys()
    assert loop.value("select count(*) from ops_parked_steps") == 0


def test_a_claim_above_read_committed_that_waited_for_a_pause_is_to_be_tried_again(loop, session):
    propose_many(loop, 2, step("a"))
    operator, claimer = session(), session()
    claimer.do("set default_transaction_isolation = 'repeatable read'")
    operator.do("begin")
    operator.value(PAUSE, "kind", "noop")
    claiming = start(lambda: claimer.claim(5))
    loop.sees_blocked(claimer)
    operator.do("commit")
    with pytest.raises(Exception, match="could not serialize"):
        claiming.result()
    assert claimer.claim(5) == []


def test_a_second_pause_does_not_wait_for_ever_for_one_that_is_left_open(loop, session):
    operator, other = session(), session()
    operator.do("begin")
    operator.value(PAUSE, "kind", "noop")
    refused = other.refused("023", "select fn_kill_switch()")
    assert f"pg_terminate_backend({operator.conn.info.backend_pid})" in refused.message_hint
    operator.do("commit")
    assert other.value("select fn_kill_switch()")["changed"]


def test_a_session_that_has_entered_goes_on_behind_a_closed_gate(loop, session):
    propose_many(loop, 2, step("a"))
    worker, operator = session(), session()
    worker.do("begin")
    (work,) = worker.claim(1)
    pausing = start(lambda: operator.value(PAUSE, "all", None))
    wait_until(lambda: gate_is_closed(loop), "the pause has closed the gate")
    assert len(worker.claim(1)) == 1  # would wait for him who waits for it
    assert worker.complete(work) == "accepted"
    worker.do("commit")
    assert pausing.result()["could_still_commit"] == []


def test_a_step_that_somebody_holds_is_parked_when_he_has_let_go(loop, session):
    mission = loop.mission(step("a", after=[]), step("b", after=[]))
    other = session()
    other.do("begin")
    other.rows("select id from ops_mission_steps where mission_id = %s and key = 'a' for update", mission)
    assert loop.value(PAUSE, "mission", str(mission))["parked"] == 1
    assert loop.steps(mission) == {"a": "queued", "b": "waiting"}
    assert loop.claim(5) == []
    assert loop.steps(mission) == {"a": "queued", "b": "waiting"}
    other.do("commit")
    assert loop.claim(5) == []
    assert loop.steps(mission) == {"a": "waiting", "b": "waiting"}


def test_a_cancellation_beside_a_resume_leaves_nothing_behind(loop, session):
    missions = [loop.mission(step("a", after=[]), step("b", after=[])) for _ in range(40)]
    loop.value(PAUSE, "kind", "noop")
    loop.turn()
    assert loop.value("select count(*) from ops_parked_steps") == 80
    canceller, resumer = session(), session()

    def cancel():
        for mission in missions[::2]:
            canceller.cancel(mission)

    def resume():
        while resumer.value(RESUME, "kind", "noop")["remaining"]:
            pass

    at_once([cancel, resume])
    assert loop.value("select count(*) from ops_parked_steps") == 0
    assert {loop.status(mission) for mission in missions[::2]} == {"cancelled"}
    assert len(loop.claim(100)) == 40


def test_a_snapshot_that_somebody_holds_open_does_not_slow_a_claim_past_what_is_paused(loop, session):
    propose_many(loop, 400, step("a", kind="deploy", executor="noop"))
    for proposal in loop.rows("select id from ops_mission_proposals where status = 'pending'"):
        loop.approve(proposal["id"])
    mission = loop.mission(step("a"))
    old = session()
    old.do("begin isolation level repeatable read")
    old.value("select count(*) from ops_ready")
    loop.value(PAUSE, "kind", "deploy")
    loop.turn()
    claimer = session()
    assert [work["mission_id"] for work in claimer.claim(1)] == [mission]
    old.do("commit")


def test_a_pause_that_is_lifted_while_a_claim_parks_what_it_covers_loses_no_step(loop, session):
    mission = loop.mission(step("a"))
    loop.value(PAUSE, "kind", "noop")
    claimer = session()
    claimer.do("begin")
    assert claimer.claim(5) == []
    loop.value(RESUME, "kind", "noop")
    claimer.do("commit")
    assert loop.steps(mission) == {"a": "waiting"}
    assert loop.value(RESUME, "kind", "noop")["requeued"] == 1
    assert len(loop.claim(5)) == 1


def test_who_keeps_the_gate_from_being_closed_is_named(loop, session):
    intruder = session()
    intruder.rows("select pg_advisory_lock_shared('ops_control'::regclass::oid::integer, 1)")
    (named,) = loop.value(PAUSE, "all", None)["could_still_commit"]
    assert named["pid"] == intruder.conn.info.backend_pid
    intruder.rows("select pg_advisory_unlock_all()")
    assert loop.value(PAUSE, "all", None)["could_still_commit"] == []
