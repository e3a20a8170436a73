"""An agent goes for the tables."""

import pytest

from logins import sqlstate
from looping import Loop, step

DENIED = "42501"


def test_editing_tables(scene, agent):
    proposal = scene.propose()
    mission = agent.propose(step("x"))["mission_id"]
    for statement in (
        "update ops_mission_proposals set status = 'approved', approved_digest = template_digest",
        "update ops_mission_steps set executor = 'command', kind = 'command'",
        "insert into ops_missions (id, proposal_id) select gen_random_uuid(), id from ops_mission_proposals",
        "insert into ops_mission_steps (mission_id, kind, executor)"
        " values (gen_random_uuid(), 'noop', 'command')",
        "insert into ops_ready (lane, id) select 10, id from ops_mission_steps",
        "insert into ops_proposal_votes (proposal_id, agent_role, vote, decision)"
        " select id, 'ada', 'approve', true from ops_mission_proposals",
        "update ops_policy set value = '{}'",
        "delete from ops_policy_history",
        "delete from ops_cap_counters",
        "truncate ops_audit_log",
        "delete from ops_control_log",
        "merge into ops_missions m using ops_mission_proposals p on m.proposal_id = p.id"
        " when not matched then insert (id, proposal_id) values (gen_random_uuid(), p.id)",
        "update ops_queue set ready = 0",
        "select setval('ops_ready_seq', 1)",
        "select nextval('ops_ready_seq')",
        "copy ops_ready from stdin",
        "select from ops_mission_proposals for update",
        "select from ops_mission_proposals for key share",
        "do 'begin lock table ops_policy in share mode; end'",
        "create trigger t before insert on ops_mission_proposals for each row"
        " execute function suppress_redundant_updates_trigger()",
        "create rule r as on insert to ops_agent_events do instead nothing",
        "create policy p on ops_mission_proposals using (true)",
        "alter table ops_mission_proposals disable row level security",
        "create index on ops_ready (id)",
        "create view opsloop.v as select 1",
        "create function opsloop.f() returns void language sql as 'select'",
        "grant opsloop_operator to current_user",
        "alter function fn_approve_proposal(uuid, text, text) security invoker",
        "comment on table ops_policy is 'x'",
    ):
        assert sqlstate(agent.do, statement) in (DENIED, "55000"), statement
    assert scene.loop.status(mission) == "approved"
    assert (
        scene.loop.row("select status from ops_mission_proposals where id = %s", proposal)["status"]
        == "pending"
    )
    scene.nothing_ran()


def test_row_level_security_cannot_be_turned_off_by_a_session(scene, agent):
    scene.propose()
    agent.do("set row_security = off")
    assert sqlstate(agent.do, "update ops_mission_proposals set status = 'approved'") == DENIED
    # Nor does it turn the loop's own routines: they are the owner's, whom it does not bind.
    assert agent.propose(step("x"))["status"] == "auto_approved"
    scene.nothing_ran()


@pytest.mark.parametrize("group", ["pg_write_all_data", "pg_read_all_data"])
def test_a_login_that_may_write_all_tables_of_the_server_does_not_write_these(scene, group):
    """Such a login is no member of the five, and row level security asks for that."""
    scene.propose()
    strong = Loop(scene.people.session(group))
    before = scene.loop.contents()
    for statement in (
        "update ops_mission_proposals set status = 'approved'",
        "delete from ops_mission_proposals",
        "insert into ops_ready (lane, id) values (10, gen_random_uuid())",
    ):
        sqlstate(strong.do, statement)
    assert scene.loop.contents() == before
    scene.nothing_ran()


def test_a_template_changed_before_it_is_approved(scene, agent, loop):
    """Only who may act as the owner can; the approval is refused, since it would not be for what was proposed."""
    proposal = agent.propose(step("a", "http", params={"url": "https://x/"}))["proposal_id"]
    changed = {"title": "x", "steps": [scene.command()]}
    edit = "update ops_mission_proposals set template = %s where id = %s"
    assert sqlstate(agent.do, edit, changed, proposal) == DENIED
    loop.do(edit, changed, proposal)
    assert sqlstate(scene.operator.approve, proposal) == "OP016"
    loop.do("update ops_mission_proposals set status = 'rejected' where id = %s", proposal)
    scene.work()
    assert not scene.mark.exists()


def test_a_template_changed_after_it_was_approved(scene, agent, loop):
    """What runs are the steps of the moment of the approval, and the difference is found."""
    proposal = agent.propose(step("a"))["proposal_id"]
    changed = {"title": "x", "steps": [scene.command()]}
    loop.do("update ops_mission_proposals set template = %s where id = %s", changed, proposal)
    scene.work()
    assert not scene.mark.exists()
    assert loop.steps(loop.value("select id from ops_missions")) == {"a": "succeeded"}
    assert loop.broken() != []
