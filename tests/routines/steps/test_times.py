"""Steps that wait for a time: run_after, and kind wait with seconds or until."""

from datetime import UTC, datetime, timedelta

import pytest
from psycopg.types.json import Jsonb

from looping import step


def iso(moment):
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def faults(loop, *steps, **fields):
    return loop.faults("004", "select * from fn_create_proposal(%s)", Jsonb({"steps": list(steps), **fields}))


def parked(loop):
    return loop.rows("select p.*, s.key from ops_parked_steps p join ops_mission_steps s on s.id = p.step_id")


def explained(loop, mission, key):
    return loop.rows("select * from fn_explain_step(%s)", loop.step(mission, key)["id"])


def test_run_after_keeps_a_step_from_workers_until_its_time(loop):
    now = loop.stop_clock()
    mission = loop.mission(step("a"), step("b", run_after=60))
    loop.complete(loop.work(mission, "a"))
    (waits,) = parked(loop)
    assert (waits["waits_for"], waits["scope"], waits["until"]) == (
        "time",
        "run_after",
        now + timedelta(seconds=60),
    )
    loop.stop_clock(now + timedelta(seconds=59))
    loop.turn()
    assert loop.claim() == []
    loop.stop_clock(now + timedelta(seconds=60))
    loop.turn()
    assert parked(loop) == []
    loop.complete(loop.work(mission, "b"))
    assert loop.status(mission) == "succeeded"
    assert loop.broken() == []


def test_a_first_step_waits_from_the_approval_on(loop):
    now = loop.stop_clock()
    mission = loop.mission(step("a", run_after=iso(now + timedelta(minutes=5))))
    assert loop.steps(mission) == {"a": "waiting"}
    assert loop.broken() == []
    loop.stop_clock(now + timedelta(minutes=5))
    loop.turn()
    assert loop.work(mission, "a")


def test_run_after_of_a_template_holds_its_first_steps_back_and_the_later_time_counts(loop):
    now = loop.stop_clock()
    mission = loop.mission(
        step("a"),
        step("b", after=[], run_after=5),
        step("c", after=[], run_after=20),
        step("d"),
        run_after=10,
    )
    assert {p["key"]: (p["until"] - now).seconds for p in parked(loop)} == {"a": 10, "b": 10, "c": 20}
    loop.stop_clock(now + timedelta(seconds=10))
    loop.turn()
    assert loop.steps(mission) == {"a": "queued", "b": "queued", "c": "waiting", "d": "blocked"}


def test_a_time_that_has_come_delays_nothing(loop):
    mission = loop.mission(step("a", run_after="2020-01-01T00:00:00Z"), step("b", run_after=0))
    loop.complete(loop.work(mission, "a"))
    loop.complete(loop.work(mission, "b"))
    assert loop.status(mission) == "succeeded"


def test_a_retry_does_not_wait_for_run_after_again(loop):
    loop.stop_clock()
    mission = loop.mission(step("a", run_after=60, max_retries=1))
    loop.stop_clock(loop.value("select _now() + interval '1 minute'"))
    loop.turn()
    loop.fail(loop.work(mission))
    assert loop.retry(loop.step(mission)["id"]) == "queued"


def test_a_person_runs_a_delayed_step_now(loop):
    mission = loop.mission(step("a", run_after=3600))
    (why, *_) = explained(loop, mission, "a")
    assert why["reason"] == "time"
    loop.rows(why["frees"])
    assert loop.work(mission)
    assert loop.broken() == []


@pytest.mark.parametrize("params", [{"seconds": 30}, {"until": 30}], ids=["seconds", "until"])
def test_a_wait_succeeds_when_its_time_has_come_and_its_result_says_when(loop, params):
    now = loop.stop_clock()
    given = params if "seconds" in params else {"until": iso(now + timedelta(seconds=30))}
    mission = loop.mission(step("a"), step("nap", "wait", params=given), step("b"))
    loop.complete(loop.work(mission))
    assert loop.steps(mission) == {"a": "succeeded", "nap": "waiting", "b": "blocked"}
    loop.turn()
    assert loop.claim() == []
    then = loop.stop_clock(now + timedelta(seconds=31))
    loop.turn()
    nap = loop.step(mission, "nap")
    assert datetime.fromisoformat(nap["result"]["at"]) == then
    (run,) = loop.runs(nap["id"])
    assert (run["status"], run["started_at"], run["completed_at"]) == ("succeeded", now, then)
    work = loop.work(mission, "b")
    assert work["inputs"] == {"nap": nap["result"]}
    loop.complete(work)
    assert loop.status(mission) == "succeeded"
    assert [e["type"] for e in loop.events("step:wait:%")] == ["step:wait:succeeded"]
    assert loop.broken() == []


def test_a_pattern_reacts_to_the_end_of_a_wait(loop):
    loop.react({"event_type": "step:wait:succeeded"})
    mission = loop.mission(step("nap", "wait", params={"seconds": 0}))
    loop.turn()
    loop.turn()
    (event,) = loop.events("step:wait:%")
    assert event["mission_id"] == mission
    assert event["processed_at"]
    assert [p["event_id"] for p in loop.proposals()][1:] == [event["id"]]


def test_what_a_wait_waits_for_may_come_from_an_earlier_step(loop):
    now = loop.stop_clock()
    mission = loop.mission(step("a"), step("nap", "wait", params={"until": "{{steps.a.result.at}}"}))
    loop.complete(loop.work(mission), {"at": iso(now + timedelta(hours=1))})
    (waits,) = parked(loop)
    assert waits["until"] == now + timedelta(hours=1)


@pytest.mark.parametrize("value", ["soon", "2030-02-30T00:00:00Z", "{{steps.a.result.at}}", -1, [], None])
def test_a_wait_for_what_is_no_time_fails_with_a_code(loop, value):
    mission = loop.mission(step("a"), step("nap", "wait", params={"until": "{{steps.a.result.at}}"}))
    loop.complete(loop.work(mission), {"at": value})
    loop.turn()
    nap = loop.step(mission, "nap")
    assert (nap["status"], nap["last_error_code"]) == ("failed", "OPS_046")
    assert loop.status(mission) == "failed"
    assert [r["status"] for r in loop.runs(nap["id"])] == ["failed"]
    assert loop.value("select count(*) from dead_letter_archive") == 1
    assert loop.broken() == []


def test_a_wait_is_ended_by_a_person_and_not_retried(loop):
    mission = loop.mission(step("nap", "wait", params={"seconds": 3600}), step("b"))
    nap = loop.step(mission, "nap")
    loop.refused("014", "select fn_retry_step(%s)", nap["id"])
    (why,) = explained(loop, mission, "nap")
    assert why["reason"] == "time"
    loop.rows(why["frees"])
    assert loop.steps(mission) == {"nap": "succeeded", "b": "queued"}
    assert loop.broken() == []


def test_a_cancelled_mission_waits_for_nothing(loop):
    now = loop.stop_clock()
    mission = loop.mission(step("nap", "wait", params={"seconds": 60}), step("b", after=[], run_after=60))
    loop.cancel(mission)
    loop.stop_clock(now + timedelta(seconds=61))
    loop.turn()
    assert set(loop.steps(mission).values()) == {"cancelled"}
    assert parked(loop) == []
    assert loop.broken() == []


def test_nobody_has_to_decide_on_a_step_that_waits(loop):
    loop.mission(step("nap", "wait", params={"seconds": 60}))
    assert loop.rows("select * from fn_inbox()") == []


def test_a_lost_timer_is_found_by_the_sweep(loop):
    now = loop.stop_clock()
    mission = loop.mission(step("nap", "wait", params={"seconds": 60}))
    loop.do("delete from ops_timers")
    assert "no timer is set" in str(loop.broken())
    loop.stop_clock(now + timedelta(minutes=3))
    loop.turn()
    loop.turn()
    assert loop.status(mission) == "succeeded"


def test_waits_survive_a_restore(loop):
    now = loop.stop_clock()
    mission = loop.mission(step("nap", "wait", params={"seconds": 60}))
    loop.do("truncate ops_timers")
    loop.value("select fn_after_restore()")
    assert loop.broken() == []
    loop.stop_clock(now + timedelta(seconds=60))
    loop.turn()
    assert loop.status(mission) == "succeeded"


def test_a_wait_goes_on_while_everything_is_paused_and_nothing_starts(loop):
    now = loop.stop_clock()
    mission = loop.mission(step("nap", "wait", params={"seconds": 60}), step("b"))
    loop.value("select fn_pause('all', '', 'ada', 'test')")
    loop.stop_clock(now + timedelta(seconds=60))
    loop.turn()
    assert loop.steps(mission) == {"nap": "succeeded", "b": "queued"}
    assert loop.claim() == []


def test_a_delayed_step_that_needs_approval_waits_from_the_approval_on(loop):
    now = loop.stop_clock()
    mission = loop.mission(step("a", run_after=60, needs_approval=True))
    a = loop.step(mission)
    assert [p["waits_for"] for p in parked(loop)] == ["person"]
    later = loop.stop_clock(now + timedelta(seconds=30))
    loop.approve(a["id"])
    assert [(p["waits_for"], p["until"]) for p in parked(loop)] == [("time", later + timedelta(seconds=60))]


FAULTS = {
    "both": ({"seconds": 1, "until": "2030-01-01T00:00:00Z"}, "must have one of seconds, until and event"),
    "neither": ({}, "must have one of"),
    "text": ({"seconds": "1"}, "steps[0].params.seconds: must be a number"),
    "long": ({"seconds": 315360001}, "steps[0].params.seconds: must be a number"),
    "no zone": ({"until": "2030-01-01T00:00:00"}, "steps[0].params.until: must be seconds"),
    "no day": ({"until": "2030-02-29T00:00:00Z"}, "steps[0].params.until"),
    "unknown": ({"seconds": 1, "x": 1}, "steps[0].params"),
}


@pytest.mark.parametrize(("given", "said"), FAULTS.values(), ids=FAULTS)
def test_a_faulty_wait_is_refused(loop, given, said):
    assert said in faults(loop, step("a", "wait", params=given))[0]


@pytest.mark.parametrize(("kind", "executor"), [("wait", "noop"), ("x", "wait")])
def test_a_wait_is_run_by_nothing(loop, kind, executor):
    (fault,) = faults(loop, step(kind=kind, executor=executor, params={"seconds": 1}))
    assert "run by nothing" in fault


@pytest.mark.parametrize("value", ["tomorrow", "{{event.data.x}}", -1, True, "2030-13-01T00:00:00Z"])
def test_run_after_is_seconds_or_a_time(loop, value):
    assert "run_after" in faults(loop, step("a", run_after=value))[0]
    assert "run_after" in faults(loop, step("a"), run_after=value)[0]
