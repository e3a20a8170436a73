"""What expires never runs; what is held is voted on anew; escalation adds people."""

from datetime import timedelta

import pytest

from approving import WORK, rule

APPROVE = "select * from fn_approve_proposal(%s, null, %s)"
MINUTE = 60


def told(team):
    return [(e["type"], e["data"].get("group")) for e in team.loop.events("proposal:%")]


def state(team, proposal):
    return team.loop.row(
        "select status, reason, decided_by from ops_mission_proposals where id = %s", proposal
    )


@pytest.fixture
def hour(team):
    """Two of oncall, within an hour."""
    team.rules(rule(oncall=2, expires_minutes=60), groups={"oncall": ["ada", "eve"]})
    team.loop.stop_clock()
    return team


def test_an_expired_proposal_never_runs(hour):
    proposal = hour.propose("bob")
    hour.approve("ada", proposal)
    hour.loop.advance(60 * MINUTE)
    hour.refused("087", "eve", APPROVE, proposal, None)
    hour.loop.turn()
    assert state(hour, proposal)["status"] == "expired"
    assert state(hour, proposal)["decided_by"] == "approval_rules"
    hour.refused("014", "eve", APPROVE, proposal, None)
    assert told(hour)[-1] == ("proposal:expired", None)
    (why,) = hour.loop.rows("select * from fn_explain_proposal(%s)", proposal)
    assert (why["reason"], why["detail"][:26]) == ("ended", "expired by approval_rules ")
    assert hour.loop.broken() == []


def test_it_can_be_approved_until_it_expires(hour):
    proposal = hour.propose("bob")
    hour.approve("ada", proposal)
    hour.loop.advance(60 * MINUTE - 1)
    hour.loop.turn()
    assert hour.approve("eve", proposal)["status"] == "approved"
    hour.loop.advance(2 * MINUTE)
    hour.loop.turn()
    assert state(hour, proposal)["status"] == "approved"


def test_the_shortest_expiry_wins_and_a_later_rule_shortens_it(hour):
    proposal = hour.propose("bob")
    hour.rules(
        rule("short", oncall=1, expires_minutes=5),
        rule("long", expires_minutes=600),
        groups={"oncall": ["ada", "eve"]},
    )
    hour.loop.advance(6 * MINUTE)
    hour.refused("087", "eve", APPROVE, proposal, None)
    hour.loop.turn()
    hour.loop.advance(11)
    hour.loop.turn()
    assert state(hour, proposal)["status"] == "expired"


def test_a_rule_that_came_later_expires_what_waits_already(team):
    team.loop.stop_clock()
    proposal = team.propose("bob")
    team.rules(rule(oncall=1, expires_minutes=5), groups={"oncall": ["ada"]})
    team.loop.turn()
    team.loop.advance(6 * MINUTE)
    team.loop.turn()
    assert state(team, proposal)["status"] == "expired"


def test_a_later_rule_does_not_lengthen_it(hour):
    proposal = hour.propose("bob")
    hour.rules(rule(oncall=2, expires_minutes=600), groups={"oncall": ["ada", "eve"]})
    hour.loop.advance(61 * MINUTE)
    hour.loop.turn()
    assert state(hour, proposal)["status"] == "expired"


def test_what_is_held_waits_for_votes_anew(team):
    team.rules(rule(oncall=2, expires_minutes=60, on_expiry="hold"), groups={"oncall": ["ada", "eve"]})
    team.loop.stop_clock()
    proposal = team.propose("bob")
    team.approve("ada", proposal)
    team.loop.advance(60 * MINUTE)
    team.loop.turn()
    assert state(team, proposal)["status"] == "pending"
    assert told(team)[-1] == ("proposal:held", None)
    team.loop.advance(1)
    assert team.approve("eve", proposal)["status"] == "voting"
    assert team.approve("ada", proposal)["status"] == "approved"


def test_an_escalation_adds_people_and_tells_of_it(team):
    team.rules(
        rule(oncall=2, escalate=[{"after_minutes": 10, "group": "leads", "event": "proposal:late"}]),
        groups={"oncall": ["ada"], "leads": ["lea", "liz"]},
    )
    team.loop.stop_clock()
    proposal = team.propose("bob")
    team.refused("085", "lea", APPROVE, proposal, None)
    team.loop.advance(10 * MINUTE)
    team.loop.turn()
    assert told(team)[-1] == ("proposal:late", "leads")
    team.loop.advance(MINUTE)
    team.loop.turn()
    assert [kind for kind, _ in told(team)].count("proposal:late") == 1
    assert team.approve("lea", proposal)["reason"].startswith("1 of 2: one more of oncall or leads")
    assert team.approve("liz", proposal)["status"] == "approved"
    assert team.loop.broken() == []


def test_an_escalation_never_lowers_a_count(team):
    team.rules(
        rule(oncall=2, escalate=[{"after_minutes": 10, "group": "leads"}]),
        groups={"oncall": ["ada"], "leads": ["lea"]},
    )
    team.loop.stop_clock()
    proposal = team.propose("bob")
    team.loop.advance(10 * MINUTE)
    team.loop.turn()
    assert told(team)[-1] == ("proposal:escalated", "leads")
    assert team.approve("lea", proposal)["status"] == "voting"


def test_time_counts_from_when_persons_are_asked(hour):
    proposal = hour.propose("bob")
    (row,) = hour.loop.rows("select * from ops_approvals")
    asked = hour.loop.value("select created_at from ops_mission_proposals where id = %s", proposal)
    assert (row["asked_at"], row["expires_at"]) == (asked, asked + timedelta(hours=1))


def test_a_turn_expires_a_bounded_number(hour):
    for n in range(3):
        hour.propose("bob", key=str(n))
    hour.loop.advance(60 * MINUTE)
    hour.loop.value("select _duty_approvals(2)")
    counted = "select count(*) from ops_mission_proposals where status = 'expired'"
    assert hour.loop.value(counted) == 2
    hour.loop.value("select _duty_approvals(2)")
    assert hour.loop.value(counted) == 3


def test_what_happens_to_a_proposal_can_be_published_without_a_proposal_of_its_own(team):
    team.rules(
        rule(oncall=2, expires_minutes=60),
        groups={"oncall": ["ada", "eve"]},
        publish=["proposal:*"],
    )
    team.loop.stop_clock()
    proposal = team.propose("bob")
    team.approve("ada", proposal)
    team.loop.advance(60 * MINUTE)
    team.loop.turn()
    sent = team.loop.rows("select aggregate_type, aggregate_id, event_type, payload from outbox order by id")
    assert [m["event_type"] for m in sent] == ["proposal:pending", "proposal:voted", "proposal:expired"]
    assert {(m["aggregate_type"], m["aggregate_id"]) for m in sent} == {("proposal", str(proposal))}
    assert sent[0]["payload"]["seats"].startswith("0 of 2: 2 of oncall, not bob_")
    assert sent[0]["payload"]["would_run"] == ['http {"url": "https://x/"}']
    assert len(team.loop.proposals()) == 1
    assert team.loop.value("select used from ops_cap_counters where scope = 'day'") == 1


def test_what_a_pattern_makes_of_it_is_still_of_its_proposers(hour):
    hour.loop.react({"event_type": "proposal:expired", "template": {"title": "t", "steps": [WORK]}})
    hour.propose("bob")
    hour.loop.advance(60 * MINUTE)
    for _ in range(3):
        hour.loop.turn()
        hour.loop.advance(11)
    (made,) = [p for p in hour.loop.proposals() if p["source"] == "trigger"]
    assert made["proposers"] == [hour.login("bob")]


def test_an_escalation_of_later_rules_does_not_fill_the_seats_of_those_before(team):
    people = {"oncall": ["ada"], "leads": ["lea"]}
    team.loop.stop_clock()
    team.rules(rule(oncall=1), groups=people)
    proposal = team.propose("bob")
    team.rules(rule(oncall=1, escalate=[{"after_minutes": 10, "group": "leads"}]), groups=people)
    team.loop.advance(600)
    team.loop.rows("select _duty_approvals()")
    assert team.approve("lea", proposal)["status"] == "voting"
    assert team.approve("ada", proposal)["status"] == "approved"


def test_an_escalation_that_later_rules_bring_forward_fills_the_seats_of_those_before_in_its_time(team):
    people = {"oncall": ["ada"], "leads": ["lea"]}
    team.loop.stop_clock()
    team.rules(rule(oncall=1, escalate=[{"after_minutes": 60, "group": "leads"}]), groups=people)
    proposal = team.propose("bob")
    team.rules(rule(oncall=1, escalate=[{"after_minutes": 10, "group": "leads"}]), groups=people)
    team.loop.advance(600)
    team.loop.rows("select _duty_approvals()")
    assert team.approve("lea", proposal)["status"] == "voting"
    team.loop.advance(3000)
    team.loop.rows("select _duty_approvals()")
    assert team.approve("lea", proposal)["status"] == "approved"
