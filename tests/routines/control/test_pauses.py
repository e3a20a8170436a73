"""Pauses: what they cover does not start, what they do not goes on, and resuming brings all of it back."""

import json

import pytest

from looping import step

PAUSE = "select fn_pause(%s, %s, 'ada', 'a reason')"
RESUME = "select fn_resume(%s, %s, 'ada', 'done')"


@pytest.fixture
def stop(loop):
    """Pauses."""
    return lambda scope, target=None: loop.value(PAUSE, scope, None if target is None else str(target))


@pytest.fixture
def go(loop):
    """Resumes."""
    return lambda scope, target=None: loop.value(RESUME, scope, None if target is None else str(target))


@pytest.fixture
def covered(loop):
    """A mission for every scope that a pause can have, and one beside it that no such pause covers."""
    loop.allow()
    mission = loop.mission(
        step("a", kind="deploy", executor="custom", params={"role": "planner"}), source="shop"
    )
    other = loop.mission(step("a", kind="noop", params={"role": "critic"}), source="desk")
    return {
        "mission": mission,
        "other": other,
        "targets": {"all": None, "executor": "custom", "kind": "deploy", "source": "shop", "agent": "planner"}
        | {"mission": mission},
    }


def keys(claimed):
    return [work["mission_id"] for work in claimed]


@pytest.mark.parametrize("scope", ["executor", "kind", "source", "agent", "mission"])
def test_what_a_pause_covers_does_not_start_and_what_lies_behind_it_does(loop, covered, stop, go, scope):
    target = covered["targets"][scope]
    done = stop(scope, target)
    assert (done["scope"], done["target"], done["changed"], done["ready"]) == (scope, str(target), True, 1)
    assert keys(loop.claim(10)) == [covered["other"]]
    assert loop.claim(10) == []
    assert loop.broken() == []
    assert go(scope, target)["changed"]
    assert keys(loop.claim(10)) == [covered["mission"]]
    assert loop.broken() == []


def test_a_pause_of_all_lets_nothing_start_but_all_else_go_on(loop, covered, stop, go):
    (running,) = loop.claim(1, executors=["custom"])
    assert stop("all")["ready"] == 1
    assert loop.claim(10) == []
    assert loop.extend(running)[0]["ok"]
    assert loop.complete(running) == "accepted"
    loop.react({})
    loop.emit()
    assert loop.turn()["reactionResult"]["created"] == 1
    assert loop.mission(step("a")) is not None
    assert loop.claim(10) == []
    assert go("all")["changed"]
    assert len(loop.claim(10)) == 3
    assert loop.broken() == []


def test_a_paused_executor_keeps_its_steps_in_the_queue(loop, covered, stop):
    stop("executor", "custom")
    loop.turn()
    assert loop.step(covered["mission"])["status"] == "queued"
    assert loop.value("select count(*) from ops_parked_steps") == 0


def test_a_paused_command_pauses_the_presets_that_run_as_one(loop, stop, go):
    loop.policy("worker_policy", presets={"minion": {"argv": ["true"]}}, command_allow=[["true"]])
    mission = loop.mission(step("a", kind="minion"))
    assert stop("executor", "command")["ready"] == 1
    assert loop.claim(1) == []
    go("executor", "command")
    assert keys(loop.claim(1)) == [mission]


def test_a_parked_step_says_which_pause_it_waits_for(loop, covered, stop):
    stop("kind", "deploy")
    loop.claim(10)
    parked = loop.step(covered["mission"])
    assert (parked["status"], parked["wait_reason"]) == ("waiting", "paused: kind deploy: a reason")
    assert loop.row("select step_id, waits_for, scope, target, code from ops_parked_steps") == {
        "step_id": parked["id"],
        "waits_for": "pause",
        "code": None,
        "scope": "kind",
        "target": "deploy",
    }
    assert loop.rows("select scope, target, reason, paused_by, kill, parked from fn_list_pauses()") == [
        {
            "scope": "kind",
            "target": "deploy",
            "reason": "a reason",
            "paused_by": "ada",
            "kill": False,
            "parked": 1,
        }
    ]


def test_the_source_of_an_agent_counts_as_the_agent(loop, stop):
    loop.allow()
    mission = loop.mission(step("a"), source="agent:planner")
    assert stop("agent", "planner")["ready"] == 1
    assert loop.claim(1) == []
    assert loop.step(mission)["status"] == "waiting"


@pytest.mark.parametrize("role", ["planner", "{{steps.a.result.who}}"])
def test_the_role_of_a_preset_counts_though_its_command_says_it_otherwise(loop, stop, role):
    loop.allow()
    loop.policy(
        "worker_policy",
        presets={"minion": {"argv": ["ask", "{{params.role}}"]}},
        command_allow=[["ask", "*"]],
    )
    mission = loop.mission(step("a"), step("b", kind="minion", params={"role": role}))
    stop("agent", "planner")
    loop.complete(loop.work(mission), {"who": "planner"})
    assert loop.claim(1) == []
    assert loop.step(mission, "b")["wait_reason"] == "paused: agent planner: a reason"


def test_a_role_that_is_filled_in_when_the_step_is_claimed_counts(loop, stop):
    loop.allow()
    mission = loop.mission(step("a"), step("b", params={"role": "{{steps.a.result.who}}"}))
    stop("agent", "planner")
    loop.complete(loop.work(mission), {"who": "planner"})
    assert loop.claim(1) == []
    assert loop.step(mission, "b")["wait_reason"] == "paused: agent planner: a reason"


def test_the_steps_of_a_paused_mission_are_parked_at_once(loop, stop, go):
    mission = loop.mission(*(step(k, after=[]) for k in "abc"), step("d", after=["a", "b", "c"]))
    (running,) = loop.claim(1)
    done = stop("mission", mission)
    assert (done["ready"], done["parked"]) == (2, 2)
    assert sorted(loop.steps(mission).values()) == ["blocked", "running", "waiting", "waiting"]
    assert loop.complete(running) == "accepted"
    assert go("mission", mission)["requeued"] == 2
    for work in loop.claim(10):
        loop.complete(work)
    loop.complete(loop.work(mission, "d"))
    assert loop.status(mission) == "succeeded"


def test_what_comes_later_is_caught_by_the_claim(loop, stop):
    loop.allow()
    stop("kind", "noop")
    mission = loop.mission(step("a"))
    assert loop.step(mission)["status"] == "queued"
    assert loop.claim(1) == []
    assert loop.step(mission)["status"] == "waiting"
    assert loop.broken() == []


def test_what_is_unblocked_under_a_pause_is_caught_by_the_claim(loop, stop):
    mission = loop.mission(step("a"), step("b"))
    work = loop.work(mission)
    stop("mission", mission)
    loop.complete(work)
    assert loop.steps(mission)["b"] == "queued"
    assert loop.claim(1) == []
    assert loop.steps(mission)["b"] == "waiting"


def test_a_retry_that_comes_due_under_a_pause_is_caught_by_the_claim(loop, stop, go):
    mission = loop.mission(step("a"))
    loop.fail(loop.work(mission), after=5)
    stop("mission", mission)
    loop.advance(6)
    loop.turn()
    assert loop.claim(1) == []
    assert loop.step(mission)["status"] == "waiting"
    assert go("mission", mission)["requeued"] == 1
    assert loop.work(mission)["attempt"] == 2


def test_paused_work_never_lies_in_front_of_work_that_can_run(loop, stop):
    loop.allow()
    loop.policy("proposal_caps", daily_limit=None)
    batch = json.dumps(
        [{"template": {"title": "x", "steps": [{"kind": "deploy", "executor": "noop"}]}}] * 300
    )
    loop.do("select fn_create_proposals(%s)", batch)
    mission = loop.mission(step("a"))
    stop("kind", "deploy")
    assert loop.claim(1) == []  # ten takes of one
    assert keys(loop.claim(1)) == [mission]  # the first claim has cleared the way
    assert loop.value("select count(*) from ops_parked_steps") == 300
    assert loop.broken() == []


def test_the_heartbeat_parks_what_lies_in_front(loop, covered, stop):
    stop("kind", "deploy")
    loop.turn()
    assert loop.step(covered["mission"])["status"] == "waiting"
    assert loop.step(covered["other"])["status"] == "queued"


def test_of_two_pauses_the_other_still_holds(loop, covered, stop, go):
    stop("kind", "deploy")
    loop.turn()
    stop("source", "shop")
    done = go("kind", "deploy")
    assert (done["requeued"], done["still_paused"], done["remaining"]) == (0, 1, 0)
    assert loop.step(covered["mission"])["wait_reason"] == "paused: source shop: a reason"
    assert loop.broken() == []
    assert go("source", "shop")["requeued"] == 1
    assert covered["mission"] in keys(loop.claim(10))


def test_a_step_that_a_person_cancelled_meanwhile_is_left_alone(loop, covered, stop, go):
    stop("kind", "deploy")
    loop.turn()
    loop.cancel(covered["mission"])
    assert go("kind", "deploy")["requeued"] == 0
    assert loop.steps(covered["mission"]) == {"a": "cancelled"}
    assert loop.value("select count(*) from ops_parked_steps") == 0
    assert loop.broken() == []


def test_resuming_forgets_steps_that_are_gone(loop, covered, stop, go):
    stop("kind", "deploy")
    loop.turn()
    loop.do("delete from ops_mission_steps where mission_id = %s", covered["mission"])
    assert go("kind", "deploy")["remaining"] == 0


def test_a_paused_step_cannot_be_retried_but_a_person_may_say_how_it_ended(loop, covered, stop):
    stop("kind", "deploy")
    loop.turn()
    parked = loop.step(covered["mission"])["id"]
    refused = loop.refused("014", "select fn_retry_step(%s)", parked)
    assert "fn_resume('kind', 'deploy')" in refused.message_hint
    assert loop.value("select fn_resolve_step(%s, 'succeeded', 'ada')", parked) == "succeeded"
    assert loop.status(covered["mission"]) == "succeeded"
    assert loop.broken() == []


def test_a_paused_step_set_to_queued_by_hand_is_parked_again(loop, covered, stop, go):
    stop("kind", "deploy")
    loop.turn()
    loop.queue_by_hand(loop.step(covered["mission"])["id"])
    loop.turn()
    assert loop.claim(1, executors=["custom"]) == []
    assert loop.step(covered["mission"])["status"] == "waiting"
    assert go("kind", "deploy")["requeued"] == 1
    assert loop.broken() == []


def test_twice_the_same_changes_nothing(loop, covered, stop, go):
    stop("kind", "deploy")
    loop.turn()
    before = loop.contents()
    assert stop("kind", "deploy")["changed"] is False
    assert loop.contents() == before
    assert go("kind", "deploy")["changed"] is True
    before = loop.contents()
    assert go("kind", "deploy")["changed"] is False
    assert loop.contents() == before


def test_what_nobody_has_seen_yet_may_be_paused(loop, stop):
    for scope in ("executor", "kind", "source", "agent"):
        assert stop(scope, "to come")["ready"] == 0


def test_who_paused_and_who_resumed_is_written_down_with_the_login(loop, stop, go):
    stop("executor", "http")
    go("executor", "http")
    login = loop.value("select session_user")
    assert loop.rows(
        "select action, scope, target, actor, login, reason from ops_control_log order by id"
    ) == [
        {"action": a, "scope": "executor", "target": "http", "actor": "ada", "login": login, "reason": r}
        for a, r in (("pause", "a reason"), ("resume", "done"))
    ]


@pytest.mark.parametrize(
    ("code", "scope", "target"),
    [
        ("018", "everything", None),
        ("018", None, None),
        ("018", "all", "x"),
        ("018", "kind", None),
        ("018", "kind", ""),
        ("018", "mission", "x"),
        ("012", "mission", "6f9619ff-8b86-4d01-b42d-00c04fc964ff"),
    ],
)
def test_a_pause_of_what_cannot_be_is_refused(loop, code, scope, target):
    loop.refused(code, PAUSE, scope, target)
    if code == "018":
        loop.refused(code, RESUME, scope, target)


def test_the_id_of_a_mission_may_be_written_in_capitals(loop, stop, go):
    mission = loop.mission(step("a"))
    assert stop("mission", str(mission).upper())["target"] == str(mission)
    assert loop.claim(1) == []
    assert go("mission", str(mission).upper())["requeued"] == 1


def test_a_waiting_step_of_which_nobody_knows_why_is_found_by_the_sweep_and_waits_for_a_person(
    loop, covered, stop, go
):
    """Whatever its sentence says: it may be one that must not run twice."""
    stop("kind", "deploy")
    loop.turn()
    loop.do("delete from ops_parked_steps")
    loop.do("delete from ops_pauses")
    (broken,) = loop.broken()
    assert broken["detail"].startswith("waiting, but ops_parked_steps does not say what for")
    loop.turn()
    loop.turn()
    assert loop.broken() == []
    assert keys(loop.claim(10)) == [covered["other"]]
    (entry,) = loop.rows("select id from fn_inbox()")
    loop.retry(entry["id"])
    assert keys(loop.claim(10)) == [covered["mission"]]


@pytest.mark.parametrize("text", ["OPS_010: outcome unknown", "OPS_003: nobody", "", None])
def test_whatever_its_sentence_says_a_paused_step_stays_what_it_is(loop, covered, stop, go, text):
    stop("kind", "deploy")
    loop.turn()
    loop.do("update ops_mission_steps set wait_reason = %s where status = 'waiting'", text)
    loop.turn()
    assert loop.broken() == []
    parked = loop.step(covered["mission"])["id"]
    assert loop.rows("select from fn_inbox()") == []
    loop.refused("014", "select fn_retry_step(%s)", parked)
    assert "pause" in {r["reason"] for r in loop.rows("select reason from fn_explain_step(%s)", parked)}
    assert go("kind", "deploy")["requeued"] == 1
    assert loop.steps(covered["mission"]) == {"a": "queued"}


def test_a_pause_counts_what_it_covers_also_where_an_older_one_does(loop, covered, stop):
    stop("kind", "deploy")
    assert stop("source", "shop")["ready"] == 1


def parked_before(loop, many):
    """Steps of kind deploy that a pause has parked, each of a mission of its own."""
    loop.do(
        f"""with m as (
              insert into ops_missions (id, status, steps_total, steps_open)
              select gen_random_uuid(), 'approved', 1, 1 from generate_series(1, {many}) returning id),
            s as (
              insert into ops_mission_steps (mission_id, key, kind, executor, status, wait_reason)
              select id, 'a', 'deploy', 'noop', 'waiting', 'paused: kind deploy: a reason' from m returning id)
            insert into ops_parked_steps (step_id, waits_for, scope, target)
            select id, 'pause', 'kind', 'deploy' from s"""
    )


def test_many_parked_steps_come_back_in_bounded_calls(loop, stop, go):
    many = 20_500
    loop.policy("proposal_caps", daily_limit=None)
    mission = loop.mission(step("a"))
    parked_before(loop, many)
    stop("kind", "deploy")
    done = go("kind", "deploy")
    assert (done["requeued"], done["remaining"]) == (10_000, 10_500)
    loop.turn()
    assert loop.value("select count(*) from ops_parked_steps") == 500
    assert go("kind", "deploy")["requeued"] == 500
    assert loop.value("select count(*) from ops_ready where lane >= 10") == many + 1
    assert keys(loop.claim(1)) == [mission]


@pytest.mark.parametrize(
    "other", [("source", "nobody"), ("kind", "deploy")], ids=["free", "paused-otherwise"]
)
def test_steps_come_back_by_their_keys_whatever_statistics_say(loop, stop, other):
    """Tables analyzed while they held nothing but dead rows count as having one row, however many come afterwards."""
    for table in ("ops_mission_steps", "ops_parked_steps", "ops_ready"):
        loop.do(f"reindex table {table}")  # without what other tests left dead, which is walked over, too
    parked_before(loop, 40_000)
    loop.do(
        "update pg_class set reltuples = 0, relpages = 10 where oid = any (array["
        "'ops_missions', 'ops_mission_steps', 'ops_parked_steps', 'ops_mission_proposals', 'ops_ready']::regclass[])"
    )
    stop(*other)
    (plan,) = loop.value(
        "explain (analyze, buffers, format json) select * from _resume_steps('kind', 'deploy', 1000)"
    )
    assert plan["Plan"]["Shared Hit Blocks"] + plan["Plan"]["Shared Read Blocks"] < 60 * 1000


def test_what_runs_is_listed(loop):
    mission = loop.mission(step("a", after=[]), step("b", after=[]))
    (work, other) = loop.claim(2)
    loop.extend(work)
    loop.complete(other)
    (running,) = loop.rows("select * from fn_list_running()")
    assert (running["step_id"], running["worker_id"], running["mission_id"]) == (
        work["step_id"],
        "w1",
        mission,
    )
    loop.refused("018", "select * from fn_list_running(0)")
