"""Claiming: what comes, in which order, what it is given, and what a claim may not take."""

from datetime import timedelta

import pytest

from looping import step

CLAIM = "select * from fn_claim_steps(%s, %s, %s)"


def test_a_claim_gives_all_that_an_executor_needs(loop):
    moment = loop.stop_clock()
    mission = loop.mission(step("a", params={"n": 1}))
    (work,) = loop.claim()
    row = loop.step(mission)
    assert work == {
        "step_id": row["id"], "mission_id": mission, "key": "a", "kind": "noop", "executor": "noop",
        "run_with": "noop", "params": {"n": 1}, "inputs": {}, "progress": None, "attempt": 1,
        "lease_token": row["lease_token"], "lease_expires_at": moment + timedelta(seconds=30),
        "deadline_at": moment + timedelta(seconds=60), "idempotency_key": f"step:{row['id']}",
    }  # fmt: skip
    assert (row["status"], row["worker_id"], row["reserved_at"]) == ("running", "w1", moment)


def test_every_claim_has_a_token_of_its_own_and_the_idempotency_key_stays(loop):
    mission = loop.mission(step("a"))
    first = loop.work(mission)
    loop.release(first)
    second = loop.work(mission)
    assert second["lease_token"] != first["lease_token"]
    assert second["idempotency_key"] == first["idempotency_key"]
    assert second["attempt"] == 2


def test_nothing_ready_is_no_row_and_no_change(loop):
    before = loop.contents()
    assert loop.claim(10) == []
    assert loop.contents() == before


def test_a_limit_is_kept_and_the_oldest_go_first(loop):
    missions = [loop.mission(step("a")) for _ in range(5)]
    assert [w["mission_id"] for w in loop.claim(3)] == missions[:3]
    assert [w["mission_id"] for w in loop.claim(3)] == missions[3:]


def test_a_higher_priority_goes_first(loop):
    low, high, negative = (loop.mission(step("a"), priority=p) for p in (0, 5, -3))
    assert [w["mission_id"] for w in loop.claim(10)] == [high, low, negative]


def test_executors_of_one_priority_share_a_claim(loop):
    loop.allow()
    for kind in ("one", "two", "three"):
        for _ in range(10):
            loop.mission(step("a", kind))
    kinds = [w["kind"] for w in loop.claim(9)]
    assert {k: kinds.count(k) for k in kinds} == {"one": 3, "two": 3, "three": 3}


def test_what_one_executor_leaves_goes_to_the_others(loop):
    loop.allow()
    loop.mission(step("a", "one"))
    for _ in range(10):
        loop.mission(step("a", "two"))
    kinds = [w["kind"] for w in loop.claim(8)]
    assert {k: kinds.count(k) for k in kinds} == {"one": 1, "two": 7}


def test_only_executors_that_the_worker_offers_come_and_others_do_not_lie_in_front(loop):
    loop.allow()
    for _ in range(5):
        loop.mission(step("a", "other"), priority=9)
    mine = loop.mission(step("a"))
    assert [w["mission_id"] for w in loop.claim(3, executors=["noop"])] == [mine]
    assert loop.claim(3, executors=["noop"]) == []
    assert loop.claim(3, executors=[]) == []
    assert len(loop.claim(10, executors=None)) == 5


@pytest.mark.parametrize(
    ("policy", "claimed"),
    [
        ({"blocked_executors": ["one"]}, {"two", "noop"}),
        ({"blocked_executors": ["o*", "two"]}, {"noop"}),
        ({"blocked_executors": ["*"]}, set()),
        ({"allowed_executors": ["one", "noop"]}, {"one", "noop"}),
        ({"allowed_executors": []}, set()),
        ({"allowed_executors": None}, {"one", "two", "noop"}),
        ({"allowed_executors": ["one", "two"], "blocked_executors": ["two"]}, {"one"}),
    ],
)
def test_blocked_and_allowed_executors_hold_in_the_claim(loop, policy, claimed):
    loop.allow()
    for executor in ("one", "two", "noop"):
        loop.mission(step("a", executor))
    loop.policy("worker_policy", **policy)
    assert {w["executor"] for w in loop.claim(10)} == claimed
    loop.policy("worker_policy", allowed_executors=None, blocked_executors=[])
    assert {w["executor"] for w in loop.claim(10)} == {"one", "two", "noop"} - claimed
    assert loop.broken() == []


@pytest.mark.parametrize(
    ("policy", "claimed"),
    [
        ({"blocked_executors": ["command"]}, {"noop"}),
        ({"blocked_executors": ["minion"]}, {"noop"}),
        ({"blocked_executors": []}, {"noop", "minion"}),
        ({"allowed_executors": ["command", "noop"]}, {"noop"}),
    ],
)
def test_who_blocks_command_blocks_what_runs_as_one(loop, policy, claimed):
    loop.allow(max_risk_level="high")
    loop.mission(step("a", "minion", params={"prompt": "hello"}))
    loop.mission(step("a"))
    loop.policy("worker_policy", **policy)
    assert {w["executor"] for w in loop.claim(10)} == claimed


def test_blocking_command_where_no_preset_is_blocks_nothing_else(loop):
    loop.mission(step("a"))
    document = loop.value("select fn_get_policy('worker_policy') - 'presets'")
    loop.value("select fn_set_policy('worker_policy', %s)", {**document, "blocked_executors": ["command"]})
    assert len(loop.claim(10)) == 1


# Settings: step, environment, policy, built-in


def test_the_lease_is_what_the_worker_asks_else_policy_else_thirty_seconds(loop):
    moment = loop.stop_clock()
    loop.mission(step("a", timeout_seconds=3000))
    loop.mission(step("a", timeout_seconds=3000))
    loop.mission(step("a", timeout_seconds=3000))
    assert loop.claim()[0]["lease_expires_at"] == moment + timedelta(seconds=30)
    loop.policy("worker_policy", lease_minutes=5)
    assert loop.claim()[0]["lease_expires_at"] == moment + timedelta(minutes=5)
    assert loop.claim(lease=7)[0]["lease_expires_at"] == moment + timedelta(seconds=7)


def test_the_deadline_is_the_steps_else_its_executors_else_the_policys(loop):
    moment = loop.stop_clock()
    loop.policy("worker_policy", step_timeout_seconds=100, executors={"noop": {"timeout_seconds": 200}})
    loop.allow()
    for wanted, given in ((300, step("a", timeout_seconds=300)), (200, step("a")), (100, step("a", "other"))):
        loop.mission(given)
        assert loop.claim()[0]["deadline_at"] == moment + timedelta(seconds=wanted)


def test_without_any_setting_an_attempt_may_take_a_minute_and_an_agent_longer(loop):
    moment = loop.stop_clock()
    loop.policy("worker_policy", step_timeout_seconds=60)
    loop.mission(step("a", "wreckit", params={"prompt": "x"}))
    assert loop.claim()[0]["deadline_at"] == moment + timedelta(minutes=30)


def test_max_retries_is_the_steps_else_the_environments_else_the_executors_else_the_policys(loop):
    loop.register("bare")
    loop.register("own", settings={"max_retries": 7})
    loop.policy("worker_policy", max_retries=5)
    tries = {}
    for name, worker, given in (
        ("step", "own", step("a", max_retries=2)),
        ("environment", "own", step("a")),
        ("policy", "bare", step("a")),
    ):
        loop.mission(given)
        (work,) = loop.claim(worker=worker)
        tries[name] = loop.step(work["mission_id"])["max_retries"]
    loop.policy("worker_policy", executors={"noop": {"max_retries": 4}})
    loop.mission(step("a"))
    (work,) = loop.claim(worker="bare")
    tries["executor"] = loop.step(work["mission_id"])["max_retries"]
    assert tries == {"step": 2, "environment": 7, "policy": 5, "executor": 4}


def test_an_empty_worker_policy_has_the_built_in_defaults(loop):
    moment = loop.stop_clock()
    loop.value("select fn_set_policy('worker_policy', '{}')")
    loop.mission(step("a"))
    (work,) = loop.claim()
    assert work["lease_expires_at"] == moment + timedelta(seconds=30)
    assert work["deadline_at"] == moment + timedelta(seconds=60)
    assert loop.step(work["mission_id"])["max_retries"] == 3


# What is left over in the queue


def test_a_step_deleted_while_it_was_queued_is_no_obstacle(loop):
    gone, stays = loop.mission(step("a")), loop.mission(step("a"))
    loop.do("delete from ops_mission_steps where mission_id = %s", gone)
    assert [w["mission_id"] for w in loop.claim(2)] == [stays]


def test_cancelled_steps_leave_the_queue_and_do_not_lie_in_front_of_others(loop):
    for _ in range(5):
        loop.cancel(loop.mission(step("a")))
    failing = loop.mission(step("a", after=[]), step("b", after=[]))
    (first,) = loop.claim(1)
    loop.fail(first, retryable=False)
    assert loop.steps(failing) == {"a": "failed", "b": "cancelled"}
    mission = loop.mission(step("a"))
    assert [w["mission_id"] for w in loop.claim(1)] == [mission]


def test_a_claim_wakes_the_worker_in_the_books(loop):
    loop.register("w1")
    loop.value("select fn_declare_idle('w1')")
    loop.mission(step("a"))
    loop.claim()
    assert loop.value("select idle from ops_workers") is False


@pytest.mark.parametrize(
    ("worker", "limit", "lease"),
    [
        ("w1", 0, None),
        ("w1", -1, None),
        ("w1", 10001, None),
        ("w1", None, None),
        ("", 1, None),
        (None, 1, None),
        ("w1", 1, 0),
        ("w1", 1, -5),
        ("w1", 1, 86401),
    ],
)
def test_arguments_that_cannot_be_are_ops_018(loop, worker, limit, lease):
    loop.mission(step("a"))
    loop.refused("018", CLAIM, worker, limit, lease)


def test_what_policy_parks_does_not_hide_what_lies_behind_it(loop):
    parked = [loop.mission(step("a")) for _ in range(5)]
    loop.policy("auto_approve", enabled=False)
    behind = loop.approve(loop.propose(step("a"))["proposal_id"])["mission_id"]
    (work,) = loop.claim(2)
    assert work["mission_id"] == behind
    assert [loop.step(mission)["status"] for mission in parked] == ["waiting"] * 5


def test_a_step_without_a_value_for_its_placeholder_does_not_hide_what_lies_behind_it(loop):
    mission = loop.mission(step("a"), step("b", params={"x": "{{steps.a.result.missing}}"}))
    loop.complete(loop.work(mission), {"there": 1})
    behind = loop.mission(step("a"))
    (work,) = loop.claim(1)
    assert work["mission_id"] == behind
    assert loop.status(mission) == "failed"
