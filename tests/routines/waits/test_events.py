"""Steps of kind wait that wait for an event."""

from datetime import timedelta

import pytest
from psycopg.types.json import Jsonb

from looping import step


def waits(key="w", event="order:paid", **params):
    return step(key, "wait", params={"event": event, **params})


def faults(loop, **params):
    return loop.faults(
        "004", "select * from fn_create_proposal(%s)", Jsonb({"steps": [step("w", "wait", params=params)]})
    )


def listening(loop):
    return loop.value("select count(*) from ops_event_waits")


def test_an_event_ends_the_wait_and_its_data_is_the_result(loop):
    mission = loop.mission(step("a"), waits(), step("b"))
    loop.complete(loop.work(mission))
    loop.turn()
    assert loop.steps(mission) == {"a": "succeeded", "w": "waiting", "b": "blocked"}
    loop.emit("order:paid", {"amount": 12})
    loop.turn()
    assert loop.work(mission, "b")["inputs"] == {"w": {"amount": 12}}
    assert listening(loop) == 0
    assert loop.value("select count(*) from ops_awaited_events") == 0
    assert loop.broken() == []


def test_an_event_of_another_type_does_not(loop):
    mission = loop.mission(waits())
    loop.emit("order:packed")
    loop.turn()
    assert loop.steps(mission) == {"w": "waiting"}
    assert loop.value("select count(*) from ops_awaited_events") == 0


@pytest.mark.parametrize(
    ("match", "data", "ends"),
    [
        ({"order.id": 7}, {"order": {"id": 7, "x": 1}}, True),
        ({"order.id": 7}, {"order": {"id": 7.0}}, True),
        ({"order.id": 7}, {"order": {"id": "7"}}, False),
        ({"order.id": 7}, {"order": {}}, False),
        ({"order.id": None}, {"order": {"id": None}}, True),
        ({"order.id": None}, {"order": {}}, False),
        ({"a": 1, "b.0": "x"}, {"a": 1, "b": ["x", "y"]}, True),
        ({"a": 1, "b": "x"}, {"a": 1, "b": "y"}, False),
        ({"a": {"c": [1]}}, {"a": {"c": [1]}}, True),
        ({}, {"a": 1}, True),
    ],
)
def test_everything_in_match_must_be_in_the_data(loop, match, data, ends):
    mission = loop.mission(waits(match=match))
    loop.emit("order:paid", data)
    loop.turn()
    assert loop.steps(mission) == {"w": "succeeded" if ends else "waiting"}
    assert loop.broken() == []


def test_a_glob_stands_for_many_types(loop):
    first = loop.mission(waits(event="order:*"))
    other = loop.mission(waits(event="o_der:*"))
    loop.emit("order:packed", {"n": 1})
    loop.turn()
    assert loop.steps(first) == {"w": "succeeded"}
    assert loop.steps(other) == {"w": "waiting"}


def test_type_and_match_may_come_from_earlier_steps(loop):
    mission = loop.mission(
        step("a"), waits(event="order:{{steps.a.result.what}}", match={"id": "{{steps.a.result.id}}"})
    )
    loop.complete(loop.work(mission), {"what": "paid", "id": 7})
    loop.emit("order:paid", {"id": 8})
    loop.turn()
    assert loop.steps(mission)["w"] == "waiting"
    loop.emit("order:paid", {"id": 7})
    loop.turn()
    assert loop.steps(mission)["w"] == "succeeded"


def test_a_type_that_cannot_be_fails_the_step(loop):
    mission = loop.mission(step("a"), waits(event="{{steps.a.result.type}}"))
    loop.complete(loop.work(mission), {"type": "with blank"})
    loop.turn()
    assert loop.step(mission, "w")["last_error_code"] == "OPS_046"
    assert loop.broken() == []


def test_one_event_ends_all_waits_for_it_and_each_only_once(loop):
    first, second = loop.mission(waits(), waits("v")), loop.mission(waits())
    loop.emit("order:paid", {"n": 1})
    loop.turn()
    assert loop.steps(first) == {"w": "succeeded", "v": "waiting"}
    assert loop.steps(second) == {"w": "succeeded"}
    loop.turn()
    assert loop.steps(first)["v"] == "waiting"
    loop.emit("order:paid", {"n": 2})
    loop.turn()
    assert [loop.step(first, k)["result"] for k in "wv"] == [{"n": 1}, {"n": 2}]
    assert loop.broken() == []


def test_of_several_events_the_first_counts(loop):
    mission = loop.mission(waits())
    for n in range(3):
        loop.emit("order:paid", {"n": n})
    loop.turn()
    assert loop.step(mission, "w")["result"] == {"n": 0}


def test_a_timeout_fails_the_step_with_a_code(loop):
    now = loop.stop_clock()
    mission = loop.mission(waits(timeout_seconds=60))
    loop.stop_clock(now + timedelta(seconds=60))
    loop.turn()
    assert loop.step(mission, "w")["last_error_code"] == "OPS_047"
    assert loop.status(mission) == "failed"
    assert listening(loop) == 0
    assert loop.broken() == []


def test_a_timeout_with_continue_succeeds_with_null(loop):
    now = loop.stop_clock()
    mission = loop.mission(waits(timeout_seconds=60, on_timeout="continue"), step("b"))
    loop.stop_clock(now + timedelta(seconds=60))
    loop.turn()
    assert loop.work(mission, "b")["inputs"] == {"w": None}


def test_an_event_that_came_in_time_and_is_looked_at_late_still_counts(loop):
    now = loop.stop_clock()
    mission = loop.mission(waits(timeout_seconds=60))
    loop.emit("order:paid")
    loop.stop_clock(now + timedelta(seconds=61))
    loop.turn()
    assert loop.steps(mission) == {"w": "succeeded"}


def test_since_mission_an_event_before_its_turn_counts(loop):
    mission = loop.mission(step("a"), waits(since="mission"))
    loop.emit("order:paid", {"n": 1})
    loop.turn()
    loop.emit("order:paid", {"n": 2})
    loop.turn()
    assert loop.steps(mission) == {"a": "queued", "w": "blocked"}
    loop.complete(loop.work(mission))
    assert loop.broken() == []
    loop.turn()
    assert loop.step(mission, "w")["result"] == {"n": 1}
    assert loop.broken() == []


def test_since_mission_listens_through_run_after_and_approval(loop):
    now = loop.stop_clock()
    mission = loop.mission(
        step("w", "wait", params={"event": "x", "since": "mission"}, run_after=60, needs_approval=True)
    )
    loop.emit("x", {"n": 1})
    loop.turn()
    loop.approve(loop.step(mission, "w")["id"])
    loop.stop_clock(now + timedelta(seconds=60))
    loop.turn()
    loop.turn()
    assert loop.step(mission, "w")["result"] == {"n": 1}


@pytest.mark.parametrize("pattern", ["step:noop:succeeded", "step:*", "*:succeeded", "mission:succeeded"])
def test_a_success_that_no_pattern_watches_ends_a_wait_too(loop, pattern):
    mission = loop.mission(waits(event=pattern))
    other = loop.mission(step("a"))
    loop.complete(loop.work(other), 5)
    loop.turn()
    assert loop.steps(mission) == {"w": "succeeded"}
    assert loop.step(mission, "w")["result"]["mission_id"] == str(other)
    assert len(loop.events("step:noop:succeeded")) == 1


def test_a_failure_that_no_pattern_watches_ends_a_wait_too(loop):
    mission = loop.mission(waits(event="step:noop:failed", match={"key": "a"}))
    other = loop.mission(step("a", max_retries=1))
    loop.fail(loop.work(other))
    loop.turn()
    assert loop.steps(mission) == {"w": "succeeded"}


def test_a_step_before_the_wait_does_not_end_it(loop):
    mission = loop.mission(step("a"), waits(event="step:noop:succeeded"))
    loop.complete(loop.work(mission))
    for _ in range(3):
        loop.turn()
    assert loop.steps(mission)["w"] == "waiting"


def test_cancelling_resolving_and_failing_stop_the_listening(loop):
    cancelled, resolved, failed = (loop.mission(waits()) for _ in range(3))
    loop.cancel(cancelled)
    loop.value("select fn_resolve_step(%s, 'succeeded', 'ada')", loop.step(resolved, "w")["id"])
    loop.value("select fn_resolve_step(%s, 'failed', 'ada')", loop.step(failed, "w")["id"])
    assert listening(loop) == 0
    loop.emit("order:paid")
    loop.turn()
    assert [loop.status(m) for m in (cancelled, resolved, failed)] == ["cancelled", "succeeded", "failed"]
    assert loop.broken() == []


def test_a_wait_that_timed_out_is_retried_and_waits_anew(loop):
    now = loop.stop_clock()
    mission = loop.mission(waits(timeout_seconds=60))
    loop.stop_clock(now + timedelta(seconds=60))
    loop.turn()
    loop.retry(loop.step(mission, "w")["id"])
    loop.emit("order:paid")
    loop.turn()
    assert loop.steps(mission) == {"w": "succeeded"}
    assert loop.broken() == []


def test_a_wait_for_an_event_is_explained(loop):
    mission = loop.mission(waits(match={"id": 7}, timeout_seconds=60))
    (why,) = loop.rows("select * from fn_explain_mission(%s)", mission)
    assert why["reason"] == "event"
    assert "order:paid" in why["detail"]
    assert '{"id": 7}' in why["detail"]
    loop.rows(why["frees"])
    assert loop.status(mission) == "succeeded"


def test_after_a_restore_a_wait_goes_on(loop):
    before = loop.mission(waits())
    loop.emit("order:paid")
    after = loop.mission(waits())
    # As restored into another server, whose transactions have lower numbers.
    loop.do("update ops_event_waits set seen = '900000000:900000000:', began_in = '900000000'")
    loop.value("select fn_after_restore()")
    loop.turn()
    assert (loop.status(before), loop.status(after)) == ("succeeded", "approved")
    loop.emit("order:paid")
    loop.turn()
    assert loop.status(after) == "succeeded"


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"event": "a b"}, "w.params.event: must be the type"),
        ({"event": 5}, "params.event"),
        ({"event": "a", "seconds": 5}, "must have one of"),
        ({"event": "a", "match": []}, "params.match: must be an object"),
        ({"event": "a", "match": {"a..b": 1}}, "params.match: must have at most 20 paths"),
        ({"event": "a", "match": {str(n): 1 for n in range(21)}}, "params.match"),
        ({"event": "a", "on_timeout": "retry"}, "params.on_timeout"),
        ({"event": "a", "since": "ever"}, "params.since"),
        ({"event": "a", "timeout_seconds": "1"}, "params.timeout_seconds"),
        ({"seconds": 1, "match": {}}, "belong to event"),
        ({"event": "{{steps.w.result.x}}", "since": "mission"}, "no step has a result yet"),
    ],
)
def test_a_faulty_wait_is_refused(loop, params, said):
    assert said.removeprefix("w.") in "\n".join(faults(loop, **params))
