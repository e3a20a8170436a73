"""Persons decide, agents advise."""

from uuid import uuid4

import pytest
from psycopg.types.json import Jsonb

from looping import step

APPROVE = "select * from fn_approve_proposal(%s, %s, %s)"
REJECT = "select * from fn_reject_proposal(%s, %s, %s)"
VOTE = "select * from fn_cast_vote(%s, %s, %s, %s)"
HTTP = step("a", "http", params={"url": "https://x/"})


@pytest.fixture
def pending(loop):
    made = loop.propose(HTTP)
    assert made["status"] == "pending"
    return made["proposal_id"]


def votes(loop):
    return [
        (r["agent_role"], r["vote"], r["reason"], r["decision"])
        for r in loop.rows("select * from ops_proposal_votes order by decision, agent_role")
    ]


# Approving


def test_approving_begins_the_mission_and_records_who_and_why(loop, pending):
    answer = loop.row(APPROVE, pending, "ada", "looks right")
    assert (answer["proposal_id"], answer["status"], answer["reason"]) == (pending, "approved", "looks right")
    mission = loop.the_mission(answer["mission_id"])
    assert (mission["status"], mission["auto_approved"], mission["approved_risk"]) == ("approved", False, 2)
    (stored,) = loop.proposals()
    login = loop.value("select session_user::text")
    assert (stored["decided_by"], stored["decided_login"]) == ("ada", login)
    assert stored["approved_digest"] == stored["template_digest"]
    assert stored["approved_at"] is not None
    assert votes(loop) == [("ada", "approve", "looks right", True)]


def test_a_loop_without_any_policy_runs_what_persons_approve(loop):
    loop.do("alter table ops_policy disable trigger user")
    loop.do("delete from ops_policy")
    loop.do("delete from ops_policy_history")
    loop.do("alter table ops_policy enable trigger user")
    made = loop.propose(step("a"))
    assert made["status"] == "pending"
    assert loop.approve(made["proposal_id"])["status"] == "approved"
    loop.value("select fn_set_policy('auto_approve', '{}')")
    assert loop.broken() == []


def test_without_an_actor_it_is_the_login(loop, pending):
    loop.row("select * from fn_approve_proposal(%s)", pending)
    assert loop.proposals()[0]["decided_by"] == loop.value("select session_user::text")


def test_approving_twice_makes_one_mission_and_answers_the_same(loop, pending):
    first = loop.approve(pending)
    before = loop.contents()
    assert loop.approve(pending, actor="bob") == first
    assert loop.contents() == before


def test_approving_what_policy_approved_answers_its_mission(loop):
    made = loop.propose(step("a"))
    assert loop.approve(made["proposal_id"])["mission_id"] == made["mission_id"]


def test_what_was_rejected_cannot_be_approved(loop, pending):
    loop.row(REJECT, pending, "ada", "no")
    loop.refused("014", APPROVE, pending, "bob", None)


@pytest.mark.parametrize("call", [APPROVE, REJECT])
def test_an_unknown_proposal_is_ops_012(loop, call):
    loop.refused("012", call, uuid4(), "ada", None)
    loop.refused("012", call, None, "ada", None)


@pytest.mark.parametrize("column", ["template", "slots"])
def test_a_template_changed_after_it_was_proposed_cannot_be_approved(loop, pending, column):
    changed = {
        "template": {"steps": [step("a", "http", params={"url": "https://evil/"})]},
        "slots": [{"path": ["x"], "segments": []}],
    }
    loop.do(f"update ops_mission_proposals set {column} = %s", Jsonb(changed[column]))
    loop.refused("016", APPROVE, pending, "ada", None)


def test_what_policy_forbids_by_now_cannot_be_approved(loop):
    loop.policy("worker_policy", command_allow=[["git", "status"]])
    made = loop.propose(step("a", "command", params={"argv": ["git", "status"]}))
    loop.policy("worker_policy", command_allow=[])
    diag = loop.refused("003", APPROVE, made["proposal_id"], "ada", None)
    assert "command_allow" in diag.message_primary


def test_an_approval_covers_the_risk_of_the_moment_and_names_the_policy_behind_it(loop, pending):
    version = loop.policy("auto_approve", risk_rules=[{"name": "all", "executor": "*", "risk_level": "high"}])
    mission = loop.approve(pending)["mission_id"]
    assert loop.the_mission(mission)["approved_risk"] == 3
    (stored,) = loop.proposals()
    assert stored["risk_level"] == "high"
    assert stored["policy_snapshot"]["auto_approve"] == version
    assert loop.broken() == []


# Separation of duty


@pytest.fixture
def stranger(loop):
    """A login that may call everything but is not the control plane."""
    name = f"opsloop_test_{uuid4().hex[:8]}"
    loop.do(f"create role {name}")
    loop.do(f"grant usage on schema opsloop to {name}")
    loop.do(f"grant execute on all functions in schema opsloop to {name}")
    return name


def test_nobody_decides_on_what_he_proposed(loop, stranger):
    loop.do(f"set session authorization {stranger}")
    made = loop.propose(HTTP)
    with pytest.raises(Exception, match="OPS_015") as refused, loop.savepoint():
        loop.approve(made["proposal_id"], actor="somebody else")
    assert refused.value.sqlstate == "OP015"
    loop.do("reset session authorization")
    assert loop.approve(made["proposal_id"])["status"] == "approved"


def test_nobody_approves_a_parked_step_of_what_he_proposed(loop, stranger):
    loop.do(f"set session authorization {stranger}")
    made = loop.propose(step("a"))
    loop.do("reset session authorization")
    loop.policy("auto_approve", enabled=False)
    assert loop.claim() == []
    parked = loop.step(made["mission_id"])
    assert parked["status"] == "waiting"
    loop.do(f"set session authorization {stranger}")
    with pytest.raises(Exception, match="OPS_015"), loop.savepoint():
        loop.retry(parked["id"])
    loop.do("reset session authorization")
    assert loop.retry(parked["id"]) == "queued"


def test_nobody_says_how_a_step_ended_that_he_proposed(loop, stranger):
    loop.do(f"set session authorization {stranger}")
    made = loop.propose(step("a"))
    loop.do("reset session authorization")
    loop.policy("auto_approve", enabled=False)
    assert loop.claim() == []
    parked = loop.step(made["mission_id"])["id"]
    loop.do(f"set session authorization {stranger}")
    with pytest.raises(Exception, match="OPS_015"), loop.savepoint():
        loop.value("select fn_resolve_step(%s, 'succeeded')", parked)
    loop.do("reset session authorization")
    assert loop.value("select fn_resolve_step(%s, 'succeeded')", parked) == "succeeded"


def test_a_decision_on_a_parked_step_does_not_cover_another_program_under_the_same_params(loop):
    loop.allow(max_risk_level="high")
    preset = {"argv": ["minion", "run", "{{params.prompt}}"]}
    loop.policy("worker_policy", presets={"minion": preset})
    mission = loop.mission(step("a", "minion", params={"prompt": "hello"}))
    loop.policy("auto_approve", enabled=False)
    assert loop.claim() == []
    loop.retry(loop.step(mission)["id"])
    loop.policy("worker_policy", presets={"minion": {"argv": ["other", "{{params.prompt}}"]}})
    assert loop.claim() == []
    assert loop.step(mission)["status"] == "waiting"
    loop.policy("worker_policy", presets={"minion": preset})
    loop.retry(loop.step(mission)["id"])
    assert loop.claim()[0]["params"]["argv"] == ["minion", "run", "hello"]


# Rejecting


def test_rejecting_records_who_and_why(loop, pending):
    answer = loop.row(REJECT, pending, "ada", "not today")
    assert (answer["status"], answer["mission_id"], answer["reason"]) == ("rejected", None, "not today")
    assert loop.proposals()[0]["decided_by"] == "ada"
    assert votes(loop) == [("ada", "reject", "not today", True)]


def test_rejecting_twice_changes_nothing_more(loop, pending):
    first = loop.row(REJECT, pending, "ada", "no")
    before = loop.contents()
    assert loop.row(REJECT, pending, "bob", "never") == first
    assert loop.contents() == before


def test_what_was_approved_cannot_be_rejected(loop, pending):
    loop.approve(pending)
    diag = loop.refused("014", REJECT, pending, "ada", None)
    assert "fn_cancel_mission" in diag.message_hint


# Votes


def test_votes_advise_and_no_number_of_them_approves(loop, pending):
    for n in range(5):
        answer = loop.row(VOTE, pending, f"role{n}", "approve", "fine")
        assert (answer["status"], answer["mission_id"]) == ("voting", None)
    assert loop.value("select count(*) from ops_missions") == 0
    assert loop.approve(pending)["status"] == "approved"


def test_a_role_may_change_its_vote(loop, pending):
    loop.row(VOTE, pending, "reviewer", "approve", None)
    loop.row(VOTE, pending, "reviewer", "reject", "saw it again")
    assert votes(loop) == [("reviewer", "reject", "saw it again", False)]


def test_a_decision_and_a_vote_under_one_name_are_two(loop, pending):
    loop.row(VOTE, pending, "ada", "abstain", None)
    loop.approve(pending, actor="ada")
    assert [(role, vote, decision) for role, vote, _, decision in votes(loop)] == [
        ("ada", "abstain", False),
        ("ada", "approve", True),
    ]


@pytest.mark.parametrize(
    ("role", "vote"), [("reviewer", "maybe"), ("reviewer", None), ("", "approve"), (None, "approve")]
)
def test_a_vote_that_is_none_is_ops_018(loop, pending, role, vote):
    loop.refused("018", VOTE, pending, role, vote, None)


def test_there_is_no_voting_on_what_is_decided(loop, pending):
    loop.approve(pending)
    loop.refused("014", VOTE, pending, "reviewer", "reject", None)
    loop.refused("012", VOTE, uuid4(), "reviewer", "reject", None)


# A busy counter leaves proposals for the next heartbeat (the race itself: tests/concurrency)


def test_a_proposal_that_was_not_counted_is_gated_by_the_next_heartbeat(loop):
    made = loop.propose(step("a"))
    loop.do("delete from ops_mission_steps")
    loop.do("delete from ops_missions")
    loop.do("delete from ops_ready")
    loop.do(
        "update ops_mission_proposals"
        " set status = 'pending', counted_at = null, approved_digest = null, approved_at = null"
    )
    loop.do("update ops_cap_counters set used = used - 1")
    loop.turn()
    assert loop.row("select id, status from ops_mission_proposals") == {
        "id": made["proposal_id"],
        "status": "auto_approved",
    }
    assert loop.broken() == []


def test_it_stays_put_to_the_vote_when_a_person_must_decide(loop):
    made = loop.propose(HTTP)
    loop.row(VOTE, made["proposal_id"], "reviewer", "reject", None)
    loop.do("update ops_mission_proposals set counted_at = null")
    loop.do("delete from ops_cap_counters")
    loop.turn()
    (stored,) = loop.proposals()
    assert (stored["status"], stored["counted_at"] is None) == ("voting", False)
    assert loop.broken() == []


def test_but_not_when_its_template_was_changed_meanwhile(loop):
    made = loop.propose(HTTP)
    loop.do("update ops_mission_proposals set counted_at = null, template = %s", {"steps": [step("a")]})
    loop.turn()
    assert loop.proposals()[0]["status"] == "pending"
    loop.refused("016", APPROVE, made["proposal_id"], "ada", None)
