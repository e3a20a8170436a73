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


def test_what_an_event_of_the_loop_led_to_has_no_login_but_the_proposers_of_its_mission(loop, people):
    loop.allow()
    loop.react({"event_type": "mission:succeeded", "template": template(HTTP, risk_level="high")})
    operator = Loop(people.session("operator"))
    mission = loop.mission(step("a"))
    loop.complete(loop.work(mission))
    operator.heartbeat()
    operator.heartbeat()
    (proposal,) = [p for p in loop.proposals() if p["source"] == "trigger"]
    assert (proposal["status"], proposal["proposed_login"]) == ("pending", None)
    assert proposal["proposers"] == [loop.value("select session_user::text")]
    assert (
        "a person must decide, another than"
        in loop.rows("select * from fn_explain_proposal(%s)", proposal["id"])[0]["detail"]
    )
    assert operator.approve(proposal["id"])["status"] == "approved"


@pytest.fixture
def both(loop, people):
    """A producer who is an operator too, in a loop where noops run by themselves and the rest waits."""
    loop.allow()
    return Loop(people.session("producer", "operator"))


def turn(loop, times=1):
    """The heartbeat, run by somebody else."""
    for _ in range(times):
        assert loop.heartbeat()["ok"]
        assert loop.heartbeat()["ok"]


def react(loop, event_type, *steps, **fields):
    loop.react({"event_type": event_type, "template": template(*(steps or [HTTP]), **fields)})


def caused(loop):
    """The proposal that a reaction made and that waits."""
    (proposal,) = [p for p in loop.proposals() if p["source"] == "trigger" and p["status"] == "pending"]
    return proposal


def refused_to(session, proposal):
    return sqlstate(session.approve, proposal["id"]) == "OP015"


def login(session):
    return session.value("select session_user::text")


def test_what_a_mission_causes_inherits_its_proposer(loop, both, people):
    react(
        loop, "step:noop:succeeded", step("a", "http", params={"url": "https://x/{{event.data.result.at}}"})
    )
    mission = both.mission(step("a", params={"at": "there"}))
    loop.complete(loop.work(mission), {"at": "there"})
    turn(loop)
    proposal = caused(loop)
    assert (proposal["proposed_login"], proposal["proposers"]) == (None, [login(both)])
    assert refused_to(both, proposal)
    (why,) = loop.rows("select * from fn_explain_proposal(%s)", proposal["id"])
    assert f"another than {login(both)}, who proposed it or what led to it" in why["detail"]
    assert loop.value("select proposers from fn_inbox() where id = %s", proposal["id"]) == [login(both)]
    assert Loop(people.session("operator")).approve(proposal["id"])["status"] == "approved"


def test_it_is_inherited_from_mission_to_mission(loop, both):
    loop.react(
        {"name": "first", "event_type": "mission:succeeded", "max_depth": 1, "template": template(step("b"))},
        {"name": "then", "event_type": "step:noop:succeeded", "tags": [], "template": template(HTTP)},
    )
    mission = both.mission(step("a"))
    loop.complete(loop.work(mission), None)
    turn(loop)
    (second,) = [p for p in loop.proposals() if p["status"] == "auto_approved" and p["source"] == "trigger"]
    assert second["proposers"] == [login(both)]
    for one in loop.claim(5):
        loop.complete(one, None)
    turn(loop, 2)
    waiting = [p for p in loop.proposals() if p["status"] == "pending"]
    assert [p["depth"] for p in waiting] == [1, 2]
    assert all(refused_to(both, p) for p in waiting)


def test_a_steps_own_event_and_its_own_proposal_inherit_too(loop, both, people):
    react(loop, "found:it")
    worker = Loop(people.session("worker"))
    mission = both.mission(step("a"), step("b"))
    worker.complete(worker.work(mission), None, events=[{"type": "found:it"}])
    turn(loop)
    assert caused(loop)["proposers"] == sorted([login(both), login(worker)])
    assert refused_to(both, caused(loop))
    work = worker.work(mission, "b")
    made = worker.row(
        "select * from fn_propose_for_step(%s, %s, %s)",
        work["step_id"],
        work["lease_token"],
        Jsonb([template(HTTP)]),
    )
    (own,) = [p for p in loop.proposals() if p["id"] == made["proposal_id"]]
    assert (own["proposed_login"], own["proposers"]) == (login(worker), sorted([login(both), login(worker)]))
    assert refused_to(both, own)


def test_what_reacts_to_a_waiting_proposal_inherits_its_proposer(loop, both):
    given = template(HTTP, title="{{event.data.title}}")
    loop.react({"event_type": "proposal:pending", "max_depth": 1, "template": given})
    both.propose(HTTP, title="tell them")
    turn(loop)
    assert (caused(loop)["title"], caused(loop)["proposers"]) == ("tell them", [login(both)])
    assert refused_to(both, caused(loop))


def test_an_event_that_names_a_mission_inherits_from_it_whoever_emits_it(loop, both, people):
    react(loop, "found:it")
    other = Loop(people.session("producer", "operator"))
    other.emit("found:it", mission=both.mission(step("a")))
    turn(loop)
    assert caused(loop)["proposers"] == sorted([login(both), login(other)])
    assert refused_to(both, caused(loop))
    assert refused_to(other, caused(loop))


@pytest.mark.parametrize("outcome", ["succeeded", "failed"])
def test_who_resolves_a_step_has_a_hand_in_what_its_mission_causes(loop, both, outcome):
    react(loop, "mission:*")
    mission = loop.mission(step("a"), step("b"))
    loop.policy("auto_approve", enabled=False)
    assert loop.claim() == []
    both.value("select fn_resolve_step(%s, %s, 'ada', 'as I say')", loop.step(mission)["id"], outcome)
    if outcome == "succeeded":
        loop.claim()
        both.value("select fn_resolve_step(%s, %s, 'ada')", loop.step(mission, "b")["id"], outcome)
    turn(loop)
    assert caused(loop)["proposers"] == sorted([login(both), login(loop)])
    assert refused_to(both, caused(loop))


def test_who_cancels_or_retries_has_a_hand_in_what_reacts_to_it(loop, both):
    react(loop, "mission:cancelled", title="{{event.data.reason}}")
    both.cancel(loop.mission(step("a")), "do this")
    turn(loop)
    assert (caused(loop)["title"], caused(loop)["proposers"]) == (
        "do this",
        sorted([login(both), login(loop)]),
    )
    assert refused_to(both, caused(loop))
    loop.do("update ops_mission_proposals set status = 'rejected' where status = 'pending'")
    react(loop, "step:noop:retried", title="{{event.data.actor}}")
    mission = loop.mission(step("a"))
    loop.fail_for_good(mission, "a")
    both.retry(loop.step(mission)["id"])
    turn(loop)
    assert refused_to(both, caused(loop))


def test_who_redrives_a_letter_has_a_hand_in_what_reacts_to_it(loop, both):
    react(loop, "dead_letter:redriven")
    loop.rows(
        "select fn_archive_dead_letter(p_dl_msg_id => 'd', p_original_msg_id => 'o', p_payload => '{}',"
        " p_reason => 'r')"
    )
    both.rows("select * from fn_redrive_dead_letter('d', 'ada')")
    turn(loop)
    assert caused(loop)["proposers"] == [login(both)]
    assert refused_to(both, caused(loop))


def test_a_redriven_reaction_keeps_its_proposers(loop, both):
    react(loop, "step:noop:succeeded")
    loop.complete(loop.work(both.mission(step("a"))), None)
    loop.rows("select * from fn_evaluate_triggers()")
    loop.do("update ops_agent_reactions set status = 'failed'")
    loop.do("delete from ops_ready where id in (select id from ops_agent_reactions)")
    loop.rows("select _bury_reaction(id) from ops_agent_reactions")
    letter = loop.value("select dl_msg_id from dead_letter_archive")
    both.rows("select * from fn_redrive_dead_letter(%s, 'ada')", letter)
    turn(loop)
    assert refused_to(both, caused(loop))


def test_a_parked_step_of_what_he_caused_is_not_his_to_retry_or_resolve(loop, both):
    react(loop, "step:noop:succeeded", step("b", "radar"))
    loop.complete(loop.work(both.mission(step("a"))), None)
    turn(loop)
    loop.policy("auto_approve", enabled=False)
    assert loop.claim() == []
    (parked,) = loop.rows("select id from ops_mission_steps where status = 'waiting'")
    assert sqlstate(both.retry, parked["id"]) == "OP015"
    assert sqlstate(both.value, "select fn_resolve_step(%s, 'succeeded', 'ada')", parked["id"]) == "OP015"


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
