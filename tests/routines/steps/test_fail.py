"""Failing: retries with a backoff, the end of all tries, dead letters."""

from datetime import timedelta
from uuid import uuid4

import pytest
from psycopg.types.json import Jsonb

from looping import step

FAIL = "select * from fn_fail_steps(%s)"


def exact_backoff(loop, **changes):
    loop.policy(
        "worker_policy", backoff={"base_seconds": 2, "factor": 3, "max_seconds": 50, "jitter": 0, **changes}
    )


def attempt(loop, mission, **how):
    """Claims and fails it once; returns in how many seconds it is tried again."""
    assert loop.fail(loop.work(mission), **how) == "queued"
    row = loop.step(mission)
    loop.stop_clock(row["run_after"])
    loop.turn()
    return (row["run_after"] - row["updated_at"]).total_seconds()


def test_a_failed_attempt_is_recorded_and_tried_again_after_the_backoff(loop):
    exact_backoff(loop)
    moment = loop.stop_clock()
    mission = loop.mission(step("a"))
    work = loop.work(mission)
    assert loop.fail(work, "no disk") == "queued"
    row = loop.step(mission)
    assert (row["status"], row["failure_count"], row["last_error"]) == ("queued", 1, "no disk")
    assert row["run_after"] == moment + timedelta(seconds=2)
    (run,) = loop.runs(row["id"])
    assert (run["status"], run["error"], run["run_id"]) == ("failed", "no disk", work["lease_token"])
    assert loop.events("step:%") == []
    assert loop.broken() == []


def test_the_code_of_an_error_is_what_the_report_says(loop):
    mission = loop.mission(step("a"), step("b", after=[]))
    work, other = loop.claim(2)
    assert loop.fail(work, "no disk", retryable=False, code="OPS_020") == "failed"
    assert loop.fail(work, "late", code="OPS_007") == "failed"
    row = loop.step(mission)
    assert (row["last_error"], row["last_error_code"]) == ("no disk", "OPS_020")
    assert loop.the_mission(mission)["error_code"] == "OPS_020"
    loop.fail(other, code="OPS_007")
    loop.fail(other | {"lease_token": uuid4()}, "stale", code="OPS_007")
    runs = loop.rows("select status, error_code from ops_action_runs order by id")
    assert [(r["status"], r["error_code"]) for r in runs] == [
        ("failed", "OPS_020"),
        ("cancelled", "OPS_007"),
        ("fenced", "OPS_007"),
    ]
    loop.retry(row["id"])
    assert loop.the_mission(mission)["error_code"] is None


def test_no_code_is_read_from_the_text_of_an_error(loop):
    mission = loop.mission(step("a"))
    loop.fail_for_good(mission, error="OPS_003: nobody may run this")
    assert loop.step(mission)["last_error_code"] is None
    assert loop.the_mission(mission)["error_code"] is None
    assert [r["error_code"] for r in loop.runs(loop.step(mission)["id"])] == [None]


@pytest.mark.parametrize("code", ["OPS_07", "ops_007", "7", 7, ["OPS_007"]])
def test_a_code_that_is_none_is_ops_018(loop, code):
    work = loop.work(loop.mission(step("a")))
    report = {"step_id": str(work["step_id"]), "lease_token": str(work["lease_token"]), "code": code}
    loop.refused("018", FAIL, Jsonb([report]))


def test_it_is_not_claimed_before_its_time_and_is_then(loop):
    exact_backoff(loop)
    moment = loop.stop_clock()
    mission = loop.mission(step("a"))
    loop.fail(loop.work(mission))
    for seconds, ready in ((1.9, False), (2, True)):
        loop.stop_clock(moment + timedelta(seconds=seconds))
        result = loop.turn()
        assert result["leaseResult"] == {"requeued_steps": 0, "failed_steps": 0}
        assert (len(loop.claim(5)) == 1) is ready


def test_the_backoff_grows_by_its_factor_up_to_its_limit(loop):
    exact_backoff(loop)
    loop.stop_clock()
    mission = loop.mission(step("a", max_retries=10))
    assert [attempt(loop, mission) for _ in range(5)] == [2, 6, 18, 50, 50]


def test_without_a_policy_it_is_two_seconds_doubled(loop):
    loop.value("select fn_set_policy('worker_policy', '{}')")
    seconds = [loop.value("select _backoff_seconds(%s, %s, '{}')", uuid4(), n) for n in (1, 2, 3, 60)]
    for value, middle in zip(seconds, (2, 4, 8, 600), strict=True):
        assert 0.8 * middle <= value <= 1.2 * middle


def test_jitter_spreads_and_can_be_repeated(loop):
    policy = Jsonb({"backoff": {"base_seconds": 100, "jitter": 0.5}})
    ids = [uuid4() for _ in range(200)]
    times = [loop.value("select _backoff_seconds(%s, 1, %s)", i, policy) for i in ids]
    assert times == [loop.value("select _backoff_seconds(%s, 1, %s)", i, policy) for i in ids]
    assert all(50 <= t <= 150 for t in times)
    assert min(times) < 70
    assert max(times) > 130


def test_a_very_high_number_of_failures_does_not_overflow(loop):
    assert loop.value("select _backoff_seconds(%s, 100000, '{}')", uuid4()) <= 720


def test_retry_after_goes_before_the_backoff(loop):
    exact_backoff(loop)
    loop.stop_clock()
    mission = loop.mission(step("a", max_retries=10))
    assert attempt(loop, mission, after=120) == 120
    assert attempt(loop, mission, after=0.5) == 0.5


@pytest.mark.parametrize("seconds", [0, -3])
def test_retry_after_nothing_is_at_once(loop, seconds):
    mission = loop.mission(step("a"))
    loop.fail(loop.work(mission), after=seconds)
    assert loop.work(mission)["attempt"] == 2


def test_the_longest_wait_is_a_year(loop):
    moment = loop.stop_clock()
    mission = loop.mission(step("a"))
    assert loop.fail(loop.work(mission), after=1e30) == "queued"
    assert loop.step(mission)["run_after"] == moment + timedelta(days=365)


@pytest.mark.parametrize(("max_retries", "tries"), [(None, 3), (1, 1), (2, 2), (5, 5)])
def test_it_fails_for_good_with_the_last_of_its_tries(loop, max_retries, tries):
    mission = loop.mission(step("a", **({"max_retries": max_retries} if max_retries else {})))
    for _ in range(tries - 1):
        assert loop.fail(loop.work(mission), after=0) == "queued"
    assert loop.fail(loop.work(mission), after=0) == "failed"
    row = loop.step(mission)
    assert (row["failure_count"], row["attempt"], row["run_after"]) == (tries, tries, None)
    assert loop.status(mission) == "failed"


def test_an_error_that_is_not_retryable_fails_it_at_once(loop):
    mission = loop.mission(step("a"))
    assert loop.fail(loop.work(mission), "no such table", retryable=False) == "failed"
    (event,) = loop.events("step:noop:failed")
    assert (event["data"]["error"], event["data"]["attempt"]) == ("no such table", 1)


def test_the_same_failure_again_is_answered_alike_and_counts_once(loop):
    mission = loop.mission(step("a"))
    work = loop.work(mission)
    assert loop.fail(work) == "queued"
    before = loop.contents()
    assert loop.fail(work) == "queued"
    assert loop.contents() == before
    loop.advance(3600)
    loop.turn()
    last = loop.work(mission)
    assert loop.fail(last, retryable=False) == "failed"
    before = loop.contents()
    assert loop.fail(last, retryable=False) == "failed"
    assert loop.contents() == before


def test_twice_in_one_batch_counts_once(loop):
    mission = loop.mission(step("a"))
    work = loop.work(mission)
    one = {"step_id": str(work["step_id"]), "lease_token": str(work["lease_token"])}
    assert [r["outcome"] for r in loop.rows(FAIL, Jsonb([one, one]))] == ["queued"]
    assert loop.step(mission)["failure_count"] == 1


def test_once_a_later_attempt_was_claimed_the_old_report_is_fenced(loop):
    mission = loop.mission(step("a"))
    work = loop.work(mission)
    loop.fail(work, after=0)
    loop.work(mission)
    before = loop.contents("ops_action_runs", "ops_counts")
    assert loop.fail(work) == "OPS_006"
    assert loop.contents("ops_action_runs", "ops_counts") == before
    assert loop.runs(work["step_id"])[-1]["status"] == "fenced"


def test_an_unknown_step_is_ops_006_and_leaves_nothing(loop):
    before = loop.contents()
    assert loop.fail({"step_id": uuid4(), "lease_token": uuid4()}) == "OPS_006"
    assert loop.contents() == before


def test_after_a_completion_a_failure_is_too_late(loop):
    mission = loop.mission(step("a"))
    work = loop.work(mission)
    loop.complete(work)
    assert loop.fail(work) == "OPS_006"
    assert loop.step(mission)["status"] == "succeeded"


def test_without_a_word_about_the_error_it_has_failed(loop):
    mission = loop.mission(step("a"))
    work = loop.work(mission)
    loop.rows(FAIL, Jsonb([{"step_id": str(work["step_id"]), "lease_token": str(work["lease_token"])}]))
    assert loop.step(mission)["last_error"] == "failed"


def test_progress_is_handed_to_the_next_attempt(loop):
    mission = loop.mission(step("a"))
    work = loop.work(mission)
    loop.extend(work, progress={"page": 7})
    loop.extend(work)
    loop.fail(work, after=0)
    assert loop.work(mission)["progress"] == {"page": 7}


# Dead letters


def letters(loop):
    return loop.rows("select * from dead_letter_archive order by id")


def test_what_gives_up_goes_whole_to_the_archive_with_its_history(loop):
    mission = loop.mission(step("a", params={"n": 1}, max_retries=2))
    loop.fail(loop.work(mission), "first", after=0)
    loop.fail(loop.work(mission), "second")
    row = loop.step(mission)
    (letter,) = letters(loop)
    assert letter["dl_msg_id"] == f"step:{row['id']}:2"
    assert (letter["original_msg_id"], letter["reason"], letter["reclaim_count"]) == (
        str(row["id"]),
        "second",
        2,
    )
    stored = letter["payload"]
    assert stored["params"] == {"n": 1}
    assert (stored["mission_id"], stored["status"], stored["failure_count"]) == (str(mission), "failed", 2)
    assert [(h["attempt"], h["status"], h["error"]) for h in stored["error_history"]] == [
        (1, "failed", "first"),
        (2, "failed", "second"),
    ]
    assert loop.step(mission).keys() <= stored.keys()


def test_a_step_that_gives_up_again_leaves_another_letter(loop):
    mission = loop.mission(step("a"))
    loop.fail_for_good(mission, error="first")
    loop.retry(loop.step(mission)["id"])
    loop.fail_for_good(mission, error="second")
    assert [letter["reason"] for letter in letters(loop)] == ["first", "second"]


def test_also_when_it_never_began(loop):
    mission = loop.mission(step("a", on_failure="continue"), step("b", params={"x": "{{steps.a.result.x}}"}))
    loop.fail_for_good(mission, "a")
    for _ in range(2):
        assert loop.claim(5) == []
        target = loop.step(mission, "b")
        assert (target["status"], target["attempt"]) == ("failed", 0)
        loop.retry(target["id"])
    mine = [letter for letter in letters(loop) if letter["original_msg_id"] == str(target["id"])]
    assert len(mine) == 2


def test_a_retry_that_succeeds_leaves_no_letter(loop):
    mission = loop.mission(step("a"))
    loop.fail(loop.work(mission), after=0)
    loop.complete(loop.work(mission))
    assert letters(loop) == []
