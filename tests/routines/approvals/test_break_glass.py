"""One login decides alone: with a reason, so many times a month, and two others sign it off."""

import pytest

from approving import rule
from looping import step

GLASS = "select * from fn_break_glass(%s, null, %s)"
REVIEW = "select fn_review_break_glass(%s, null, %s)"
HOUR = 3600


@pytest.fixture
def oncall(team):
    """Two of oncall; a lead may decide alone twice a month."""
    team.rules(
        rule(oncall=2, expires_minutes=60),
        groups={"oncall": ["ada", "eve"], "leads": ["lea"]},
        break_glass={"group": "leads", "per_month": 2, "review_hours": 24},
    )
    team.loop.stop_clock("2026-03-15 12:00:00Z")
    return team


def glass(team, name, proposal, reason="it burns"):
    with team.being(name):
        return team.loop.row(GLASS, proposal, reason)


def review(team, name, proposal):
    with team.being(name):
        return team.loop.value(REVIEW, proposal, "seen")


def health(team):
    return team.loop.row("select status, value from fn_check_health() where name = 'glass reviews'")


def test_it_starts_with_one_decision_and_is_recorded_as_such(oncall):
    proposal = oncall.propose("bob")
    done = glass(oncall, "lea", proposal)
    assert (done["status"], done["reason"]) == ("approved", f"break-glass by {oncall.login('lea')}: it burns")
    assert done["mission_id"] is not None
    (record,) = oncall.loop.rows("select * from ops_audit_log where action = 'break_glass'")
    assert (record["login"], record["reason"]) == (oncall.login("lea"), "it burns")
    assert [e["type"] for e in oncall.loop.events("proposal:%")][-1] == "proposal:break_glass"
    assert oncall.loop.broken() == []


def test_one_that_was_set_to_approved_by_hand_is_as_good_as_pending(oncall):
    proposal = oncall.propose("bob")
    oncall.loop.do("set local session_replication_role = replica")
    oncall.loop.do("update ops_mission_proposals set status = 'approved' where id = %s", proposal)
    oncall.loop.do("set local session_replication_role = origin")
    assert glass(oncall, "lea", proposal)["mission_id"] is not None
    oncall.refused("014", "lea", GLASS, proposal, "it burns")
    assert oncall.loop.broken() == []


def test_only_its_group_may_and_nobody_without_a_reason_or_for_himself(oncall):
    proposal = oncall.propose("bob")
    oncall.refused("090", "ada", GLASS, proposal, "it burns")
    oncall.refused("086", "lea", GLASS, proposal, " ")
    oncall.refused("015", "lea", GLASS, oncall.propose("lea"), "it burns")


def test_it_happens_so_many_times_a_month(oncall):
    for n in range(2):
        glass(oncall, "lea", oncall.propose("bob", key=str(n)))
    third = oncall.propose("bob", key="third")
    assert "2 are the most" in oncall.refused("090", "lea", GLASS, third, "it burns")
    oncall.loop.stop_clock("2026-04-01 00:00:00Z")
    assert glass(oncall, "lea", oncall.propose("bob", key="fourth"))["status"] == "approved"


def test_it_lifts_neither_expiry_nor_a_veto_nor_what_policy_forbids(oncall):
    oncall.loop.policy("worker_policy", command_allow=[["git", "status"]])
    expired, vetoed = oncall.propose("bob", key="a"), oncall.propose("bob", key="b")
    with oncall.being("bob"):
        forbidden = oncall.loop.propose(step("a", "command", params={"argv": ["git", "status"]}))[
            "proposal_id"
        ]
    oncall.reject("ada", vetoed)
    oncall.refused("014", "lea", GLASS, vetoed, "it burns")
    oncall.loop.policy("worker_policy", command_allow=[])
    oncall.refused("003", "lea", GLASS, forbidden, "it burns")
    oncall.loop.advance(HOUR)
    oncall.refused("087", "lea", GLASS, expired, "it burns")


def test_without_a_policy_or_without_a_need_there_is_no_glass(team):
    proposal = team.propose("bob")
    assert "no break_glass" in team.refused("090", "ada", GLASS, proposal, "it burns")
    team.rules(groups={"leads": ["lea"]}, break_glass={"group": "leads", "per_month": 1})
    assert "one decision is enough" in team.refused("090", "lea", GLASS, proposal, "it burns")


def test_two_others_sign_it_off_and_an_overdue_review_fails_health(oncall):
    assert health(oncall)["status"] == "ok"
    proposal = oncall.propose("bob")
    glass(oncall, "lea", proposal)
    assert health(oncall) == {"status": "warn", "value": "1 open, 0 overdue"}
    oncall.loop.advance(24 * HOUR)
    assert health(oncall) == {"status": "fail", "value": "1 open, 1 overdue"}
    oncall.refused("015", "lea", REVIEW, proposal, None)
    oncall.refused("015", "bob", REVIEW, proposal, None)
    assert [review(oncall, name, proposal) for name in ("ada", "ada", "eve")] == [1, 1, 0]
    assert health(oncall)["status"] == "ok"
    (listed,) = oncall.loop.rows("select * from fn_list_break_glass()")
    assert (listed["is_open"], listed["reviewed_by"]) == (False, [oncall.login("ada"), oncall.login("eve")])


def test_there_is_nothing_to_review_where_no_glass_was_broken(oncall):
    oncall.refused("012", "ada", REVIEW, oncall.propose("bob"), None)
