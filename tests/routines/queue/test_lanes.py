"""Lanes: made when first needed, one for each executor and priority."""

import json

import pytest


def lanes(loop):
    return loop.rows("select executor, priority from ops_lanes where queue = 'steps' order by lane")


def test_a_lane_is_made_once_for_each_executor_and_priority(loop):
    call = "select _ensure_lanes(%s, %s::smallint[])"
    first = loop.value(call, ["noop", "noop", "sql"], [0, 5, 0])
    assert len(set(first)) == 3
    assert loop.value(call, ["sql", "noop", "noop"], [0, 5, 0]) == first[::-1]
    assert [tuple(lane.values()) for lane in lanes(loop)] == [("noop", 0), ("noop", 5), ("sql", 0)]


def test_no_executor_is_no_lane(loop):
    assert loop.value("select _ensure_lanes(%s, %s::smallint[])", [None, "noop"], [0, 0])[0] is None
    assert len(lanes(loop)) == 1


@pytest.mark.parametrize("executors", [[], None])
def test_no_steps_make_no_lanes(loop, executors):
    assert loop.value("select _ensure_lanes(%s::text[], '{}')", executors) == []
    assert lanes(loop) == []


def turns(loop, n):
    for _ in range(n):
        loop.value("select _duty_queue()::text")


def test_a_mission_that_would_need_more_lanes_than_there_may_be_is_refused(loop):
    loop.do("select fn_set_policy('size_limits', '{\"lanes\": 10}')")
    loop.allow("noop", allowed_executors=["*"])
    steps = [{"kind": "noop", "executor": f"e{n}", "depends_on": []} for n in range(11)]
    loop.refused("045", "select fn_create_proposal(%s::jsonb)", json.dumps({"title": "x", "steps": steps}))
    assert loop.propose(*steps[:10])["status"] == "auto_approved"


def test_a_lane_that_was_empty_for_an_hour_is_closed_and_made_again(loop):
    call = "select _ensure_lanes(array['noop'], array[0::smallint])"
    (lane,) = loop.value(call)
    turns(loop, 1)
    loop.do("update ops_lanes set idle_since = idle_since - interval '1 hour' where lane = %s", lane)
    turns(loop, 1)
    assert loop.value("select closing from ops_lanes where lane = %s", lane) == 0
    assert loop.value(call) != [lane]
    turns(loop, 3)
    # This transaction has announced itself before the lane was closed: it may still put steps there.
    assert loop.value("select count(*) from ops_lanes where lane = %s", lane) == 1


def test_a_closed_lane_is_dropped_when_the_enqueuers_that_may_know_it_have_ended(connect):
    call = "select _ensure_lanes(array['noop'], array[0::smallint])"
    there = "select count(*) from ops_lanes where lane = %s"
    one, duty = connect(), connect()
    ((lane,),) = one.execute(call).fetchone()
    with one.transaction():
        assert one.execute(call).fetchone() == ([lane],)
        duty.execute("update ops_lanes set idle_since = now() - interval '2 hours' where lane = %s", (lane,))
        for _ in range(4):
            duty.execute("select _duty_queue()")
        assert duty.execute(there, (lane,)).fetchone() == (1,)
    duty.execute("select _duty_queue()")
    assert duty.execute(there, (lane,)).fetchone() == (0,)
    duty.execute("select _duty_queue()")
    mark = f"ops_lane_mark_{lane}"
    assert duty.execute("select to_regclass(%s)", (mark,)).fetchone() == (None,)
    assert one.execute(call).fetchone() != ([lane],)
