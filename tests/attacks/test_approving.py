"""An agent approves what it proposed."""

import json

import pytest
from psycopg import sql
from psycopg.types.json import Jsonb

from logins import sqlstate
from looping import Loop, step

APPROVE = "select * from opsloop.fn_approve_proposal(%s, %s)"
DENIED = "42501"


def test_self_approval(scene, agent):
    proposal = scene.propose()
    for actor in (None, scene.agent_login, "ada", "postgres", "opsloop_operator", "policy"):
        assert sqlstate(agent.conn.execute, APPROVE, (proposal, actor)) == DENIED
    scene.nothing_ran()


def test_self_approval_by_a_login_that_may_decide_on_what_others_proposed(scene):
    both = Loop(scene.people.session("producer", "operator"))
    made = both.propose(scene.command())
    assert sqlstate(both.approve, made["proposal_id"], "somebody else") == "OP015"
    scene.nothing_ran()


def test_self_approval_by_set_role(scene, agent):
    proposal = scene.propose()
    for role in ("opsloop_operator", "opsloop_admin", "postgres"):
        assert sqlstate(agent.do, f"set role {role}") == DENIED
    both = Loop(scene.people.session("producer", "operator"))
    both.do("set role opsloop_producer")
    own = both.propose(scene.command())["proposal_id"]
    both.do("set role opsloop_operator")
    assert sqlstate(both.approve, own) == "OP015"
    assert sqlstate(agent.approve, proposal) == DENIED
    scene.nothing_ran()


def test_self_approval_by_set_session_authorization(scene, agent):
    proposal = scene.propose()
    other = scene.people.make("operator")
    for name in (other, "postgres"):
        assert sqlstate(agent.do, f"set session authorization {name}") == DENIED
    assert sqlstate(agent.approve, proposal) == DENIED
    scene.nothing_ran()


def wrap(owner: Loop, schema: str) -> None:
    """A routine that approves with the rights of its owner, for anybody to call."""
    owner.do(
        f"""create function {schema}.yes(p uuid) returns void language sql security definer
            as $$ select opsloop.fn_approve_proposal(p, 'ada') $$"""
    )
    owner.do(f"grant usage on schema {schema} to public")


@pytest.mark.parametrize("owner", ["producer", "operator", "admin", "the owner of the loop"])
def test_self_approval_by_a_security_definer_wrapper(scene, agent, owner):
    """Whose wrapper it may be: the agent, who called, is the session's user, and that is asked."""
    proposal = scene.propose()
    another = Loop(scene.people.session("producer")).propose(scene.command())["proposal_id"]
    if owner == "the owner of the loop":
        holder = scene.loop
    else:
        name = scene.agent_login if owner == "producer" else scene.people.make(owner)
        scene.loop.conn.execute(
            sql.SQL("create schema wrappers authorization {}").format(sql.Identifier(name))
        )
        holder = Loop(scene.people.open(name))
    if owner == "the owner of the loop":
        scene.loop.do("create schema wrappers")
    wrap(holder, "wrappers")
    for of_whom in (proposal, another):
        assert sqlstate(agent.value, "select wrappers.yes(%s)::text", of_whom) in (DENIED, "OP015")
    scene.nothing_ran()
    scene.loop.do("drop schema wrappers cascade")


def test_self_approval_by_a_path_full_of_look_alikes(scene, agent):
    """Temporary tables, views and routines, and a schema of the agent's own, hold what the loop asks for."""
    scene.loop.conn.execute(
        sql.SQL("create schema evil authorization {}").format(sql.Identifier(scene.agent_login))
    )
    allow = json.dumps({"enabled": True, "allowed_step_kinds": ["*"], "max_risk_level": "high"})
    for place in ("evil", "pg_temp"):
        agent.do(
            f"""create table {place}.ops_policy as
                select 'auto_approve'::text as key, '{allow}'::jsonb as value, 1 as version
                union all select 'worker_policy', '{{"command_allow": [["*", "..."]]}}', 1"""
        )
        agent.do(f"create table {place}.ops_mission_proposals (like opsloop.ops_mission_proposals)")
        agent.do(f"create table {place}.ops_ready (like opsloop.ops_ready)")
        for routine, returns in {
            "_policy(text)": f"jsonb language sql as $$ select '{allow}'::jsonb $$",
            "_assert_may_decide(uuid, text[])": "void language sql as $$ select $$",
            "_is_control_plane()": "boolean language sql as $$ select true $$",
            "_risk_name(smallint)": "text language sql as $$ select 'low' $$",
            "jsonb_array_length(jsonb)": "integer language sql as $$ select 0 $$",
            "fn_gate_proposal(uuid)": "boolean language sql as $$ select true $$",
        }.items():
            agent.do(f"create function {place}.{routine} returns {returns}")
        agent.do(
            f"create operator {place}.> (leftarg = integer, rightarg = integer, function = pg_catalog.int4lt)"
        )
    agent.do("set search_path = evil, pg_temp, opsloop, pg_catalog")
    made = agent.rows("select * from opsloop.fn_create_proposal(%s)", {"steps": [scene.command()]})[0]
    assert made["status"] == "pending"
    assert sqlstate(agent.conn.execute, APPROVE, (made["proposal_id"], "ada")) == DENIED
    scene.nothing_ran()
    scene.loop.do("drop schema evil cascade")


def test_approval_by_votes(scene, agent):
    proposal = scene.propose()
    for role in ("planner", "reviewer", "operator"):
        assert (
            agent.row("select * from fn_cast_vote(%s, %s, 'approve')", proposal, role)["status"] == "voting"
        )
    for person in ("ada", scene.agent_login, "postgres"):
        vote = "select * from fn_cast_vote(%s, %s, 'approve')"
        assert sqlstate(agent.row, vote, proposal, person) == "OP015"
    assert [v["decision"] for v in scene.loop.rows("select decision from ops_proposal_votes")] == [False] * 3
    scene.nothing_ran()


@pytest.mark.parametrize(
    "gone", ["delete from ops_mission_proposals", "update ops_missions set proposal_id = null"]
)
def test_approval_by_retrying_a_held_step_whose_proposal_is_gone(scene, agent, gone):
    """Nobody can be told to be its proposer any more; who may decide at all is asked nevertheless."""
    scene.loop.policy("auto_approve", enabled=True, allowed_step_kinds=["noop"])
    assert agent.propose(step("a"))["status"] == "auto_approved"
    scene.loop.policy("auto_approve", enabled=True, allowed_step_kinds=[])
    scene.work()  # what policy covers no more waits for a person
    (held,) = scene.loop.rows("select id from ops_mission_steps where status = 'waiting'")
    scene.loop.do(gone)
    wrapped = Loop(scene.people.session("worker"))
    scene.loop.do("create schema wrappers")
    for name, call in {"again": "fn_retry_step(s)", "as_done": "fn_resolve_step(s, 'succeeded')"}.items():
        scene.loop.do(
            f"""create function wrappers.{name}(s uuid) returns text language sql security definer
                as $$ select opsloop.{call} $$"""
        )
        scene.loop.do("grant usage on schema wrappers to public")
        for login in (agent, wrapped):
            assert sqlstate(login.value, f"select wrappers.{name}(%s)", held["id"]) == "OP015"
    scene.loop.do("drop schema wrappers cascade")


def test_replaying_an_approval_the_same_proposal_twice(scene, agent):
    proposal = scene.propose()
    scene.operator.approve(proposal)
    scene.work()
    scene.mark.unlink()
    # The same again is a proposal of its own, with the same digest; an approval is no standing order.
    again = scene.propose()
    assert again != proposal
    scene.operator.approve(proposal)
    scene.nothing_ran()
    assert scene.loop.value("select count(*) from ops_missions") == 1


def test_replaying_an_approval_for_another_by_its_dedupe_key(scene, agent):
    harmless = agent.propose(step("a", "http", params={"url": "https://x/"}), key="k")
    scene.operator.approve(harmless["proposal_id"])
    scene.operator.cancel(scene.loop.value("select id from ops_missions"))
    # The key stands for the first proposal: what is given now is not looked at, let alone run.
    answer = agent.propose(scene.command(), key="k")
    assert (answer["proposal_id"], answer["status"]) == (harmless["proposal_id"], "approved")
    scene.nothing_ran()


def test_proposing_under_the_dedupe_key_of_a_step_or_a_reaction_to_come(scene, agent):
    assert sqlstate(agent.propose, scene.command(), key="opsloop:step:" + "0" * 8 + ":1") == "OP018"
    # The key of a pattern is not the agent's to take: the loop proposes beside what the agent did.
    scene.loop.react({"dedupe_key": "again", "template": {"title": "x", "steps": [step("a")]}})
    first = agent.propose(scene.command(), key="again")
    agent.emit()
    scene.nothing_ran()
    assert scene.loop.value("select fn_heartbeat() ->> 'ok'") == "true"
    (reaction,) = scene.loop.reactions()
    assert reaction["proposal_id"] not in (None, first["proposal_id"])
    assert [p["dedupe_key"] for p in scene.loop.proposals()] == ["again", "again"]


def test_setting_the_policy_that_would_allow_it(scene, agent):
    scene.propose()
    for call in (
        "select fn_set_policy('auto_approve', %s)",
        "select _seed_policy('auto_approve', %s)",
        "update ops_policy set value = %s",
    ):
        assert sqlstate(agent.rows, call, {"allowed_step_kinds": ["*"], "max_risk_level": "high"}) == DENIED
    scene.nothing_ran()


def test_a_batch_that_hides_a_command_among_what_is_allowed(scene, agent):
    templates = [{"title": str(n), "steps": [step("a")]} for n in range(5)]
    templates.insert(3, {"title": "3", "steps": [step("a"), scene.command("b")]})
    made = agent.rows("select * from fn_create_proposals(%s)", Jsonb([{"template": t} for t in templates]))
    assert [row["status"] for row in made].count("pending") == 1
    scene.nothing_ran()
