"""An agent makes a command look like something else."""

import json

import pytest

from logins import sqlstate
from looping import Loop, step, template


@pytest.fixture
def lenient(loop):
    """Policy approves every kind by itself, as long as the risk is low."""
    loop.allow()


def test_lowered_risk(scene, agent, lenient):
    for fields in ({"risk_level": "low"}, {"risk_level": "low", "priority": 9, "title": "low"}):
        made = agent.propose(scene.command(), **fields)
        assert (made["status"], "high" in made["reason"]) == ("pending", True)
    for faulty in ({"risk_level": "none"}, {"risk_level": 0}, {"risk": "low"}):
        assert sqlstate(agent.propose, scene.command(), **faulty) == "OP004"
    for faulty in ({"risk_level": "low"}, {"approved": True}, {"approved_digest": "x"}):
        assert sqlstate(agent.propose, scene.command(**faulty)) == "OP004"
    scene.nothing_ran()


def test_kind_and_executor_do_not_match(scene, agent):
    params = scene.command()["params"]
    pairs = [("noop", "command"), ("radar", "command"), ("noop", "openclaw"), ("command", "openclaw")]
    for kind, executor in pairs:
        for risk in ("low", "medium"):
            made = agent.propose(step("a", kind, executor=executor, params=params), risk_level=risk)
            assert made["status"] in ("pending", "rejected"), (kind, executor)
    scene.nothing_ran()


def test_an_executor_that_only_looks_like_another(scene, agent):
    """It is another, or none: nobody runs it as a command."""
    alike = ["Command", "COMMAND", "command ", " command", "\uff43ommand", "command\u200b", "com\u00admand"]
    for executor in alike:
        given = step("a", "noop", executor=executor, params=scene.command()["params"])
        if sqlstate(agent.propose, given) != "OP004":
            assert scene.loop.proposals()[-1]["status"] == "pending", executor
    scene.nothing_ran()


def test_an_idea_for_the_radar_stays_one(scene, agent):
    agent.propose(step("a", "radar", params={"ideas": [{"title": "touch", **scene.command()}]}))
    scene.nothing_ran()


def test_placeholder_smuggling_in_the_data_of_an_event(scene, agent, loop):
    """Data goes to where the pattern has a place for it, as data: nothing in it is read again."""
    loop.react({"template": template(step("a", params={"note": "{{event.data.note}}"}), title="n")})
    notes = [
        "{{event.data.note}}",
        "{{steps.a.result}}",
        '", "executor": "command", "x": "',
        {"executor": "command", "params": scene.command()["params"]},
        [scene.command()],
        "{{event.data.{{event.data.note}}}}",
    ]
    for note in notes:
        agent.emit(data={"note": note, "steps": [scene.command()], "template": template(scene.command())})
    scene.nothing_ran()
    done = loop.rows("select params, executor, status from ops_mission_steps order by id")
    assert [row["params"] for row in done] == [{"note": note} for note in notes]
    assert {(row["executor"], row["status"]) for row in done} == {("noop", "succeeded")}


def test_a_pattern_never_lets_data_say_what_runs(loop):
    for field in ("kind", "executor"):
        hole = {**step("a"), field: "{{event.data.what}}"}
        assert sqlstate(loop.react, {"template": template(hole)}) == "OP017"


def test_a_pattern_never_lets_data_say_which_program_runs(loop):
    hole = step("a", "command", params={"argv": ["{{event.data.what}}", "x"]})
    assert sqlstate(loop.react, {"template": template(hole)}) == "OP017"
    part = step("a", "command", params={"argv": ["touch", "--x={{event.data.what}}"]})
    assert sqlstate(loop.react, {"template": template(part)}) == "OP017"


def test_placeholder_smuggling_in_a_proposal(scene, agent):
    for text in ("{{event.data.x}}", "{{steps.nowhere.result}}", "{{steps.a.result}}", "{{policy.x}}"):
        given = step("a", "command", params={"argv": ["touch", text]})
        assert sqlstate(agent.propose, given) == "OP004"
    scene.nothing_ran()


def test_placeholder_smuggling_in_the_result_of_a_step(scene, agent, loop):
    """What a result brings is filled in once, as text, and judged again before it runs."""
    made = agent.propose(
        step("a"), step("b", "command", params={"argv": ["touch", "{{steps.a.result.file}}"]}, after=["a"])
    )
    scene.operator.approve(made["proposal_id"])
    loop.policy("worker_policy", command_allow=[["touch", "harmless"]])
    worker = Loop(scene.people.session("worker"))
    (work,) = worker.claim(executors=["noop"])
    worker.complete(work, {"file": str(scene.mark), "next": "{{steps.a.result.file}}"})
    scene.nothing_ran()
    (parked,) = loop.rows("select status, wait_reason from ops_mission_steps where key = 'b'")
    assert (parked["status"], "command_allow" in parked["wait_reason"]) == ("waiting", True)


def test_a_result_full_of_placeholders_is_only_text(scene, agent, loop):
    made = agent.propose(
        step("a"), step("b", params={"note": "{{steps.a.result}}"}, after=["a"]), step("c", after=["b"])
    )
    assert made["status"] == "auto_approved"
    worker = Loop(scene.people.session("worker"))
    (work,) = worker.claim()
    smuggled = {"x": "{{steps.b.result}}", "executor": "command", **scene.command()["params"]}
    worker.complete(work, smuggled)
    (work,) = worker.claim()
    assert (work["key"], work["run_with"], work["params"]) == ("b", "noop", {"note": smuggled})
    worker.complete(work)
    scene.nothing_ran()


def test_a_template_with_the_same_key_twice(scene, agent):
    """The last one counts, for the gate as for the claim: jsonb keeps no other."""
    params = json.dumps(scene.command()["params"])
    harmless = '{"kind": "noop", "executor": "command", "executor": "noop"}'
    hidden = f'{{"kind": "noop", "executor": "noop", "executor": "command", "params": {params}}}'
    twice = f'{{"title": "x", "steps": [{harmless}], "steps": [{hidden}]}}'
    row = agent.row("select * from fn_create_proposal(%s::text::jsonb)", twice)
    assert row["status"] == "pending"
    scene.nothing_ran()
