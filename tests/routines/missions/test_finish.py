"""How a mission ends, what it counts, and what it tells."""

from uuid import uuid4

import pytest
from psycopg.types.json import Jsonb

from looping import step

CANCEL = "select fn_cancel_mission(%s, %s, %s)"


def told(loop):
    """Types of the events there are, oldest first within a kind."""
    return sorted(e["type"] for e in loop.events())


def test_a_mission_begins_with_its_first_claim_and_ends_with_its_last_step(loop):
    mission = loop.mission(step("a"), step("b"))
    row = loop.the_mission(mission)
    assert (row["status"], row["started_at"], row["steps_total"], row["steps_open"]) == (
        "approved",
        None,
        2,
        2,
    )
    work = loop.work(mission, "a")
    row = loop.the_mission(mission)
    assert (row["status"], row["completed_at"]) == ("running", None)
    assert row["started_at"] is not None
    loop.complete(work)
    assert loop.the_mission(mission)["steps_open"] == 1
    loop.complete(loop.work(mission, "b"))
    row = loop.the_mission(mission)
    assert (row["status"], row["steps_open"], row["steps_failed"]) == ("succeeded", 0, 0)
    assert row["completed_at"] >= row["started_at"]


def test_its_steps_and_itself_leave_events(loop):
    loop.allow()
    mission = loop.mission(step("a", "tidy", executor="noop"), title="nightly")
    work = loop.work(mission)
    loop.complete(work, {"rows": 3})
    assert told(loop) == ["mission:succeeded", "step:tidy:succeeded"]
    by_type = {e["type"]: e for e in loop.events()}
    done = by_type["step:tidy:succeeded"]
    assert (done["mission_id"], done["depth"]) == (mission, 1)
    assert done["data"] == {
        "step_id": str(work["step_id"]), "mission_id": str(mission), "key": "a", "kind": "tidy", "executor": "noop",
        "attempt": 1, "result": {"rows": 3},
    }  # fmt: skip
    assert by_type["mission:succeeded"]["data"]["title"] == "nightly"


def test_events_that_no_pattern_watches_are_born_processed_and_the_others_wait(loop):
    loop.complete(loop.work(loop.mission(step("a"))))
    assert all(e["processed_at"] for e in loop.events())
    loop.react({"event_type": "mission:*"})
    loop.complete(loop.work(loop.mission(step("a"))))
    assert [e["type"] for e in loop.events() if not e["processed_at"]] == ["mission:succeeded"]
    assert loop.turn()["triggerResult"] == {"events": 1, "queued": 1}


def test_a_large_result_stays_in_the_step_and_out_of_the_event(loop):
    work = loop.work(loop.mission(step("a")))
    big = {"n": [n * 7919 % 10007 for n in range(3000)]}
    loop.complete(work, big)
    assert "result" not in loop.events("step:%")[0]["data"]
    assert loop.step(work["mission_id"])["result"] == big


def test_a_step_that_fails_for_good_fails_the_mission_at_once_and_stops_its_siblings(loop):
    mission = loop.mission(
        step("a", after=[]),
        step("b", after=[]),
        step("c", after=["b"]),
        step("d", after=[], executor="other"),
    )
    loop.approve(loop.proposals()[0]["id"])
    works = {w["key"]: w for w in loop.claim(10, executors=["noop"])}
    assert loop.fail(works["a"], "no disk", retryable=False) == "failed"
    assert loop.steps(mission) == {"a": "failed", "b": "running", "c": "cancelled", "d": "cancelled"}
    assert loop.step(mission, "b")["cancel_requested"] is True
    assert loop.step(mission, "c")["wait_reason"] == "its mission failed"
    row = loop.the_mission(mission)
    assert (row["status"], row["steps_open"], row["steps_failed"]) == ("failed", 1, 1)
    assert row["error"] == "step a failed: no disk"
    assert told(loop) == ["mission:failed", "proposal:pending", "step:noop:failed"]
    assert loop.broken() == []


@pytest.mark.parametrize("end", ["complete", "fail", "release", "lose"])
def test_a_sibling_that_was_asked_to_stop_may_end_as_it_likes_and_the_mission_stays_failed(loop, end):
    mission = loop.mission(step("a", after=[]), step("b", after=[]))
    works = {w["key"]: w for w in loop.claim(10)}
    loop.fail(works["a"], retryable=False)
    if end == "complete":
        assert loop.complete(works["b"]) == "accepted"
    elif end == "fail":
        assert loop.fail(works["b"]) == "cancelled"
    elif end == "release":
        assert loop.release(works["b"]) == ["cancelled"]
    else:
        loop.advance(3600)
        loop.turn()
    assert loop.step(mission, "b")["status"] == ("succeeded" if end == "complete" else "cancelled")
    row = loop.the_mission(mission)
    assert (row["status"], row["steps_open"], row["steps_failed"]) == ("failed", 0, 1)
    assert told(loop).count("mission:failed") == 1
    assert loop.broken() == []


def test_two_that_fail_in_one_batch_fail_the_mission_once(loop):
    mission = loop.mission(step("a", after=[]), step("b", after=[]))
    batch = [
        {"step_id": str(w["step_id"]), "lease_token": str(w["lease_token"]), "error": "x", "retryable": False}
        for w in loop.claim(10)
    ]
    loop.rows("select * from fn_fail_steps(%s)", Jsonb(batch))
    assert loop.steps(mission) == {"a": "failed", "b": "failed"}
    assert told(loop) == ["mission:failed", "step:noop:failed", "step:noop:failed"]
    assert loop.broken() == []


# Cancelling


def test_what_an_end_costs_grows_with_the_steps_of_the_mission_and_not_with_their_square(loop):
    count = 300
    loop.mission(*(step(f"s{n}", after=[], on_failure="continue") for n in range(count)))
    works = loop.claim(count)
    read = "select idx_tup_fetch from pg_stat_xact_user_tables where relid = 'ops_mission_steps'::regclass"
    before = loop.value(read)
    assert loop.fail(works[0], retryable=False) == "failed"
    assert loop.value(read) - before < 20 * count


def test_cancelling_ends_what_does_not_run_and_asks_what_runs_to_stop(loop):
    mission = loop.mission(step("a", after=[]), step("b"), step("c", after=[]))
    (work,) = loop.claim(1)
    assert loop.cancel(mission, "wrong host") == "cancelled"
    assert loop.steps(mission) == {"a": "running", "b": "cancelled", "c": "cancelled"}
    row = loop.the_mission(mission)
    assert (row["status"], row["steps_open"], row["completed_at"] is not None) == ("cancelled", 1, True)
    assert "ada" in row["error"]
    assert "wrong host" in row["error"]
    assert loop.claim(10) == []
    assert loop.extend(work)[0]["cancel_requested"] is True
    assert told(loop) == ["mission:cancelled"]
    assert loop.fail(work) == "cancelled"
    assert loop.the_mission(mission)["steps_open"] == 0
    assert loop.broken() == []


def test_a_step_that_succeeds_all_the_same_is_accepted_and_starts_nothing(loop):
    mission = loop.mission(step("a"), step("b"))
    work = loop.work(mission)
    loop.cancel(mission)
    assert loop.complete(work) == "accepted"
    assert loop.steps(mission) == {"a": "succeeded", "b": "cancelled"}
    assert loop.status(mission) == "cancelled"
    assert "mission:succeeded" not in told(loop)
    assert loop.broken() == []


def test_a_step_that_waits_for_its_retry_is_cancelled_too_and_never_comes_back(loop):
    mission = loop.mission(step("a"))
    loop.fail(loop.work(mission))
    loop.cancel(mission)
    loop.advance(3600)
    loop.turn()
    assert loop.claim(10) == []
    assert loop.steps(mission) == {"a": "cancelled"}
    assert loop.broken() == []


def test_cancelling_twice_changes_nothing_more(loop):
    mission = loop.mission(step("a"))
    loop.cancel(mission)
    before = loop.contents()
    assert loop.cancel(mission) == "cancelled"
    assert loop.contents() == before


def test_what_ended_otherwise_cannot_be_cancelled(loop):
    mission = loop.mission(step("a"))
    loop.complete(loop.work(mission))
    loop.refused("014", CANCEL, mission, "ada", None)
    failed = loop.mission(step("a"))
    loop.fail_for_good(failed)
    loop.refused("014", CANCEL, failed, "ada", None)


def test_an_unknown_mission_is_ops_012(loop):
    loop.refused("012", CANCEL, uuid4(), "ada", None)
    loop.refused("012", CANCEL, None, "ada", None)
