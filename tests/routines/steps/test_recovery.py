"""When a worker vanished: leases that ran out, steps without any, and what may run again by itself."""

from datetime import timedelta

import pytest

from looping import step

STALE = "select recovered_steps from fn_recover_stale_steps(%s)"


def lose(loop, mission, key="a", worker="w1"):
    """Claims the step and lets the lease run out."""
    work = loop.work(mission, key, worker)
    loop.advance(3600)
    return work


def recover(loop):
    return tuple(loop.row("select * from fn_recover_expired_leases()").values())


def test_a_step_whose_lease_ran_out_is_tried_again_at_once(loop):
    mission = loop.mission(step("a"))
    work = lose(loop, mission)
    assert recover(loop) == (1, 0)
    row = loop.step(mission)
    assert (row["status"], row["failure_count"], row["lease_token"]) == ("queued", 1, None)
    assert row["last_error"].startswith("OPS_010: ")
    (run,) = loop.runs(row["id"])
    assert (run["status"], run["worker_id"], run["run_id"]) == ("lost", "w1", work["lease_token"])
    assert loop.work(mission)["attempt"] == 2
    assert loop.broken() == []


def test_before_that_it_is_not(loop):
    moment = loop.stop_clock()
    mission = loop.mission(step("a"))
    loop.work(mission)
    loop.stop_clock(moment + timedelta(seconds=29.9))
    assert recover(loop) == (0, 0)
    loop.stop_clock(moment + timedelta(seconds=30))
    assert recover(loop) == (1, 0)


def test_the_late_report_of_the_vanished_worker_is_kept_as_evidence(loop):
    mission = loop.mission(step("a"))
    work = lose(loop, mission)
    recover(loop)
    before = loop.contents("ops_action_runs", "ops_counts")
    assert loop.complete(work, {"late": True}) == "OPS_006"
    assert loop.fail(work, "late") == "OPS_006"
    assert loop.contents("ops_action_runs", "ops_counts") == before
    assert [r["status"] for r in loop.runs(work["step_id"])] == ["lost", "fenced", "fenced"]
    assert loop.runs(work["step_id"])[1]["meta"]["result"] == {"late": True}


def test_a_lost_lease_counts_as_a_failure_and_the_last_one_fails_for_good(loop):
    mission = loop.mission(step("a", max_retries=2))
    lose(loop, mission)
    assert recover(loop) == (1, 0)
    lose(loop, mission)
    assert recover(loop) == (0, 1)
    assert loop.step(mission)["status"] == "failed"
    assert loop.status(mission) == "failed"
    assert loop.value("select reason from dead_letter_archive").startswith("OPS_010: ")
    assert loop.broken() == []


def test_a_step_lost_by_a_cancelled_mission_is_cancelled(loop):
    mission = loop.mission(step("a"))
    loop.work(mission)
    loop.cancel(mission)
    loop.advance(3600)
    assert recover(loop) == (0, 0)
    assert loop.steps(mission) == {"a": "cancelled"}
    assert loop.broken() == []


def test_progress_is_handed_to_the_attempt_that_follows(loop):
    mission = loop.mission(step("a"))
    work = loop.work(mission)
    loop.extend(work, progress={"page": 7})
    loop.advance(3600)
    recover(loop)
    assert loop.work(mission)["progress"] == {"page": 7}


def test_one_call_takes_back_what_many_claims_had(loop):
    for _ in range(5):
        loop.mission(step("a"), step("b", after=[]))
    for _ in range(5):
        loop.claim(2)
    loop.advance(3600)
    assert recover(loop) == (10, 0)
    assert recover(loop) == (0, 0)
    assert loop.broken() == []


# on_lease_lost


def outcome(loop, given, worker="w1"):
    """What becomes of the step when its worker vanishes."""
    loop.allow()
    mission = loop.mission(given)
    lose(loop, mission, worker=worker)
    loop.turn()
    assert loop.broken() == []
    status = loop.step(mission)["status"]
    loop.cancel(mission)
    assert isinstance(status, str)
    return status


def test_hold_parks_the_step_for_a_person_and_says_why(loop):
    mission = loop.mission(step("a", on_lease_lost="hold"), step("b"))
    work = lose(loop, mission)
    assert recover(loop) == (0, 0)
    row = loop.step(mission)
    assert (row["status"], row["lease_token"], row["failure_count"]) == ("waiting", None, 0)
    assert row["wait_reason"].startswith("OPS_010: outcome unknown")
    assert "w1" in row["wait_reason"]
    assert loop.runs(row["id"])[0]["status"] == "lost"
    assert loop.status(mission) == "running"
    assert loop.complete(work) == "OPS_006"
    assert loop.broken() == []


@pytest.mark.parametrize(
    ("kind", "params", "status"),
    [
        ("noop", {}, "queued"),
        ("sql", {"statement": "select 1"}, "queued"),
        ("radar", {}, "queued"),
        ("http", {"url": "https://x/", "method": "GET"}, "waiting"),
        ("wreckit", {"prompt": "x"}, "waiting"),
        ("our_own", {}, "waiting"),
    ],
)
def test_what_may_run_twice_is_tried_again_and_the_others_are_held(loop, kind, params, status):
    assert outcome(loop, step("a", kind, params=params, timeout_seconds=60)) == status


def test_a_command_is_held(loop):
    loop.policy("worker_policy", command_allow=[["git", "status"]])
    assert outcome(loop, step("a", "command", params={"argv": ["git", "status"]})) == "waiting"


def test_an_executor_registered_as_idempotent_is_tried_again(loop):
    loop.register("w1", {"our_own": {"idempotent": True}, "other": {"idempotent": False}})
    assert outcome(loop, step("a", "our_own")) == "queued"
    assert outcome(loop, step("a", "other")) == "waiting"


@pytest.mark.parametrize("said", ["maybe", 1, None, {}, []])
def test_what_one_worker_says_of_itself_does_not_stop_the_recovery(loop, said):
    loop.allow(risk_rules=[])
    loop.register("w1", {"mine": {"idempotent": said}})
    assert outcome(loop, step("a", "mine")) == "waiting"


def test_policy_goes_before_what_the_worker_says_and_the_step_before_policy(loop):
    loop.register("w1", {"our_own": {"idempotent": True}})
    loop.policy(
        "worker_policy", executors={"our_own": {"on_lease_lost": "hold"}, "noop": {"on_lease_lost": "hold"}}
    )
    assert outcome(loop, step("a", "our_own")) == "waiting"
    assert outcome(loop, step("a", "noop")) == "waiting"
    assert outcome(loop, step("a", "our_own", on_lease_lost="retry")) == "queued"
    assert outcome(loop, step("a", "noop", on_lease_lost="retry")) == "queued"


# The third clock: stale


def stranded(loop):
    """A mission whose step runs without any lease, as after a restore or an edit by hand."""
    mission = loop.mission(step("a"))
    loop.work(mission)
    loop.do("update ops_mission_steps set lease_expires_at = null, updated_at = _now(), reserved_at = _now()")
    loop.do("delete from ops_timers")
    return mission


def test_a_running_step_without_a_lease_that_nobody_touched_is_taken_back(loop):
    mission = stranded(loop)
    loop.advance(14 * 60)
    assert loop.value(STALE, None) == 0
    loop.advance(2 * 60)
    assert loop.value(STALE, None) == 1
    assert loop.step(mission)["status"] == "queued"
    assert loop.broken() == []


def test_the_threshold_may_be_given_and_the_heartbeat_passes_it_on(loop):
    mission = stranded(loop)
    loop.advance(5 * 60)
    assert loop.heartbeat(None, None, 6)["staleResult"] == {"recovered": 0}
    assert loop.heartbeat(None, None, 4)["staleResult"] == {"recovered": 1}
    assert loop.step(mission)["status"] == "queued"


@pytest.mark.parametrize("minutes", [0, -1])
def test_a_threshold_below_a_minute_is_ops_018(loop, minutes):
    loop.refused("018", STALE, minutes)


def test_a_step_whose_lease_is_being_extended_is_never_stale(loop):
    loop.policy("worker_policy", step_timeout_seconds=86400)
    work = loop.work(loop.mission(step("a")))
    for _ in range(5):
        loop.extend(work, lease=3600)
        loop.advance(40 * 60)
        assert loop.value(STALE, 1) == 0
    assert loop.complete(work) == "accepted"


def test_a_timer_that_was_lost_is_set_again(loop):
    mission = loop.mission(step("a"), step("b", after=[]))
    loop.fail(loop.claim()[0])
    loop.claim()
    loop.do("delete from ops_timers")
    assert len(loop.broken()) == 2
    loop.advance(3600)
    loop.turn()
    loop.turn()
    assert loop.steps(mission) == {"a": "queued", "b": "queued"}
    assert loop.broken() == []


def test_the_look_over_all_steps_goes_on_where_it_ended(loop):
    sweep = "select coalesce(cardinality(hand_queued), 0) from _sweep_steps(_now(), '15 min', 2)"
    for _ in range(5):
        loop.mission(step("a"))
    loop.do("delete from ops_ready")
    found = []
    for _ in range(4):
        found.append(loop.value(sweep))
        loop.advance(2)
    assert found == [2, 2, 1, 2]


def test_a_call_ends_after_two_seconds_and_the_rest_is_due_again_in_one(loop):
    """500 steps of a timer are taken at a time: the first part takes longer than the bound, and is the last."""
    slow, rest = (loop.mission(step("a")) for _ in range(2))
    assert len(loop.claim(2)) == 2
    loop.advance(3600)
    slow_id, rest_id = (loop.step(mission)["id"] for mission in (slow, rest))
    assert slow_id < rest_id
    loop.conn.execute("delete from ops_timers")
    loop.conn.execute(
        "insert into ops_timers (due_at, step_ids)"
        " select _now(), array_agg(lpad(n::text, 32, '0')::uuid) || %s::uuid[] from generate_series(1, 499) n",
        [[slow_id, rest_id]],
    )
    loop.conn.execute(
        "create function too_slow() returns trigger language plpgsql as"
        " $$ begin perform pg_sleep(2.1); return new; end; $$"
    )
    loop.conn.execute(
        "create trigger too_slow before update on ops_mission_steps for each row"
        f" when (old.id = '{slow_id}' and old.status = 'running') execute function too_slow()"
    )
    assert recover(loop) == (1, 0)
    assert [loop.step(mission)["status"] for mission in (slow, rest)] == ["queued", "running"]
    assert recover(loop) == (0, 0)
    loop.advance(1)
    assert recover(loop) == (1, 0)
    assert loop.step(rest)["status"] == "queued"
