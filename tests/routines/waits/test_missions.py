"""Steps of kind mission: each proposes a mission and waits for its end."""

import pytest
from psycopg.types.json import Jsonb

from looping import step, template


def child(key="m", *steps, **fields):
    return step(key, "mission", params=template(*(steps or (step("x"),)), **{"title": "a child", **fields}))


def turns(loop, n=3):
    for _ in range(n):
        loop.turn()


def mission_of(loop, mission, key="m"):
    return loop.value(
        "select m.id from ops_child_missions c join ops_missions m using (proposal_id) where c.step_id = %s",
        loop.step(mission, key)["id"],
    )


def test_a_child_runs_and_its_results_are_the_result(loop):
    mission = loop.mission(step("a"), child("m", step("x"), step("y")), step("b"))
    loop.complete(loop.work(mission))
    assert loop.steps(mission) == {"a": "succeeded", "m": "waiting", "b": "blocked"}
    loop.turn()
    its = mission_of(loop, mission)
    for key in "xy":
        loop.complete(loop.work(its, key), {"of": key})
    turns(loop)
    work = loop.work(mission, "b")
    assert work["inputs"] == {"m": {"x": {"of": "x"}, "y": {"of": "y"}}}
    loop.complete(work)
    assert loop.status(mission) == "succeeded"
    assert loop.value("select count(*) from ops_child_missions") == 0


def test_the_list_of_missions_says_whose_child_each_is(loop):
    mission = loop.mission(child("m", step("x")))
    turns(loop)
    its = mission_of(loop, mission)
    listed = loop.rows("select mission_id, parent_mission_id from fn_list_missions()")
    assert {r["mission_id"]: r["parent_mission_id"] for r in listed} == {its: mission, mission: None}


def test_a_child_is_one_cause_deeper_and_belongs_to_those_who_proposed_its_parent(loop):
    mission = loop.mission(child())
    loop.turn()
    parent, its = loop.proposals()
    assert (its["source"], its["depth"], its["proposed_login"], its["proposers"]) == (
        "step:mission",
        1,
        parent["proposed_login"],
        parent["proposers"],
    )
    cause = loop.row("select * from ops_agent_events where id = %s", its["event_id"])
    assert (cause["type"], cause["mission_id"], cause["emitted_login"]) == ("step:proposed", mission, None)


def test_what_earlier_steps_returned_is_filled_in_and_is_no_placeholder(loop):
    mission = loop.mission(
        step("a"),
        step(
            "m",
            "mission",
            params=template(step("x", params={"n": "{{steps.a.result.n}}"}), title="{{steps.a.result.t}}"),
        ),
    )
    loop.complete(loop.work(mission), {"n": {"deep": 7}, "t": "{{steps.x.result}}"})
    loop.turn()
    its = mission_of(loop, mission)
    assert loop.the_mission(its)["title"] == "{{steps.x.result}}"
    assert loop.work(its, "x")["params"] == {"n": {"deep": 7}}


def test_a_child_is_gated_like_any_proposal(loop):
    loop.allow("noop")
    mission = loop.mission(child("m", step("x", "custom")))
    loop.turn()
    (waiting,) = loop.rows("select * from fn_inbox()")
    (why,) = loop.rows("select * from fn_explain_mission(%s)", mission)
    assert why["reason"] == "mission"
    assert "pending" in why["detail"]
    loop.approve(waiting["id"])
    loop.turn()
    its = mission_of(loop, mission)
    (why,) = list(loop.rows("select * from fn_explain_mission(%s)", mission))
    assert str(its) in why["detail"]
    loop.complete(loop.work(its, "x"))
    turns(loop)
    assert loop.status(mission) == "succeeded"


def test_a_child_that_ended_before_a_heartbeat_saw_it_start_is_not_missed(loop):
    loop.allow("noop")
    mission = loop.mission(child("m", step("x", "custom")))
    loop.turn()
    (waiting,) = loop.rows("select * from fn_inbox()")
    its = loop.approve(waiting["id"])["mission_id"]
    loop.complete(loop.work(its, "x"))
    turns(loop)
    assert loop.status(mission) == "succeeded"


def test_a_rejected_child_fails_its_step(loop):
    loop.allow("noop")
    mission = loop.mission(child("m", step("x", "custom")))
    loop.turn()
    (waiting,) = loop.rows("select * from fn_inbox()")
    loop.rows("select * from fn_reject_proposal(%s, 'ada', 'no')", waiting["id"])
    turns(loop)
    m = loop.step(mission, "m")
    assert (m["status"], m["last_error_code"]) == ("failed", "OPS_048")
    assert "no" in m["last_error"]


def test_a_forbidden_child_fails_its_step(loop):
    loop.policy("worker_policy", command_allow=[])
    mission = loop.mission(child("m", step("x", "command", params={"argv": ["rm", "-rf", "/"]})))
    turns(loop)
    assert loop.step(mission, "m")["last_error_code"] == "OPS_048"


def test_a_failed_child_fails_its_step_and_a_retry_takes_it_when_it_has_been_mended(loop):
    mission = loop.mission(child("m", step("x", max_retries=1)))
    loop.turn()
    its = mission_of(loop, mission)
    loop.fail(loop.work(its, "x"))
    turns(loop)
    m = loop.step(mission, "m")
    assert (m["status"], m["last_error_code"], loop.status(mission)) == ("failed", "OPS_048", "failed")
    loop.retry(loop.step(its, "x")["id"])
    loop.retry(m["id"])
    turns(loop)
    assert len(loop.proposals()) == 2
    loop.complete(loop.work(its, "x"), 1)
    turns(loop)
    assert loop.step(mission, "m")["result"] == {"x": 1}


def test_a_retry_proposes_anew_when_the_child_is_over(loop):
    mission = loop.mission(child("m", step("x", max_retries=1)))
    loop.turn()
    loop.fail(loop.work(mission_of(loop, mission), "x"))
    turns(loop)
    loop.retry(loop.step(mission, "m")["id"])
    loop.turn()
    assert len(loop.proposals()) == 3
    loop.complete(loop.work(mission_of(loop, mission), "x"))
    turns(loop)
    assert loop.status(mission) == "succeeded"


def test_children_are_cancelled_with_their_parent_down_to_the_last(loop):
    mission = loop.mission(child("m", child("n", step("x"))))
    turns(loop)
    its = mission_of(loop, mission)
    grandchild = mission_of(loop, its, "n")
    loop.cancel(mission)
    turns(loop)
    assert {loop.status(m) for m in (mission, its, grandchild)} == {"cancelled"}
    assert loop.claim() == []
    assert loop.value("select count(*) from ops_child_missions") == 0


def test_a_pending_child_is_withdrawn_with_its_parent(loop):
    loop.allow("noop")
    mission = loop.mission(child("m", step("x", "custom")))
    loop.turn()
    loop.cancel(mission)
    turns(loop)
    assert loop.proposals()[1]["status"] == "rejected"
    assert loop.rows("select * from fn_inbox()") == []


def test_a_child_is_cancelled_when_its_step_is_resolved(loop):
    mission = loop.mission(child())
    loop.turn()
    its = mission_of(loop, mission)
    loop.value("select fn_resolve_step(%s, 'succeeded', 'ada')", loop.step(mission, "m")["id"])
    turns(loop)
    assert (loop.status(mission), loop.status(its)) == ("succeeded", "cancelled")


def test_a_cancelled_child_fails_its_step(loop):
    mission = loop.mission(child(), step("b", after=[], run_after=3600))
    loop.turn()
    loop.cancel(mission_of(loop, mission))
    turns(loop)
    assert loop.steps(mission) == {"m": "failed", "b": "cancelled"}


def test_missions_do_not_propose_missions_for_ever(loop):
    nested = step("x")
    for n in range(7):
        nested = child(f"m{n}", nested)
    mission = loop.mission(nested)
    turns(loop, 30)
    assert loop.status(mission) == "failed"
    assert loop.value("select count(*) from ops_mission_steps where last_error_code = 'OPS_003'") == 1
    assert loop.value("select max(depth) from ops_mission_proposals") == 5


def test_a_child_over_a_cap_waits_for_its_window(loop):
    mission = loop.mission(child())
    loop.policy("proposal_caps", daily_limit=1)
    turns(loop)
    assert [p["status"] for p in loop.proposals()] == ["auto_approved", "pending"]
    assert loop.steps(mission) == {"m": "waiting"}
    loop.policy("proposal_caps", daily_limit=2)
    turns(loop)
    loop.complete(loop.work(mission_of(loop, mission), "x"))
    turns(loop)
    assert loop.status(mission) == "succeeded"


def test_a_lost_timer_of_an_ended_child_is_found_by_the_sweep(loop):
    mission = loop.mission(child())
    loop.turn()
    loop.complete(loop.work(mission_of(loop, mission), "x"))
    loop.do("delete from ops_timers")
    assert "no timer is set" in str(loop.broken())
    loop.advance(120)
    turns(loop, 4)
    assert loop.status(mission) == "succeeded"


def test_results_that_are_too_large_together_fail_the_step(loop):
    mission = loop.mission(child("m", step("x"), step("y", after=[])))
    loop.turn()
    loop.value("select fn_set_policy('size_limits', %s)", {"result_bytes": 2000})
    its = mission_of(loop, mission)
    for work in loop.claim(2):
        loop.complete(work, "z" * 1500)
    assert loop.status(its) == "succeeded"
    turns(loop)
    assert loop.step(mission, "m")["last_error_code"] == "OPS_045"


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({}, "steps[1].params.steps: must be an array"),
        ({"steps": [{"kind": "noop", "x": 1}]}, "steps[1].params.steps[0].x: unknown field"),
        ({"steps": [step("x", after=["y"])]}, "params.steps[0].depends_on: 'y' is not a step"),
        ({"steps": [{"kind": "{{steps.a.result.kind}}"}]}, "params of its steps only"),
        (
            {"steps": [step("x", "sql", params={"statement": "{{steps.a.result.sql}}"})]},
            "sql takes placeholders",
        ),
        (
            {
                "steps": [
                    step(
                        "n",
                        "mission",
                        params={"steps": [step("x", "command", params={"argv": ["{{steps.a.result}}"]})]},
                    )
                ]
            },
            "the program of a command cannot be a placeholder",
        ),
        ({"steps": [step("x", params={"n": "{{steps.b.result}}"})]}, "'b' is not a step of this template"),
    ],
)
def test_a_faulty_child_is_refused_with_its_parent(loop, params, said):
    proposed = Jsonb({"steps": [step("a"), step("m", "mission", params=params)]})
    assert said in "\n".join(loop.faults("004", "select * from fn_create_proposal(%s)", proposed))


def test_a_child_that_turns_out_to_be_faulty_fails_its_step(loop):
    its = template(step("x"), title="{{steps.a.result}}")
    mission = loop.mission(step("a"), step("m", "mission", params=its))
    loop.complete(loop.work(mission), "z" * 2000)
    turns(loop)
    assert loop.step(mission, "m")["last_error_code"] == "OPS_004"
