"""Rules ask for seats, logins fill them, and the last one starts the mission."""

import pytest

from approving import WORK, rule

APPROVE = "select * from fn_approve_proposal(%s, null, %s)"
REJECT = "select * from fn_reject_proposal(%s, null, %s)"


def status(team, proposal):
    return team.loop.value("select status from ops_mission_proposals where id = %s", proposal)


def seats(team, proposal, held_by="in force"):
    return {
        (r["rule"], r["login"].rpartition("_")[0])
        for r in team.loop.rows(
            "select rule, login from ops_approval_seats where proposal_id = %s and held_by = %s",
            proposal,
            held_by,
        )
    }


@pytest.fixture
def oncall(team):
    """Two of oncall, whatever is proposed."""
    team.rules(rule(oncall=2), groups={"oncall": ["ada", "bob", "eve"]})
    return team


def test_without_a_rule_one_person_decides_and_nothing_more_is_kept(team):
    proposal = team.propose("bob")
    assert team.approve("ada", proposal)["status"] == "approved"
    assert team.loop.rows("select * from ops_approvals") == []
    assert team.loop.rows("select * from ops_approval_seats") == []


def test_the_mission_starts_with_the_vote_that_fills_the_last_seat(oncall):
    proposal = oncall.propose("bob")
    first = oncall.approve("ada", proposal)
    bob = oncall.login("bob")
    assert (first["status"], first["mission_id"]) == ("voting", None)
    assert first["reason"] == f"1 of 2: one more of oncall, not {bob}, who proposed it"
    second = oncall.approve("eve", proposal, "looks right")
    assert second["status"] == "approved"
    assert second["mission_id"] is not None
    assert seats(oncall, proposal) == seats(oncall, proposal, "proposed") == {("two", "ada"), ("two", "eve")}
    (stored,) = oncall.loop.proposals()
    assert stored["policy_snapshot"]["approval_rules"] == 2
    assert stored["decided_login"] == oncall.login("eve")
    assert oncall.loop.broken() == []


def test_a_login_fills_one_seat_however_often_it_votes(oncall):
    proposal = oncall.propose("bob")
    for _ in range(3):
        assert oncall.approve("ada", proposal)["status"] == "voting"


def test_nobody_fills_a_seat_of_what_he_proposed_or_caused(oncall):
    proposal = oncall.propose("bob")
    oncall.refused("015", "bob", APPROVE, proposal, None)
    oncall.loop.react({"template": {"title": "t", "steps": [WORK]}})
    with oncall.being("ada"):
        oncall.loop.emit()
    oncall.loop.turn()
    (reacted,) = [p for p in oncall.loop.proposals() if p["source"] == "trigger"]
    assert reacted["proposers"] == [oncall.login("ada")]
    oncall.refused("015", "ada", APPROVE, reacted["id"], None)


def test_a_login_outside_the_groups_fills_no_seat(oncall):
    proposal = oncall.propose("bob")
    message = oncall.refused("085", "zoe", APPROVE, proposal, None)
    assert "0 of 2: 2 of oncall" in message


def test_all_rules_that_hold_add_up(team):
    team.rules(
        rule("one", oncall=1),
        rule("another", oncall=1, when={"min_risk": "medium"}),
        rule("not this", oncall=5, when={"executors": ["sql"]}),
        groups={"oncall": ["ada", "eve"]},
    )
    proposal = team.propose("bob")
    assert team.approve("ada", proposal)["status"] == "voting"
    assert team.approve("eve", proposal)["status"] == "approved"
    assert seats(team, proposal) in (
        {("one", "ada"), ("another", "eve")},
        {("one", "eve"), ("another", "ada")},
    )


def test_a_login_in_two_groups_sits_where_it_is_needed(team):
    team.rules(rule(oncall=1, security=1), groups={"oncall": ["ada", "bob"], "security": ["ada"]})
    proposal = team.propose("carl")
    assert team.approve("ada", proposal)["status"] == "voting"
    assert team.approve("bob", proposal)["status"] == "approved"
    held = team.loop.rows(
        "select groups[1] as sits, login from ops_approval_seats where held_by = 'in force'"
    )
    assert {(r["sits"], r["login"]) for r in held} == {
        ("security", team.login("ada")),
        ("oncall", team.login("bob")),
    }


def test_what_was_required_when_it_was_proposed_stays_required(oncall):
    proposal = oncall.propose("bob")
    oncall.rules(rule(oncall=1), groups={"oncall": ["ada", "eve"]})
    assert oncall.approve("ada", proposal)["status"] == "voting"
    assert oncall.approve("eve", proposal)["status"] == "approved"


def test_what_is_required_when_it_starts_counts_too(team):
    team.rules(rule(oncall=1), groups={"oncall": ["ada", "eve"]})
    proposal = team.propose("bob")
    team.rules(rule(oncall=2), groups={"oncall": ["ada", "eve"]})
    assert team.approve("ada", proposal)["status"] == "voting"
    assert team.approve("eve", proposal)["status"] == "approved"


def test_a_vote_of_a_login_that_left_the_group_counts_no_more(oncall):
    proposal = oncall.propose("bob")
    oncall.approve("ada", proposal)
    oncall.rules(rule(oncall=2), groups={"oncall": ["eve", "kim", "bob"]})
    assert oncall.approve("eve", proposal)["status"] == "voting"
    assert oncall.approve("kim", proposal)["status"] == "approved"
    assert {login for _, login in seats(oncall, proposal)} == {"eve", "kim"}


def test_a_vote_before_the_login_came_into_the_group_is_not_one_of_that_group(team):
    team.rules(rule(oncall=1, leads=1), groups={"oncall": ["ada"], "leads": ["eve"]})
    proposal = team.propose("bob")
    team.approve("ada", proposal)
    team.rules(rule(oncall=1, leads=1), groups={"oncall": ["eve"], "leads": ["ada", "eve"]})
    assert team.approve("eve", proposal)["status"] == "voting"


def test_a_vote_of_a_login_that_may_no_longer_decide_counts_no_more(oncall):
    proposal = oncall.propose("bob")
    oncall.approve("ada", proposal)
    oncall.loop.do(f"revoke opsloop_operator from {oncall.login('ada')}")
    assert oncall.approve("eve", proposal)["status"] == "voting"


def test_a_vote_counts_for_the_digest_it_was_cast_for(oncall):
    proposal = oncall.propose("bob")
    oncall.approve("ada", proposal)
    oncall.loop.do("update ops_proposal_votes set digest = 'another'")
    assert oncall.approve("eve", proposal)["status"] == "voting"


def test_agents_advise_whatever_their_number(oncall):
    oncall.loop.policy("agent_roles", roles={f"r{n}": {} for n in range(5)})
    proposal = oncall.propose("bob")
    for n in range(5):
        oncall.loop.row("select * from fn_cast_vote(%s, %s, 'approve')", proposal, f"r{n}")
    assert status(oncall, proposal) == "voting"
    assert oncall.approve("ada", proposal)["status"] == "voting"


def test_a_login_of_an_agent_fills_no_seat_whatever_its_rights(oncall):
    oncall.loop.policy("agent_roles", roles={"planner": {"logins": [oncall.login("ada")]}})
    proposal = oncall.propose("bob")
    oncall.refused("015", "ada", APPROVE, proposal, None)


def test_a_veto_of_a_vetoing_group_ends_it(team):
    team.rules(rule(oncall=2, veto=["security"]), groups={"oncall": ["ada", "eve"], "security": ["sid"]})
    proposal = team.propose("bob")
    team.approve("ada", proposal)
    assert team.reject("sid", proposal, "not today")["status"] == "rejected"
    team.refused("014", "eve", APPROVE, proposal, None)
    (counter,) = team.loop.rows("select used from ops_cap_counters where scope = 'day'")
    assert counter["used"] == 0


def test_a_rejection_outside_the_vetoing_groups_is_a_vote_that_ends_nothing(team):
    team.rules(
        rule(oncall=2, veto=["security"]), groups={"oncall": ["ada", "eve", "kim"], "security": ["sid"]}
    )
    proposal = team.propose("bob")
    assert team.reject("ada", proposal)["status"] == "voting"
    assert team.approve("eve", proposal)["status"] == "voting"
    assert team.approve("kim", proposal)["status"] == "approved"


def test_the_proposer_may_always_take_it_back(team):
    team.rules(rule(oncall=2, veto=["security"]), groups={"oncall": ["ada"], "security": ["sid"]})
    proposal = team.propose("bob")
    assert team.reject("bob", proposal)["status"] == "rejected"


def test_without_a_vetoing_group_one_rejection_ends_it(oncall):
    proposal = oncall.propose("bob")
    assert oncall.reject("zoe", proposal)["status"] == "rejected"


def test_a_rule_may_ask_for_a_reason(team):
    team.rules(rule(oncall=1, reason_required=True), groups={"oncall": ["ada"]})
    proposal = team.propose("bob")
    team.refused("086", "ada", APPROVE, proposal, None)
    team.refused("086", "ada", REJECT, proposal, "  ")
    assert team.approve("ada", proposal, "because")["status"] == "approved"


def test_the_control_plane_speaks_for_known_logins_only(oncall):
    proposal = oncall.propose("bob")
    loop = oncall.loop
    loop.refused("088", "select * from fn_approve_proposal(%s, 'nobody')", proposal)
    loop.refused("015", "select * from fn_approve_proposal(%s, %s)", proposal, oncall.login("bob"))
    for name in ("ada", "eve"):
        answer = loop.row("select * from fn_approve_proposal(%s, %s)", proposal, oncall.login(name))
    assert answer["status"] == "approved"
    cast = loop.rows("select voted_login, cast_login from ops_proposal_votes")
    assert {v["voted_login"] for v in cast} == {oncall.login("ada"), oncall.login("eve")}
    assert {v["cast_login"] for v in cast} == {loop.value("select session_user::text")}


def test_a_group_has_members_of_roles_but_no_superusers(team):
    proposal = team.propose("bob")
    team.loop.policy(
        "approval_rules",
        groups={"ops": {"roles": ["operator"]}, "roots": {"roles": ["pg_monitor"]}},
        rules=[rule(ops=2)],
    )
    groups = "select _login_groups(fn_get_policy('approval_rules'), %s)"
    assert team.loop.value(groups, team.login("ada")) == ["ops"]
    assert team.loop.value(groups, team.loop.value("select session_user::text")) == []
    assert team.approve("ada", proposal)["status"] == "voting"
    assert team.approve("eve", proposal)["status"] == "approved"


def test_votes_and_seats_stay_when_the_proposal_is_deleted(oncall):
    proposal = oncall.propose("bob")
    oncall.approve("ada", proposal)
    oncall.approve("eve", proposal)
    oncall.loop.do("delete from ops_mission_proposals")
    assert len(oncall.loop.rows("select * from ops_proposal_votes")) == 2
    assert len(oncall.loop.rows("select * from ops_approval_seats")) == 4
    assert len(oncall.loop.rows("select * from ops_approvals")) == 1


def test_every_decision_is_on_record_with_the_login_whose_vote_it_is(oncall):
    proposal = oncall.propose("bob")
    oncall.approve("ada", proposal)
    oncall.approve("eve", proposal)
    record = oncall.loop.rows("select login, detail from ops_audit_log where action = 'approve' order by id")
    assert [r["login"] for r in record] == [r["detail"]["voted_login"] for r in record]
    assert [r["detail"]["seats"][:6] for r in record] == ["1 of 2", "2 of 2"]
