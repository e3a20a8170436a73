"""No event is lost between a step's turn and its waiting, and none that came before counts."""

import pytest

from looping import step


def waits(event="paid", **params):
    return step("w", "wait", params={"event": event, **params})


def turn_until_it_ends(loop, mission, turns=5):
    for _ in range(turns):
        loop.turn()
    return loop.steps(mission)["w"]


def test_an_event_that_is_looked_at_while_the_step_begins_to_wait_counts(loop, session):
    mission = loop.mission(step("a"), waits())
    other, work = session(), loop.work(mission)
    with other.conn.transaction():
        other.complete(work)
        loop.emit("paid", {"n": 1})
        loop.turn()
        assert loop.value("select processed_at is not null from ops_agent_events where type = 'paid'")
    loop.emit("paid", {"n": 2})
    assert turn_until_it_ends(loop, mission) == "succeeded"
    assert loop.step(mission, "w")["result"] == {"n": 1}
    assert loop.value("select count(*) from ops_awaited_events") == 0


def test_an_event_that_a_step_does_not_wait_for_after_all_is_forgotten(loop, session):
    mission = loop.mission(step("a"), waits())
    other, work = session(), loop.work(mission)
    with other.conn.transaction(force_rollback=True):
        other.complete(work)
        loop.emit("paid")
        loop.turn()
        assert loop.value("select count(*) from ops_awaited_events") == 1
    loop.turn()
    assert loop.value("select count(*) from ops_awaited_events") == 0
    loop.complete(work)
    assert turn_until_it_ends(loop, mission) == "waiting"


def test_an_event_that_was_emitted_before_and_committed_after_counts(loop, session):
    mission = loop.mission(step("a"), waits())
    other, work = session(), loop.work(mission)
    with other.conn.transaction():
        other.emit("paid")
        loop.complete(work)
    assert turn_until_it_ends(loop, mission) == "succeeded"


def test_one_that_was_emitted_in_a_savepoint_counts_like_any(loop, session):
    mission = loop.mission(step("a"), waits())
    other, third, work = session(), session(), loop.work(mission)
    with other.conn.transaction():
        other.emit("unlike")
        with other.conn.transaction():
            other.emit("paid")
        third.emit("unlike")  # transactions after it have ended when the step's turn comes
        loop.complete(work)
    assert turn_until_it_ends(loop, mission) == "succeeded"


def test_an_event_that_was_committed_before_and_not_looked_at_yet_does_not_count(loop):
    mission = loop.mission(step("a"), waits())
    work = loop.work(mission)
    loop.emit("paid")
    loop.complete(work)
    assert turn_until_it_ends(loop, mission) == "waiting"


@pytest.mark.parametrize("isolation", ["repeatable read", "serializable"])
def test_a_heartbeat_with_an_old_snapshot_loses_nothing(loop, session, isolation):
    mission = loop.mission(step("a"), waits())
    work, beating = loop.work(mission), session()
    beating.do(f"begin isolation level {isolation}")
    loop.emit("paid")
    beating.rows("select from ops_agent_events")
    loop.complete(work)
    beating.heartbeat()
    beating.do("commit")
    # It was committed before the step's turn, so it is not for this one; but the next is.
    assert turn_until_it_ends(loop, mission) == "waiting"
    loop.emit("paid")
    assert turn_until_it_ends(loop, mission) == "succeeded"


def test_a_success_reported_while_the_step_begins_to_wait_counts(loop, session):
    mission, success = loop.mission(step("a"), waits("step:noop:succeeded")), loop.mission(step("b"))
    a, b = loop.claim(2)
    assert (a["mission_id"], b["mission_id"]) == (mission, success)
    other = session()
    with other.conn.transaction():
        other.complete(a)
        loop.complete(b)
        loop.turn()
    assert turn_until_it_ends(loop, mission) == "succeeded"


def test_a_failure_that_was_not_stored_for_it_counts(loop, session):
    mission, failure = (
        loop.mission(step("a"), waits("step:noop:failed")),
        loop.mission(step("b", max_retries=1)),
    )
    a, b = loop.claim(2)
    assert (a["mission_id"], b["mission_id"]) == (mission, failure)
    other = session()
    with other.conn.transaction():
        other.fail(b)
        loop.complete(a)
    assert turn_until_it_ends(loop, mission) == "succeeded"


def test_two_heartbeats_give_an_event_once(loop, session):
    missions = [loop.mission(waits()) for _ in range(20)]
    loop.emit("paid")
    other = session()
    with other.conn.transaction():
        other.turn()
        loop.turn()
    loop.turn()
    assert {loop.status(m) for m in missions} == {"succeeded"}
    assert loop.value("select count(*) from ops_action_runs") == 20


def test_a_step_whose_mission_is_held_gets_its_event_later(loop, session):
    held, free = loop.mission(waits()), loop.mission(waits())
    other = session()
    with other.conn.transaction():
        other.rows("select from ops_missions where id = %s for update", held)
        loop.emit("paid", {"n": 1})
        loop.turn()
        assert (loop.status(held), loop.status(free)) == ("approved", "succeeded")
        loop.emit("paid", {"n": 2})
        loop.turn()
    loop.advance(2)
    assert turn_until_it_ends(loop, held) == "succeeded"
    assert loop.step(held, "w")["result"] == {"n": 1}


def test_a_wait_that_is_being_cancelled_is_left_alone(loop, session):
    mission = loop.mission(waits())
    other = session()
    with other.conn.transaction(force_rollback=True):
        other.cancel(mission)
        loop.emit("paid", {"n": 1})
        loop.turn()
        loop.emit("paid", {"n": 2})
        loop.turn()
    assert turn_until_it_ends(loop, mission) == "succeeded"
    assert loop.step(mission, "w")["result"] == {"n": 1}


def test_a_wait_whose_row_another_session_has_locked_holds_nobody_up(loop, session):
    held, free = loop.mission(waits()), loop.mission(waits())
    other = session()
    loop.do("set lock_timeout = '2s'")
    with other.conn.transaction():
        other.do("select from ops_event_waits where step_id = %s for update", loop.step(held, "w")["id"])
        loop.emit("paid", {"n": 1})
        loop.turn()
        assert turn_until_it_ends(loop, free) == "succeeded"
        assert loop.steps(held)["w"] == "waiting"
    assert turn_until_it_ends(loop, held) == "succeeded"
    assert loop.step(held, "w")["result"] == {"n": 1}
    assert loop.value("select count(*) from ops_awaited_events") == 0
