"""Invariants 5b and 14 find what the deciding routines never leave behind."""

import pytest

from approving import rule


@pytest.fixture
def started(team):
    """A proposal of two seats that was started as it should be."""
    team.rules(rule(oncall=2, expires_minutes=60), groups={"oncall": ["ada", "eve"]})
    proposal = team.propose("bob")
    team.approve("ada", proposal)
    team.approve("eve", proposal)
    assert team.loop.broken() == []
    return proposal


@pytest.mark.parametrize(
    ("change", "invariant"),
    [
        ("delete from ops_approval_seats where seat = 2", "5b"),
        ("update ops_proposal_votes set digest = 'another'", "5b"),
        ("update ops_proposal_votes set groups = '{}'", "5b"),
        ("update ops_proposal_votes set vote = 'abstain' where voted_login like 'ada%%'", "5b"),
        (
            "update ops_mission_proposals set proposers = array(select voted_login from ops_proposal_votes)",
            "5b",
        ),
        ("update ops_mission_proposals set policy_snapshot = policy_snapshot - 'approval_rules'", "5b"),
        ("update ops_approvals set expires_at = asked_at", "14"),
        ("update ops_mission_proposals set status = 'expired'", "14"),
    ],
)
def test_what_is_broken_is_found(team, started, change, invariant):
    team.loop.do(change)
    broken = team.loop.rows("select * from fn_check_invariants('approvals')")
    assert invariant in {b["invariant"].split()[0] for b in broken}
