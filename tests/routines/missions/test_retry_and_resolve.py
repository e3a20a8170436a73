"""What a person does with steps that ended badly or wait: run them again, or say how they ended."""

from uuid import uuid4

import pytest
from psycopg.types.json import Jsonb

from looping import step

RETRY = "select fn_retry_step(%s)"
RESOLVE = "select fn_resolve_step(%s, %s, %s, %s, %s)"


def resolve(loop, step_id, outcome, result=None, reason="looked"):
    return loop.value(RESOLVE, step_id, outcome, "ada", reason, Jsonb(result))


@pytest.fixture
def held(loop):
    """A mission whose first step lost its worker, outcome unknown."""
    mission = loop.mission(step("a", on_lease_lost="hold"), step("b"))
    loop.work(mission)
    loop.advance(3600)
    loop.turn()
    assert loop.steps(mission) == {"a": "waiting", "b": "blocked"}
    return mission


# Retrying


def test_a_failed_step_runs_again_with_all_its_tries_and_its_mission_comes_back_to_life(loop):
    mission = loop.mission(step("a"), step("b"), step("c", after=["a"]))
    loop.fail_for_good(mission)
    assert loop.retry(loop.step(mission)["id"]) == "queued"
    assert loop.steps(mission) == {"a": "queued", "b": "blocked", "c": "blocked"}
    row = loop.the_mission(mission)
    assert (row["status"], row["steps_open"], row["steps_failed"]) == ("running", 3, 0)
    assert (row["error"], row["completed_at"]) == (None, None)
    work = loop.work(mission)
    assert work["attempt"] == 2
    assert loop.step(mission)["failure_count"] == 0
    loop.complete(work)
    for work in loop.claim(10):
        loop.complete(work)
    assert loop.status(mission) == "succeeded"
    assert loop.broken() == []


def test_while_another_failed_step_keeps_the_mission_failed_it_does_not_fail_a_second_time(loop):
    mission = loop.mission(step("a", after=[]), step("b", after=[]), step("c"))
    works = loop.claim(2)
    report = [
        {"step_id": str(w["step_id"]), "lease_token": str(w["lease_token"]), "retryable": False}
        for w in works
    ]
    loop.rows("select * from fn_fail_steps(%s)", Jsonb(report))
    ended = loop.the_mission(mission)["completed_at"]
    assert loop.retry(loop.step(mission, "a")["id"]) == "cancelled"
    row = loop.the_mission(mission)
    assert (row["status"], row["completed_at"], row["steps_failed"]) == ("failed", ended, 1)
    assert row["error"].startswith("step b ")
    assert len(loop.events("mission:failed")) == 1
    assert loop.broken() == []
    assert loop.retry(loop.step(mission, "b")["id"]) == "queued"
    assert loop.steps(mission) == {"a": "queued", "b": "queued", "c": "blocked"}
    assert loop.status(mission) == "running"
    assert loop.broken() == []


def test_it_leaves_an_event_that_says_who(loop):
    mission = loop.mission(step("a"))
    loop.fail_for_good(mission)
    loop.retry(loop.step(mission)["id"])
    assert loop.events("step:%:retried")[0]["data"]["actor"] == "ada"


def test_a_cancelled_step_brings_its_cancelled_mission_back(loop):
    mission = loop.mission(step("a"), step("b"))
    loop.cancel(mission)
    assert loop.retry(loop.step(mission)["id"]) == "queued"
    assert loop.steps(mission) == {"a": "queued", "b": "blocked"}
    assert loop.status(mission) == "running"
    assert loop.broken() == []


def test_a_step_cancelled_while_it_waited_for_its_retry_runs_again_at_once(loop):
    mission = loop.mission(step("a"))
    loop.fail(loop.work(mission))
    loop.cancel(mission)
    assert loop.retry(loop.step(mission)["id"]) == "queued"
    assert loop.work(mission)["attempt"] == 2
    assert loop.broken() == []


def test_a_sibling_that_was_asked_to_stop_may_go_on(loop):
    mission = loop.mission(step("a", after=[]), step("b", after=[]))
    works = {w["key"]: w for w in loop.claim(10)}
    loop.fail(works["a"], retryable=False)
    loop.retry(loop.step(mission, "a")["id"])
    assert loop.extend(works["b"])[0]["cancel_requested"] is False
    assert loop.complete(works["b"]) == "accepted"
    assert loop.steps(mission) == {"a": "queued", "b": "succeeded"}


def test_the_late_report_of_the_attempt_before_is_fenced(loop):
    mission = loop.mission(step("a"))
    work = loop.work(mission)
    loop.fail(work, retryable=False)
    loop.retry(work["step_id"])
    assert loop.complete(work) == "OPS_006"
    assert loop.fail(work) == "OPS_006"


def test_a_failed_step_that_others_went_on_without_is_waited_for_again(loop):
    mission = loop.mission(
        step("a", after=[], on_failure="continue"), step("b", after=[]), step("c", after=["a", "b"])
    )
    works = {w["key"]: w for w in loop.claim(10)}
    loop.fail(works["a"], retryable=False)
    assert loop.step(mission, "c")["waiting_on"] == 1
    loop.retry(works["a"]["step_id"])
    assert loop.step(mission, "c")["waiting_on"] == 2
    assert loop.complete(loop.work(mission, "a")) == "accepted"
    assert loop.steps(mission) == {"a": "succeeded", "b": "running", "c": "blocked"}
    loop.complete(works["b"])
    loop.complete(loop.work(mission, "c"))
    assert loop.broken() == []


def test_while_another_failed_step_keeps_the_mission_failed_it_says_so_and_both_retried_run(loop):
    mission = loop.mission(step("a", after=[]), step("b", after=[]))
    batch = [
        {"step_id": str(w["step_id"]), "lease_token": str(w["lease_token"]), "retryable": False}
        for w in loop.claim(9)
    ]
    loop.rows("select * from fn_fail_steps(%s)", Jsonb(batch))
    assert loop.retry(loop.step(mission, "a")["id"]) == "cancelled"
    assert loop.status(mission) == "failed"
    assert loop.retry(loop.step(mission, "b")["id"]) == "queued"
    assert loop.steps(mission) == {"a": "queued", "b": "queued"}
    assert loop.status(mission) == "running"
    assert loop.broken() == []


@pytest.mark.parametrize("state", ["queued", "running", "succeeded", "blocked"])
def test_what_is_not_failed_cancelled_or_waiting_cannot_be_retried(loop, state):
    mission = loop.mission(step("a"), step("b"))
    if state in ("running", "succeeded"):
        work = loop.work(mission)
        if state == "succeeded":
            loop.complete(work)
    target = loop.step(mission, "b" if state == "blocked" else "a")
    assert target["status"] == state
    diag = loop.refused("014", RETRY, target["id"])
    assert state in diag.message_primary


def test_an_unknown_step_is_ops_012(loop):
    loop.refused("012", RETRY, uuid4())
    loop.refused("012", RETRY, None)
    loop.refused("012", RESOLVE, uuid4(), "failed", "ada", None, None)


def test_a_step_that_waits_for_its_next_try_runs_now_with_all_its_tries(loop):
    mission = loop.mission(step("a", max_retries=2))
    loop.fail(loop.work(mission), "no luck", after=600)
    assert loop.claim() == []
    assert loop.retry(loop.step(mission)["id"]) == "queued"
    row = loop.step(mission)
    assert (row["failure_count"], row["run_after"], row["last_error"]) == (0, None, "no luck")
    loop.advance(601)  # its old timer comes and finds nothing to do
    loop.turn()
    work = loop.work(mission)
    assert loop.claim() == []
    assert loop.complete(work) == "accepted"
    assert loop.status(mission) == "succeeded"
    assert loop.broken() == []


def test_a_queued_step_that_policy_ceased_to_cover_is_approved_before_its_claim_and_keeps_its_place(loop):
    loop.allow("noop", "http")
    mission = loop.mission(step("a", "http", params={"url": "https://x/", "method": "get"}))
    later = loop.mission(step("a", "http", params={"url": "https://y/", "method": "get"}))
    loop.allow("noop")
    place = loop.step(mission)["ready_seq"]
    assert loop.retry(loop.step(mission)["id"]) == "queued"
    assert loop.step(mission)["ready_seq"] == place
    assert loop.events("step:http:retried")[0]["data"]["actor"] == "ada"
    (work,) = loop.claim(2)
    assert work["mission_id"] == mission
    assert loop.steps(later) == {"a": "waiting"}
    assert loop.broken() == []


def test_nobody_approves_a_queued_step_that_policy_forbids_to_anybody(loop):
    loop.policy("worker_policy", command_allow=[["ls"]])
    mission = loop.mission(step("a", "command", params={"argv": ["ls"]}))
    loop.policy("worker_policy", command_allow=[])
    loop.refused("003", RETRY, loop.step(mission)["id"])


# Resolving


def test_a_held_step_may_be_run_again(loop, held):
    assert loop.retry(loop.step(held)["id"]) == "queued"
    assert loop.work(held)["attempt"] == 2


def test_resolved_as_succeeded_the_mission_goes_on_with_the_result_given(loop, held):
    assert resolve(loop, loop.step(held)["id"], "succeeded", {"n": 1}) == "succeeded"
    assert loop.steps(held) == {"a": "succeeded", "b": "queued"}
    assert loop.work(held, "b")["inputs"] == {"a": {"n": 1}}
    (event,) = loop.events("step:noop:succeeded")
    assert (event["data"]["resolved_by"], event["data"]["result"]) == ("ada", {"n": 1})
    run = loop.runs(loop.step(held)["id"])[-1]
    assert (run["status"], run["meta"]["resolved_by"], run["meta"]["reason"]) == (
        "succeeded",
        "ada",
        "looked",
    )
    assert loop.broken() == []


def test_resolved_as_succeeded_the_last_step_ends_the_mission(loop):
    mission = loop.mission(step("a", on_lease_lost="hold"))
    loop.work(mission)
    loop.advance(3600)
    loop.turn()
    resolve(loop, loop.step(mission)["id"], "succeeded")
    assert loop.status(mission) == "succeeded"
    assert [e["type"] for e in loop.events("mission:%")] == ["mission:succeeded"]


def test_resolved_as_failed_it_fails_for_good(loop, held):
    assert resolve(loop, loop.step(held)["id"], "failed") == "failed"
    assert loop.steps(held) == {"a": "failed", "b": "cancelled"}
    assert loop.status(held) == "failed"
    (letter,) = loop.rows("select * from dead_letter_archive")
    assert "looked" in letter["reason"]
    assert loop.broken() == []


def test_resolved_as_failed_with_continue_the_others_go_on(loop):
    mission = loop.mission(step("a", on_lease_lost="hold", on_failure="continue"), step("b"))
    loop.work(mission)
    loop.advance(3600)
    loop.turn()
    resolve(loop, loop.step(mission)["id"], "failed")
    assert loop.steps(mission) == {"a": "failed", "b": "queued"}


@pytest.mark.parametrize("state", ["queued", "running", "failed"])
def test_only_a_waiting_step_can_be_resolved(loop, state):
    mission = loop.mission(step("a"))
    if state != "queued":
        work = loop.work(mission)
        if state == "failed":
            loop.fail(work, retryable=False)
    loop.refused("014", RESOLVE, loop.step(mission)["id"], "succeeded", "ada", None, None)


@pytest.mark.parametrize("outcome", ["maybe", None])
def test_an_outcome_that_is_none_is_ops_018(loop, held, outcome):
    loop.refused("018", RESOLVE, loop.step(held)["id"], outcome, "ada", None, None)


def test_who_still_held_a_lease_is_fenced_by_the_decision(loop):
    mission = loop.mission(step("a", on_lease_lost="hold"))
    work = loop.work(mission)
    loop.advance(3600)
    loop.turn()
    resolve(loop, work["step_id"], "succeeded", {"by": "a person"})
    assert loop.complete(work, {"by": "a zombie"}) == "OPS_006"
    assert loop.step(mission)["result"] == {"by": "a person"}


def test_a_step_whose_dependencies_have_not_ended_waits_for_them_all_the_same(loop):
    mission = loop.mission(step("a"), step("b"))
    loop.cancel(mission)
    assert loop.retry(loop.step(mission, "b")["id"]) == "blocked"
    assert loop.steps(mission) == {"a": "queued", "b": "blocked"}
    assert loop.broken() == []
