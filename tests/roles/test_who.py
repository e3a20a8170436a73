"""Beside every actor, who is a claim, stands the login, and duties are separated by the login."""

import pytest
from psycopg.types.json import Jsonb

from logins import sqlstate
from looping import Loop, step, template

HTTP = step("a", "http", params={"url": "https://x/"})
APPROVE = "select * from fn_approve_proposal(%s, 'ada')"
VOTE = "select * from fn_cast_vote(%s, %s, 'approve')"


@pytest.fixture
def pending(loop):
    return loop.propose(HTTP)["proposal_id"]


# Who proposed what a reaction made


def test_who_emitted_the_event_proposed_what_came_of_it_not_who_ran_the_heartbeat(loop, people):
    loop.react({"template": template(HTTP)})
    producer = people.make("producer")
    operator = people.make("operator")
    Loop(people.open(producer)).emit()
    assert Loop(people.open(operator)).heartbeat()["ok"]
    assert Loop(people.open(operator)).heartbeat()["ok"]
    (event,) = loop.events("signal")
    (proposal,) = loop.proposals()
    assert event["emitted_login"] == producer
    assert (proposal["source"], proposal["status"], proposal["proposed_login"]) == (
        "trigger",
        "pending",
        producer,
    )
    # The operator turned the loop, and may decide.
    assert Loop(people.open(operator)).approve(proposal["id"])["status"] == "approved"


def test_nobody_approves_what_his_own_event_led_to(loop, people):
    loop.react({"template": template(HTTP)})
    both = Loop(people.session("producer", "operator"))
    both.emit()
    both.heartbeat()
    both.heartbeat()
    (proposal,) = loop.proposals()
    assert sqlstate(both.approve, proposal["id"]) == "OP015"
    assert loop.approve(proposal["id"])["status"] == "approved"


def test_what_an_event_of_the_loop_led_to_nobody_proposed(loop, people):
    loop.allow()
    loop.react({"event_type": "mission:succeeded", "template": template(HTTP, risk_level="high")})
    operator = Loop(people.session("operator"))
    mission = loop.mission(step("a"))
    loop.complete(loop.work(mission))
    operator.heartbeat()
    operator.heartbeat()
    (proposal,) = [p for p in loop.proposals() if p["source"] == "trigger"]
    assert (proposal["status"], proposal["proposed_login"]) == ("pending", None)
    assert (
        "a person must decide:"
        in loop.rows("select * from fn_explain_proposal(%s)", proposal["id"])[0]["detail"]
    )
    assert operator.approve(proposal["id"])["status"] == "approved"


def test_an_event_that_a_step_brings_along_carries_the_login_of_its_worker(loop, people):
    name = people.make("worker")
    worker = Loop(people.open(name))
    mission = loop.mission(step("a"))
    worker.complete(worker.work(mission), None, events=[{"type": "found:it"}])
    assert [e["emitted_login"] for e in loop.events("found:it")] == [name]
    assert {e["emitted_login"] for e in loop.events("mission:%")} == {None}


# Words of the loop's own


def test_what_is_proposed_by_hand_never_passes_for_the_loops_own(loop, people):
    for session in (loop, Loop(people.session("producer"))):
        for source in ("trigger", "step:noop"):
            assert sqlstate(session.propose, step("a"), source=source) == "OP018"


def test_nobody_emits_events_that_are_the_loops_own(people):
    for role in ("producer", "worker", "admin"):
        session = Loop(people.session(role))
        for kind in ("heartbeat:success", "proposal:pending", "mission:succeeded", "step:noop:failed"):
            assert sqlstate(session.emit, kind) == "OP019"


# Votes


def test_an_agent_votes_for_a_role_that_policy_names(loop, people, pending):
    name = people.make("producer")
    assert people.open(name).execute(VOTE, (pending, "reviewer")).fetchone()[1] == "voting"
    (vote,) = loop.rows("select * from ops_proposal_votes")
    assert (vote["agent_role"], vote["decision"], vote["voted_login"]) == ("reviewer", False, name)


def test_an_agent_does_not_vote_under_the_name_of_a_person(people, pending):
    agent = people.session("producer")
    assert sqlstate(agent.execute, VOTE, (pending, "ada")) == "OP015"


def test_a_role_that_lists_logins_is_theirs_alone(loop, people, pending):
    name = people.make("producer")
    loop.policy("agent_roles", roles={"reviewer": {"logins": [name]}, "planner": {}})
    agent, other = people.open(name), people.session("producer")
    agent.execute(VOTE, (pending, "reviewer"))
    assert sqlstate(other.execute, VOTE, (pending, "reviewer")) == "OP015"
    other.execute(VOTE, (pending, "planner"))
    assert {v["agent_role"] for v in loop.rows("select * from ops_proposal_votes")} == {"reviewer", "planner"}


def test_the_logins_of_a_role_are_a_list_of_texts(loop):
    faulty = {"roles": {"a": {"logins": "x"}}}
    diag = loop.refused("017", "select fn_set_policy('agent_roles', %s)", faulty)
    assert "roles.a.logins: must be an array of texts" in diag.message_detail


# The login beside every actor


def test_every_decision_keeps_the_login_beside_the_actor(loop, people):
    name = people.make("admin")
    admin = Loop(people.open(name))
    approved, rejected = (loop.propose(HTTP)["proposal_id"] for _ in range(2))
    begun = admin.approve(approved, "ada")["mission_id"]
    admin.row("select * from fn_reject_proposal(%s, 'ada')", rejected)
    assert {p["decided_login"] for p in loop.proposals()} == {name}
    assert {v["voted_login"] for v in loop.rows("select * from ops_proposal_votes")} == {name}

    admin.cancel(begun)
    (gone,) = loop.events("mission:cancelled")
    assert (gone["data"]["actor"], gone["data"]["login"]) == ("ada", name)

    mission = loop.mission(step("a"))
    loop.fail_for_good(mission, "a")
    admin.retry(loop.step(mission)["id"])
    (again,) = loop.events("step:noop:retried")
    assert (again["data"]["actor"], again["data"]["login"]) == ("ada", name)

    admin.policy("auto_approve", enabled=False)
    assert loop.claim() == []  # parked
    admin.row("select fn_resolve_step(%s, 'succeeded', 'ada')", loop.step(mission)["id"])
    (ended,) = loop.events("step:noop:succeeded")
    assert (ended["data"]["resolved_by"], ended["data"]["login"]) == ("ada", name)
    assert loop.runs(loop.step(mission)["id"])[-1]["meta"]["login"] == name

    history = loop.rows("select * from ops_policy_history where key = 'auto_approve' order by version")
    assert history[-1]["changed_login"] == name
    admin.register("w9")
    assert loop.value("select login from ops_workers where worker_id = 'w9'") == name

    admin.row("select fn_pause('all', null, 'ada', 'a test')")
    assert loop.value("select paused_login from ops_pauses") == name
    admin.row("select fn_resume('all', null, 'ada', 'a test')")
    admin.row("select fn_kill_switch('ada', 'a test')")
    assert {r["login"] for r in loop.rows("select login from ops_control_log")} == {name}


def test_a_login_that_takes_another_role_stays_who_it_is(loop, people):
    name = people.make("producer", "operator")
    session = people.open(name)
    session.execute("set role opsloop_producer")
    (made,) = [
        r[0]
        for r in session.execute("select proposal_id from fn_create_proposal(%s)", (Jsonb(template(HTTP)),))
    ]
    session.execute("set role opsloop_operator")
    assert sqlstate(session.execute, APPROVE, (made,)) == "OP015"
    session.execute("reset role")
    assert sqlstate(session.execute, APPROVE, (made,)) == "OP015"


def test_the_control_plane_may_decide_on_what_it_proposed(loop, people):
    """Whoever may act as the owner of the schema could write to the tables as well."""
    owner = loop.value("select session_user::text")
    member = Loop(people.session(owner))
    assert member.approve(member.propose(HTTP)["proposal_id"])["status"] == "approved"
