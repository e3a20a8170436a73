"""A proposal that is set to approved by UPDATE: refused, and where it is there all the same, seen."""

import pytest

from looping import step


@pytest.mark.parametrize("status", ["approved", "auto_approved"])
def test_an_approval_by_update_is_refused_with_the_function_that_does_it(loop, status):
    proposal = loop.propose(step("a", kind="sql", params={"statement": "select 1"}))["proposal_id"]
    with loop.savepoint():
        refused = loop.refused(
            "061",
            "update ops_mission_proposals set status = %s, approved_digest = template_digest, approved_at = now(),"
            " decided_login = 'me' where id = %s",
            status,
            proposal,
        )
    assert f"fn_approve_proposal('{proposal}'" in (refused.message_hint or "")
    assert loop.approve(proposal)["status"] == "approved"
    loop.do("update ops_mission_proposals set reason = 'why not' where id = %s", proposal)
    assert loop.broken() == []


@pytest.fixture
def forced(loop):
    """A proposal that is approved by hand, as after a restore: the trigger did not fire."""
    proposal = loop.propose(step("a", kind="sql", params={"statement": "select 1"}))["proposal_id"]
    loop.do("set local session_replication_role = replica")
    loop.do("update ops_mission_proposals set status = 'approved' where id = %s", proposal)
    loop.do("set local session_replication_role = origin")
    return proposal


def test_one_that_is_there_all_the_same_is_reported_and_shown_in_the_inbox(loop, forced):
    assert [b["subject"] for b in loop.broken()] == [f"proposal {forced}"]
    (entry,) = loop.rows("select * from fn_inbox()")
    assert (entry["id"], entry["status"]) == (forced, "approved")
    assert entry["waits_because"].startswith("OPS_061")
    assert entry["in_all"] == 1


def test_it_can_be_approved_properly_as_the_inbox_says(loop, forced):
    loop.do(loop.row("select * from fn_inbox()")["decide"]["approve"])
    assert loop.value("select status from ops_missions where proposal_id = %s", forced) == "approved"
    assert loop.rows("select * from fn_inbox()") == []
    assert loop.broken() == []


def test_it_can_be_rejected(loop, forced):
    loop.do(loop.row("select * from fn_inbox()")["decide"]["reject"])
    assert [p["status"] for p in loop.proposals()] == ["rejected"]
    assert loop.broken() == []
