"""Forged leases, and steps that are somebody else's."""

from uuid import uuid4

import pytest
from psycopg.types.json import Jsonb

from logins import sqlstate
from looping import Loop, step

DENIED = "42501"


@pytest.fixture
def running(scene, agent):
    """A step that a worker has claimed; it goes on until that worker says so."""
    agent.propose(step("a"), step("b", after=["a"]))
    (work,) = Loop(scene.people.session("worker")).claim()
    return work


def test_forged_lease_tokens(scene, loop, running):
    """A worker that has no lease changes nothing, whatever token it makes up."""
    forger = Loop(scene.people.session("worker"))
    before = loop.step(running["mission_id"])
    for token in (uuid4(), running["step_id"], running["mission_id"]):
        forged = {**running, "lease_token": token}
        assert forger.complete(forged, {"forged": True}) == "OPS_006"
        assert forger.fail(forged, "forged", retryable=False) == "OPS_006"
        assert sqlstate(forger.rows, "select fn_assert_lease(%s, %s)", running["step_id"], token) == "OP006"
        assert forger.release(forged) == ["OPS_006"]
        assert [row["ok"] for row in forger.extend(forged)] == [False]
        propose = "select * from fn_propose_for_step(%s, %s, %s)"
        given = Jsonb([{"title": "x", "steps": [scene.command()]}])
        assert sqlstate(forger.conn.execute, propose, (running["step_id"], token, given)) == "OP006"
    after = loop.step(running["mission_id"])
    assert {k: v for k, v in after.items() if k != "updated_at"} == {
        k: v for k, v in before.items() if k != "updated_at"
    }
    scene.nothing_ran()


def test_completing_somebody_elses_step(scene, agent, loop, running):
    """Who reads the table sees the token; an agent may not say a word with it."""
    seen = agent.row("select id as step_id, lease_token from ops_mission_steps where key = 'a'")
    assert seen["lease_token"] == running["lease_token"]
    for call in (
        "select fn_complete_step(%(step_id)s, %(lease_token)s)",
        "select fn_fail_step(%(step_id)s, %(lease_token)s, 'x')",
        "select fn_assert_lease(%(step_id)s, %(lease_token)s)",
        "select * from fn_propose_for_step(%(step_id)s, %(lease_token)s, '[]')",
        "select * from fn_claim_steps('w')",
        "select fn_register_worker('w')",
        "select * from fn_release_steps('w', '[]')",
        "select * from fn_extend_leases('w', '[]')",
        "select fn_disown_steps('w', '{}')",
    ):
        assert sqlstate(agent.conn.execute, call, seen) == DENIED, call
    # Nor does a worker with the token of another step of its own.
    other = Loop(scene.people.session("worker"))
    agent.propose(step("x"))
    (own,) = other.claim()
    assert other.complete({**running, "lease_token": own["lease_token"]}) == "OPS_006"
    assert loop.steps(running["mission_id"]) == {"a": "running", "b": "blocked"}


def test_claiming_as_a_worker_then_resolving(scene, loop):
    """Who runs steps does not decide on them: what is parked waits for a person."""
    loop.allow(max_risk_level="high")
    worker = Loop(scene.people.session("worker"))
    made = worker.propose(scene.command())
    loop.policy("auto_approve", enabled=False)
    assert worker.claim() == []
    parked = loop.step(made["mission_id"])
    assert parked["status"] == "waiting"
    for call in (
        "select fn_resolve_step(%s, 'succeeded')",
        "select fn_retry_step(%s)",
        "select * from fn_approve_proposal(%s)",
        "select fn_cancel_mission(%s)",
        "update ops_mission_steps set status = 'queued' where id = %s",
    ):
        assert sqlstate(worker.rows, call, parked["id"]) == DENIED, call
    scene.nothing_ran()


def test_reporting_events_that_look_like_the_loops_own(scene, loop, running):
    """Neither by themselves nor beside a result."""
    worker = Loop(scene.people.session("worker"))
    loop.react({"event_type": "mission:*", "template": {"title": "x", "steps": [step("z")]}})
    for kind in ("mission:succeeded", "step:noop:succeeded", "proposal:pending", "heartbeat:failure"):
        assert sqlstate(worker.emit, kind) == "OP019"
        assert sqlstate(worker.complete, running, None, events=[{"type": kind}]) == "OP019"
    scene.nothing_ran()
    assert loop.reactions() == []


def test_emitting_events_that_look_like_the_loops_own(scene, agent, loop):
    loop.react({"event_type": "*", "template": {"title": "x", "steps": [step("z")]}})
    for kind in ("mission:succeeded", "step:command:succeeded", "proposal:pending", "heartbeat:success"):
        assert sqlstate(agent.emit, kind) == "OP019"
        batch = Jsonb([{"type": "harmless"}, {"type": kind}])
        assert sqlstate(agent.conn.execute, "select fn_emit_events(%s)", (batch,)) == "OP019"
    scene.nothing_ran()
    assert loop.reactions() == []


def test_an_event_in_the_name_of_somebody_elses_mission(scene, agent, loop):
    """It may say so, as any claim; the login is beside it, and the depth only rises."""
    mission = agent.propose(step("a"))["mission_id"]
    agent.emit("found:it", mission=mission)
    (event,) = loop.events("found:it")
    assert (event["emitted_login"], event["depth"]) == (scene.agent_login, 1)
