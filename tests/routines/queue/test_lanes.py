"""Lanes: made when first needed, one for each executor and priority."""

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
