"""Leases: extended while the worker lives, never past the deadline; given back; asserted by a worker's transaction."""

from datetime import timedelta
from uuid import uuid4

import pytest
from psycopg.types.json import Jsonb

from looping import step


def extended(loop, work, **how):
    (row,) = loop.extend(work, **how)
    return row


def test_an_extension_moves_the_end_of_the_lease(loop):
    loop.policy("worker_policy", step_timeout_seconds=1000)
    moment = loop.stop_clock()
    work = loop.work(loop.mission(step("a")))
    loop.stop_clock(moment + timedelta(seconds=20))
    answer = extended(loop, work)
    assert (answer["step_id"], answer["ok"], answer["cancel_requested"]) == (work["step_id"], True, False)
    assert answer["lease_expires_at"] == moment + timedelta(seconds=50)
    assert extended(loop, work, lease=300)["lease_expires_at"] == moment + timedelta(seconds=320)
    assert loop.broken() == []


def test_a_lease_that_is_extended_is_not_taken_away(loop):
    loop.policy("worker_policy", step_timeout_seconds=1000)
    work = loop.work(loop.mission(step("a")))
    for _ in range(10):
        loop.advance(25)
        assert extended(loop, work)["ok"]
        assert loop.turn()["leaseResult"] == {"requeued_steps": 0, "failed_steps": 0}
    assert loop.complete(work) == "accepted"


def test_the_deadline_is_not_extendable(loop):
    moment = loop.stop_clock()
    work = loop.work(loop.mission(step("a", timeout_seconds=60)))
    loop.stop_clock(moment + timedelta(seconds=50))
    answer = extended(loop, work, lease=600)
    assert answer["ok"]
    assert answer["lease_expires_at"] == moment + timedelta(
        seconds=65
    )  # the deadline and a moment to report it
    loop.stop_clock(moment + timedelta(seconds=60))
    answer = extended(loop, work, lease=600)
    assert not answer["ok"]
    assert answer["lease_expires_at"] == moment + timedelta(seconds=65)
    assert loop.row("select deadline_at from ops_mission_steps") == {
        "deadline_at": moment + timedelta(seconds=60)
    }


def test_a_lease_asked_for_is_no_longer_than_the_attempt_may_take(loop):
    moment = loop.stop_clock()
    loop.mission(step("a", timeout_seconds=10))
    assert loop.claim(lease=3600)[0]["lease_expires_at"] == moment + timedelta(seconds=15)


def test_a_token_holds_until_it_is_revoked_and_not_until_the_clock_passes(loop):
    work = loop.work(loop.mission(step("a")))
    loop.advance(3600)
    assert loop.complete(work) == "accepted"


def test_an_expired_lease_within_the_deadline_can_still_be_extended_if_nobody_took_it(loop):
    work = loop.work(loop.mission(step("a", timeout_seconds=600)))
    loop.advance(45)
    assert extended(loop, work)["ok"]
    assert loop.turn()["leaseResult"]["requeued_steps"] == 0


def test_progress_is_kept_and_no_word_about_it_keeps_the_last(loop):
    mission = loop.mission(step("a"))
    work = loop.work(mission)
    for said, kept in (({"page": 1}, {"page": 1}), (None, {"page": 1}), ([2], [2]), (0, 0)):
        extended(loop, work, progress=said)
        assert loop.step(mission)["progress"] == kept


def test_a_stale_token_is_told_to_stop_and_changes_nothing(loop):
    mission = loop.mission(step("a"))
    stale = loop.work(mission)
    loop.release(stale)
    fresh = loop.work(mission)
    before = loop.contents()
    answers = loop.extend(stale, {"step_id": uuid4(), "lease_token": uuid4()}, progress={"evil": True})
    assert [a["ok"] for a in answers] == [False, False]
    assert loop.contents() == before
    assert loop.complete(fresh) == "accepted"
    assert [a["ok"] for a in loop.extend(fresh)] == [False]


def test_a_batch_answers_each(loop):
    for _ in range(3):
        loop.mission(step("a"))
    works = loop.claim(3)
    loop.complete(works[1])
    answers = {a["step_id"]: a["ok"] for a in loop.extend(*works)}
    assert [answers[w["step_id"]] for w in works] == [True, False, True]


def test_it_is_the_sign_of_life_of_the_worker_also_with_nothing_to_extend(loop):
    loop.register("w1")
    before = loop.value("select last_seen_at from ops_workers")
    loop.advance(100)
    assert loop.extend(worker="w1") == []
    assert loop.value("select last_seen_at from ops_workers") > before


@pytest.mark.parametrize("lease", [0, -1, 86401])
def test_a_lease_that_cannot_be_is_ops_018(loop, lease):
    loop.refused("018", "select * from fn_extend_leases('w1', '[]', %s)", lease)


# Giving back


def test_a_released_step_is_ready_at_once_and_no_retry_is_burnt(loop):
    mission = loop.mission(step("a", max_retries=1))
    for n in range(3):
        work = loop.work(mission)
        assert work["attempt"] == n + 1
        assert loop.release(work, reason="shutting down") == ["queued"]
    row = loop.step(mission)
    assert (row["status"], row["failure_count"], row["lease_token"]) == ("queued", 0, None)
    assert [(r["status"], r["error"]) for r in loop.runs(row["id"])] == [("released", "shutting down")] * 3
    assert loop.broken() == []


@pytest.mark.parametrize(
    ("on_lease_lost", "started", "outcome"),
    [("hold", True, "waiting"), ("hold", False, "queued"), ("retry", True, "queued"), (None, True, "queued")],
)
def test_a_step_given_back_in_the_middle_is_treated_as_if_its_lease_were_lost(
    loop, on_lease_lost, started, outcome
):
    mission = loop.mission(step("a", **({"on_lease_lost": on_lease_lost} if on_lease_lost else {})))
    assert loop.release(loop.work(mission), started=started) == [outcome]
    row = loop.step(mission)
    assert (row["status"], row["failure_count"]) == (outcome, 0)
    assert ("outcome unknown" in (row["wait_reason"] or "")) is (outcome == "waiting")
    assert loop.broken() == []


@pytest.mark.parametrize("started", [(True, False), (False, True), (True, True)])
def test_given_back_twice_in_one_batch_it_is_given_back_once_and_counts_as_started(loop, started):
    mission = loop.mission(step("a", on_lease_lost="hold"))
    work = loop.work(mission)
    lease = {"step_id": str(work["step_id"]), "lease_token": str(work["lease_token"])}
    answers = loop.rows(
        "select outcome from fn_release_steps('w1', %s)", Jsonb([{**lease, "started": s} for s in started])
    )
    assert [a["outcome"] for a in answers] == ["waiting", "waiting"]
    assert loop.step(mission)["status"] == "waiting"
    assert [r["status"] for r in loop.runs(work["step_id"])] == ["released"]
    assert loop.broken() == []


def test_after_a_release_the_token_is_worth_nothing(loop):
    mission = loop.mission(step("a"))
    work = loop.work(mission)
    loop.release(work)
    before = loop.contents()
    assert loop.release(work) == ["OPS_006"]
    assert [a["ok"] for a in loop.extend(work)] == [False]
    assert loop.contents() == before
    assert loop.complete(work) == "OPS_006"
    assert loop.status(mission) == "running"


def test_a_step_that_was_asked_to_stop_is_cancelled_instead(loop):
    mission = loop.mission(step("a"))
    work = loop.work(mission)
    loop.cancel(mission)
    assert loop.release(work) == ["cancelled"]
    assert loop.runs(work["step_id"])[0]["status"] == "cancelled"
    assert loop.the_mission(mission)["steps_open"] == 0


# Asserting (the other session: tests/concurrency)


def test_asserting_a_lease_that_holds_says_nothing(loop):
    work = loop.work(loop.mission(step("a")))
    before = loop.contents()
    loop.rows("select fn_assert_lease(%s, %s)", work["step_id"], work["lease_token"])
    assert loop.contents() == before


@pytest.mark.parametrize("end", ["complete", "fail", "release", "lose", "invent", "unknown"])
def test_asserting_one_that_does_not_is_ops_006(loop, end):
    work = loop.work(loop.mission(step("a")))
    token, target = work["lease_token"], work["step_id"]
    if end == "complete":
        loop.complete(work)
    elif end == "fail":
        loop.fail(work)
    elif end == "release":
        loop.release(work)
    elif end == "lose":
        loop.advance(3600)
        loop.turn()
    elif end == "invent":
        token = uuid4()
    else:
        target = uuid4()
    loop.refused("006", "select fn_assert_lease(%s, %s)", target, token)
