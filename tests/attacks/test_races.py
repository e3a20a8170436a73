"""An agent races the gate."""

from uuid import UUID

import psycopg
import pytest
from psycopg import sql

from logins import sqlstate
from looping import Loop, Row, step
from support import run

READ_COMMITTED, REPEATABLE_READ = "read committed", "repeatable read"


@pytest.fixture
def open_policy(loop):
    """For now, policy approves whatever it is given."""
    loop.allow(max_risk_level="high")


def close_policy(loop: Loop) -> None:
    """From here on nothing may run by itself."""
    loop.policy("auto_approve", enabled=False)


@pytest.mark.parametrize("isolation", [READ_COMMITTED, REPEATABLE_READ])
@pytest.mark.usefixtures("open_policy")
def test_racing_the_gate_policy_tightened_while_proposing(scene, agent, loop, isolation):
    """What the old policy approved, and commits after the new one, is judged again when it is claimed."""
    agent.do(f"begin isolation level {isolation}")
    made = agent.propose(scene.command())
    assert made["status"] == "auto_approved"
    close_policy(loop)
    agent.do("commit")
    scene.nothing_ran()
    assert loop.steps(made["mission_id"]) == {"a": "waiting"}


@pytest.mark.usefixtures("open_policy")
def test_racing_the_gate_with_a_snapshot_from_before_policy_was_tightened(scene, agent, loop):
    agent.do("begin isolation level repeatable read")
    agent.value("select count(*) from ops_policy")
    close_policy(loop)
    made = agent.propose(scene.command())
    assert made["status"] == "auto_approved"  # by the document it sees
    agent.do("commit")
    scene.nothing_ran()
    assert loop.steps(made["mission_id"]) == {"a": "waiting"}


@pytest.mark.usefixtures("open_policy")
def test_racing_the_gate_policy_tightened_between_gate_and_claim(scene, agent, loop):
    made = agent.propose(scene.command())
    close_policy(loop)
    scene.nothing_ran()
    assert loop.steps(made["mission_id"]) == {"a": "waiting"}


@pytest.mark.usefixtures("open_policy")
def test_racing_the_gate_a_parked_step_is_not_retried_by_the_agent(scene, agent, loop):
    made = agent.propose(scene.command())
    close_policy(loop)
    scene.work()
    parked = loop.step(made["mission_id"])["id"]
    assert sqlstate(agent.retry, parked) == "42501"
    scene.loop.conn.execute(sql.SQL("grant opsloop_operator to {}").format(sql.Identifier(scene.agent_login)))
    assert sqlstate(agent.retry, parked) == "OP015"
    assert sqlstate(agent.row, "select fn_resolve_step(%s, 'succeeded')", parked) == "OP015"
    scene.nothing_ran()


def test_racing_the_gate_two_sessions_approve_at_once(scene, loop):
    proposal = scene.propose()
    first, second = scene.operator, Loop(scene.people.session("operator"))
    first.do("begin")
    answer = first.approve(proposal)
    other = run(second.conn, "select * from fn_approve_proposal(%s)", (proposal,))
    loop.sees_blocked(second)
    first.do("commit")
    (same,) = other.result()
    assert same["mission_id"] == answer["mission_id"]
    assert loop.value("select count(*) from ops_missions") == 1
    scene.work()
    assert [r["status"] for r in loop.rows("select status from ops_action_runs")] == ["succeeded"]


def test_racing_the_gate_approval_and_rejection_at_once(scene, loop):
    proposal = scene.propose()
    first, second = scene.operator, Loop(scene.people.session("operator"))
    first.do("begin")
    first.row("select * from fn_reject_proposal(%s)", proposal)
    other = run(second.conn, "select * from fn_approve_proposal(%s)", (proposal,))
    loop.sees_blocked(second)
    first.do("commit")
    with pytest.raises(Exception, match="OPS_014"):
        other.result()
    scene.nothing_ran()


def test_racing_the_gate_a_template_edited_between_approval_and_claim(scene, agent, loop):
    """Even with the owner's rights: what runs was written down when it was approved."""
    made = agent.propose(step("a"))
    edited = {"title": "x", "steps": [scene.command()]}
    loop.do("update ops_mission_proposals set template = %s where id = %s", edited, made["proposal_id"])
    scene.work()
    assert not scene.mark.exists()
    assert loop.steps(made["mission_id"]) == {"a": "succeeded"}


@pytest.mark.parametrize("isolation", [READ_COMMITTED, REPEATABLE_READ])
def test_racing_the_gate_past_a_cap(scene, agent, loop, isolation):
    """Two transactions that do not see each other do not both get the last place."""
    loop.policy("proposal_caps", daily_limit=1, hourly_limit=None, per_source={})
    other = Loop(scene.people.session("producer"))
    for session in (agent, other):
        session.do(f"begin isolation level {isolation}")
        session.value("select count(*) from ops_cap_counters")
    first = agent.propose(step("a"))
    agent.do("commit")
    made: list[Row] = []
    try:
        made.append(other.propose(step("b")))
        other.do("commit")
    except psycopg.errors.SerializationFailure:  # it may be told to try again
        other.do("rollback")
    assert first["status"] == "auto_approved"
    assert [m["status"] for m in made if m["status"] == "auto_approved"] == []
    scene.nothing_ran()


@pytest.mark.parametrize("isolation", [READ_COMMITTED, REPEATABLE_READ])
def test_racing_a_pause_with_a_snapshot_from_before(scene, loop, isolation):
    """A claim sees the pause whatever its transaction saw before."""
    proposal = scene.propose()
    scene.operator.approve(proposal)
    worker = Loop(scene.people.session("worker"))
    worker.do(f"begin isolation level {isolation}")
    worker.value("select count(*) from ops_pauses")
    scene.operator.row("select fn_pause('all', null, 'ada', 'stop')")
    claimed: list[UUID] = []
    try:
        claimed = [row["step_id"] for row in worker.claim()]
        worker.do("commit")
    except psycopg.errors.SerializationFailure:  # it may be told to try again
        worker.do("rollback")
    assert claimed == []
    scene.nothing_ran()
