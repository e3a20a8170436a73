"""Approvals in the middle of a mission: parked without worker or lease, decided by the same functions and rules."""

import pytest
from psycopg.types.json import Jsonb

from approving import rule
from looping import step

APPROVE = "select * from fn_approve_proposal(%s, null, %s)"
GATE = step("gate", "approval", params={"question": "release?"})


def begin(team, *steps):
    """A mission of bob's, which policy lets run; its steps by key."""
    with team.being("bob"):
        made = team.loop.propose(*steps)
    assert made["status"] == "auto_approved", made
    return made["mission_id"]


def the(team, mission, key):
    return team.loop.row("select * from ops_mission_steps where mission_id = %s and key = %s", mission, key)


def parked(team):
    return team.loop.rows("select step_id, waits_for, code from ops_parked_steps")


@pytest.fixture
def oncall(team):
    """Two of oncall for whatever waits."""
    team.rules(rule(oncall=2, expires_minutes=60), groups={"oncall": ["ada", "eve", "bob"]})
    team.loop.stop_clock()
    return team


def test_an_approval_step_waits_in_the_middle_with_what_came_before_as_evidence(team):
    mission = begin(team, step("tests"), GATE, step("release"))
    (work,) = team.loop.claim()
    team.loop.complete(work, {"passed": 12})
    gate = the(team, mission, "gate")
    assert (gate["status"], gate["lease_token"], gate["attempt"]) == ("waiting", None, 0)
    assert parked(team) == [{"step_id": gate["id"], "waits_for": "person", "code": "OPS_009"}]
    assert team.loop.claim() == []
    (entry,) = team.loop.rows("select * from fn_inbox()")
    assert set(entry["decide"]) == {"approve", "reject"}
    assert entry["caused_by"]["mission"]["steps"][0] == {
        "key": "tests", "status": "succeeded", "result": '{"passed": 12}'
    }  # fmt: skip
    done = team.approve("ada", gate["id"], "go")
    assert (done["status"], done["mission_id"]) == ("succeeded", mission)
    gate = the(team, mission, "gate")
    assert gate["result"] == {"approved_by": [team.login("ada")]}
    assert parked(team) == []
    (work,) = team.loop.claim()
    assert work["key"] == "release"
    team.loop.complete(work)
    assert team.loop.the_mission(mission)["status"] == "succeeded"
    assert team.loop.broken() == []


def test_a_step_that_needs_approval_runs_exactly_what_was_approved(team):
    mission = begin(team, step("a", params={"n": 1}, needs_approval=True))
    assert team.loop.claim() == []
    waiting = the(team, mission, "a")
    assert waiting["status"] == "waiting"
    assert team.approve("ada", waiting["id"])["status"] == "queued"
    (work,) = team.loop.claim()
    assert work["params"] == {"n": 1}
    assert team.loop.broken() == []


def test_it_is_not_run_by_setting_it_to_queued_by_hand(team):
    mission = begin(team, step("a", needs_approval=True))
    team.loop.do("update ops_mission_steps set status = 'queued'")
    team.loop.turn()
    assert team.loop.claim() == []
    assert the(team, mission, "a")["status"] == "waiting"


def test_the_same_rules_decide_and_the_proposer_of_the_mission_does_not(oncall):
    mission = begin(oncall, GATE)
    gate = the(oncall, mission, "gate")["id"]
    oncall.refused("015", "bob", APPROVE, gate, None)
    oncall.refused("085", "zoe", APPROVE, gate, None)
    first = oncall.approve("ada", gate)
    bob = oncall.login("bob")
    assert (first["status"], first["reason"]) == (
        "waiting", f"1 of 2: one more of oncall, not {bob}, who proposed it"
    )  # fmt: skip
    assert oncall.approve("ada", gate)["status"] == "waiting"
    (entry,) = oncall.loop.rows("select * from fn_inbox()")
    assert entry["seats"] == first["reason"]
    assert [v["login"] for v in entry["votes"]] == [oncall.login("ada")]
    why = oncall.loop.rows("select * from fn_explain_step(%s)", gate)[0]
    assert (why["reason"], why["detail"]) == ("approval", first["reason"])
    assert oncall.approve("eve", gate)["status"] == "succeeded"
    assert oncall.loop.the_mission(mission)["status"] == "succeeded"
    assert oncall.loop.broken() == []


def test_no_other_decision_goes_round_the_rules(oncall):
    mission = begin(oncall, GATE, step("b", needs_approval=True, after=[]))
    for key in ("gate", "b"):
        one = the(oncall, mission, key)["id"]
        oncall.refused("014", "ada", "select fn_resolve_step(%s, 'succeeded')", one)
        oncall.refused("014", "ada", "select fn_retry_step(%s)", one)


def test_an_approval_step_is_not_retried_where_one_decision_is_enough(team):
    mission = begin(team, GATE)
    gate = the(team, mission, "gate")["id"]
    team.refused("014", "ada", "select fn_retry_step(%s)", gate)
    team.refused("014", "ada", "select fn_resolve_step(%s, 'succeeded')", gate)


def test_what_policy_no_longer_covers_is_decided_by_the_rules_too(oncall):
    mission = begin(oncall, step("a"))
    oncall.loop.policy("auto_approve", enabled=False)
    assert oncall.loop.claim() == []
    one = the(oncall, mission, "a")["id"]
    oncall.refused("014", "ada", "select fn_retry_step(%s)", one)
    assert oncall.approve("ada", one)["status"] == "waiting"
    assert oncall.approve("eve", one)["status"] == "queued"
    assert len(oncall.loop.claim()) == 1


def test_a_rejection_fails_the_step_and_its_mission(team):
    mission = begin(team, GATE, step("release"))
    gate = the(team, mission, "gate")["id"]
    done = team.reject("ada", gate, "not today")
    assert done["status"] == "failed"
    assert "not today" in the(team, mission, "gate")["last_error"]
    assert team.loop.the_mission(mission)["status"] == "failed"
    assert team.loop.broken() == []


def test_an_expired_approval_fails_the_step(oncall):
    mission = begin(oncall, GATE)
    gate = the(oncall, mission, "gate")["id"]
    oncall.loop.turn()
    oncall.approve("ada", gate)
    oncall.loop.advance(3600)
    oncall.refused("087", "eve", APPROVE, gate, None)
    oncall.loop.turn()
    assert the(oncall, mission, "gate")["status"] == "failed"
    assert oncall.loop.the_mission(mission)["status"] == "failed"
    assert oncall.loop.broken() == []


def test_a_step_expires_by_the_rules_of_its_time_also_when_they_were_taken_away_at_once(oncall):
    mission = begin(oncall, GATE)
    oncall.rules(groups={})
    oncall.loop.advance(3600)
    oncall.loop.turn()
    assert the(oncall, mission, "gate")["status"] == "failed"
    assert oncall.loop.broken() == []


def test_an_escalation_adds_people_to_a_step_too(team):
    team.rules(
        rule(oncall=1, escalate=[{"after_minutes": 10, "group": "leads"}]),
        groups={"oncall": ["ada"], "leads": ["lea"]},
    )
    team.loop.stop_clock()
    mission = begin(team, GATE)
    gate = the(team, mission, "gate")["id"]
    team.loop.turn()
    team.refused("085", "lea", APPROVE, gate, None)
    team.loop.advance(600)
    team.loop.turn()
    assert [e["data"]["group"] for e in team.loop.events("step:approval:escalated")] == ["leads"]
    assert team.approve("lea", gate)["status"] == "succeeded"


def test_what_was_required_when_it_was_parked_stays_required(oncall):
    mission = begin(oncall, GATE)
    gate = the(oncall, mission, "gate")["id"]
    oncall.loop.advance(1)
    oncall.rules(rule(oncall=1), groups={"oncall": ["ada", "eve"]})
    assert oncall.approve("ada", gate)["status"] == "waiting"
    assert oncall.approve("eve", gate)["status"] == "succeeded"


def test_what_it_was_parked_under_counts_also_where_another_version_came_in_the_same_moment(oncall):
    version = oncall.loop.value("select version from ops_policy where key = 'approval_rules'")
    gate = the(oncall, begin(oncall, GATE), "gate")["id"]
    oncall.rules(rule(oncall=1), groups={"oncall": ["ada", "eve"]})
    assert oncall.loop.value("select rules_version from ops_parked_steps") == version
    assert oncall.approve("ada", gate)["status"] == "waiting"
    assert oncall.loop.value("select rules_version from ops_approvals") == version
    assert oncall.approve("eve", gate)["status"] == "succeeded"


def test_many_at_once_take_steps_as_well(team):
    mission = begin(team, GATE)
    (entry,) = team.loop.rows("select * from fn_inbox()")
    gate = the(team, mission, "gate")["id"]
    with team.being("ada"):
        (done,) = team.loop.rows(
            "select * from fn_decide(%s)",
            Jsonb([{"id": str(gate), "decision": "approve", "digest": entry["digest"]}]),
        )
    assert done["ok"]
    assert the(team, mission, "gate")["status"] == "succeeded"


def test_what_is_no_approval_step_is_a_fault(loop):
    for fault in (step("a", "approval", executor="noop"), step("a", needs_approval="yes")):
        loop.refused("004", "select * from fn_create_proposal(%s)", {"title": "t", "steps": [fault]})


def test_a_rule_that_came_later_expires_and_escalates_a_step_that_waits_already(team):
    team.rules(rule(oncall=1), groups={"oncall": ["ada"], "leads": ["lea"]})
    team.loop.stop_clock()
    first = the(team, begin(team, GATE), "gate")["id"]
    team.loop.turn()
    team.loop.advance(1)
    escalate = [{"after_minutes": 10, "group": "leads"}]
    team.rules(
        rule(oncall=1, expires_minutes=60, escalate=escalate), groups={"oncall": ["ada"], "leads": ["lea"]}
    )
    team.loop.advance(600)
    team.loop.turn()
    assert [e["data"]["group"] for e in team.loop.events("step:approval:escalated")] == ["leads"]
    team.loop.advance(3000)
    team.loop.turn()
    assert team.loop.row("select status from ops_mission_steps where id = %s", first) == {"status": "failed"}
    assert team.loop.broken() == []
