"""fn_propose_for_step: what a running step wants done next, in the transaction of whoever holds its lease."""

from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.types.json import Jsonb

from looping import Loop, Row, step, template

PROPOSE = "select * from fn_propose_for_step(%s, %s, %s)"
COMMAND = template(step(kind="command", params={"argv": ["true"]}))


@pytest.fixture
def work(loop: Loop) -> Row:
    """A step of an agent that runs; policy lets noop run by itself, and true for whoever is approved."""
    loop.policy("worker_policy", command_allow=[["true"]])
    mission = loop.mission(step("plan", "agent", params={"role": "planner", "prompt": "?"}))
    return loop.work(mission, "plan")


def propose(loop: Loop, work: Row, *templates: Any) -> list[Row]:
    """Propose for a step."""
    return loop.rows(PROPOSE, work["step_id"], work["lease_token"], Jsonb(list(templates)))


def faults(loop: Loop, work: Row, templates: Any) -> list[str]:
    """What is wrong with these templates."""
    return loop.faults("004", PROPOSE, work["step_id"], work["lease_token"], Jsonb(templates))


def test_each_template_is_gated_by_itself_in_the_order_given(loop: Loop, work: Row) -> None:
    made = propose(loop, work, template(), COMMAND)
    assert [(m["ord"], m["status"]) for m in made] == [(1, "auto_approved"), (2, "pending")]
    assert made[0]["mission_id"]
    assert not made[1]["mission_id"]
    assert "command" in made[1]["reason"]


def test_what_it_proposes_has_the_agent_as_its_source_and_an_event_that_leads_back(
    loop: Loop, work: Row
) -> None:
    (made,) = propose(loop, work, template())
    proposal = loop.row("select * from ops_mission_proposals where id = %s", made["proposal_id"])
    event = loop.row("select * from ops_agent_events where id = %s", proposal["event_id"])
    assert (proposal["source"], proposal["depth"]) == ("agent:planner", 1)
    assert (event["type"], event["mission_id"], event["depth"]) == ("step:proposed", work["mission_id"], 1)
    assert event["data"]["step_id"] == str(work["step_id"])
    assert loop.the_mission(made["mission_id"])["depth"] == 1
    assert loop.broken() == []


def test_a_step_proposes_once_and_a_later_attempt_gets_what_the_first_one_proposed(
    loop: Loop, work: Row
) -> None:
    first = propose(loop, work, template(), COMMAND)
    assert loop.fail(work) == "queued"
    loop.advance(600)
    loop.turn()
    (again,) = loop.claim(2, executors=["agent"])
    assert propose(loop, again, template(title="another"), template(), template()) == first
    assert len(loop.proposals()) == 3  # the plan's own, and its two


def test_a_worker_that_lost_the_lease_proposes_nothing(loop: Loop, work: Row) -> None:
    loop.refused("006", PROPOSE, work["step_id"], uuid4(), Jsonb([template()]))
    loop.cancel(work["mission_id"])
    loop.fail(work, retryable=False)
    loop.refused("006", PROPOSE, work["step_id"], work["lease_token"], Jsonb([template()]))


@pytest.mark.parametrize(
    ("templates", "fault"),
    [
        ([], "proposals: must be an array of 1 to 20 templates"),
        ({}, "proposals: must be an array of 1 to 20 templates"),
        ([template()] * 21, "proposals: must be an array of 1 to 20 templates"),
        ([template(), {"steps": []}], "proposals[1].steps: must hold 1 to 10000 steps, not 0"),
        (["deploy"], "proposals[0].template: must be an object"),
        (
            [template(step("a"), step("b", "command", params={"argv": ["echo", "{{steps.a.result.x}}"]}))],
            "proposals[0].steps: {{ may not occur: write out what is to run",
        ),
        (
            [template(title="{{event.data.x}}")],
            "proposals[0].steps: {{ may not occur: write out what is to run",
        ),
    ],
)
def test_what_is_not_an_exact_template_is_named(loop: Loop, work: Row, templates: Any, fault: str) -> None:
    assert fault in faults(loop, work, templates)


def test_missions_that_propose_missions_come_to_an_end(loop: Loop, work: Row) -> None:
    loop.allow("agent", "noop", max_risk_level="high")
    plan = template(step("plan", "agent", params={"role": "planner", "prompt": "?"}))
    for depth in range(1, 6):
        (made,) = propose(loop, work, plan)
        assert loop.the_mission(made["mission_id"])["depth"] == depth
        work = loop.work(made["mission_id"], "plan")
    loop.refused("003", PROPOSE, work["step_id"], work["lease_token"], Jsonb([plan]))


def test_nobody_can_take_the_place_of_what_a_step_will_propose(loop: Loop, work: Row) -> None:
    key = f"opsloop:step:{work['step_id']}:1"
    loop.refused("018", "select fn_create_proposal(%s, 'x', %s)", template(), key)
    (made,) = propose(loop, work, template())
    assert (
        loop.value("select dedupe_key from ops_mission_proposals where id = %s", made["proposal_id"]) == key
    )


def test_proposals_of_one_step_from_two_sessions_are_made_once(connect: Any) -> None:
    loop, other = Loop(connect()), Loop(connect())
    loop.allow("agent", "noop", max_risk_level="high")
    mission: UUID = loop.mission(step("plan", "agent", params={"role": "planner", "prompt": "?"}))
    work = loop.work(mission, "plan")
    with loop.conn.transaction():
        (made,) = propose(loop, work, template())
        other.conn.execute("set lock_timeout = '50ms'")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            propose(other, work, template())
    assert propose(other, work, template()) == [made]
