"""A standing grant is the vote of its login, so many times, until a time, and nothing more."""

from datetime import timedelta

import pytest
from psycopg.types.json import Jsonb

from approving import rule
from looping import step

GRANT = "select fn_grant(%s, %s, null, %s, %s)"
STATUS = ["git", "status"]


def grant(team, name, match, until=None, uses=None, reason="routine"):
    with team.being(name):
        return team.loop.value(GRANT, match, until, reason, uses)


def propose(team, name, argv=STATUS, **fields):
    with team.being(name):
        return team.loop.propose(step("a", "command", params={"argv": list(argv)}), **fields)


@pytest.fixture
def git(team):
    """A team whose policy knows two commands."""
    team.loop.policy("worker_policy", command_allow=[["git", "*"], ["git", "status"], ["git", "push"]])
    team.loop.stop_clock()
    return team


def test_this_very_command_runs_so_many_times_and_then_asks_again(git):
    granted = grant(git, "ada", {"command": STATUS}, uses=2)
    assert propose(git, "bob", ["git", "push"])["status"] == "pending"
    answers = [propose(git, "bob") for _ in range(3)]
    assert [a["status"] for a in answers] == ["approved", "approved", "pending"]
    assert answers[0]["mission_id"] is not None
    assert answers[0]["reason"] == f"grant {granted} of {git.login('ada')}: routine"
    (stored, *_) = [p for p in git.loop.proposals() if p["id"] == answers[0]["proposal_id"]]
    assert (stored["decided_login"], stored["status"]) == (git.login("ada"), "approved")
    assert git.loop.row("select uses, max_uses from ops_grants") == {"uses": 2, "max_uses": 2}
    assert git.loop.broken() == []


def test_it_ends_with_its_time(git):
    until = git.loop.value("select _now()") + timedelta(minutes=5)
    grant(git, "ada", {"command": STATUS}, until=until)
    assert propose(git, "bob")["status"] == "approved"
    git.loop.advance(300)
    assert propose(git, "bob")["status"] == "pending"
    assert git.loop.rows("select * from fn_list_grants()") == []
    (ended,) = git.loop.rows("select * from fn_list_grants(50, true)")
    assert (ended["status"], ended["uses"]) == ("over", 1)


def test_it_can_be_revoked(git):
    granted = grant(git, "ada", {"command": STATUS})
    (listed,) = git.loop.rows("select * from fn_list_grants()")
    assert (listed["grant_id"], listed["granted_login"]) == (granted, git.login("ada"))
    with git.being("eve"):
        assert git.loop.value("select fn_revoke_grant(%s)", granted) is True
        assert git.loop.value("select fn_revoke_grant(%s)", granted) is False
    assert propose(git, "bob")["status"] == "pending"


@pytest.mark.parametrize(
    ("match", "status"),
    [
        ({"kinds": ["command"]}, "approved"),
        ({"kinds": ["command"], "max_risk": "medium"}, "pending"),
        ({"kinds": ["command"], "sources": ["agent:*"]}, "pending"),
        ({"kinds": ["command"], "sources": ["man*"]}, "approved"),
        ({"kinds": ["http"]}, "pending"),
        ({"digest": "0" * 64}, "pending"),
        ({"command": ["git", "*"]}, "pending"),
    ],
)
def test_it_covers_what_it_says(git, match, status):
    grant(git, "ada", match)
    assert propose(git, "bob")["status"] == status


def test_every_step_must_be_covered(git):
    grant(git, "ada", {"command": STATUS})
    with git.being("bob"):
        made = git.loop.propose(
            step("a", "command", params={"argv": STATUS}), step("b", "http", params={"url": "https://x/"})
        )
    assert made["status"] == "pending"


def test_a_grant_for_a_command_covers_no_other_params(git):
    grant(git, "ada", {"command": STATUS})
    with git.being("bob"):
        made = git.loop.propose(step("a", "command", params={"argv": STATUS, "cwd": "/etc"}))
    assert made["status"] != "approved"


def test_a_template_is_granted_by_its_digest(git):
    first = propose(git, "bob")
    digest = git.loop.value(
        "select template_digest from ops_mission_proposals where id = %s", first["proposal_id"]
    )
    grant(git, "ada", {"digest": digest})
    assert propose(git, "bob")["status"] == "approved"
    assert propose(git, "bob", ["git", "push"])["status"] == "pending"


def test_nobody_grants_what_he_proposes_himself(git):
    grant(git, "bob", {"command": STATUS})
    assert propose(git, "bob")["status"] == "pending"
    assert git.loop.value("select uses from ops_grants") == 0


def test_it_is_never_wider_than_what_its_login_may_approve(git):
    git.rules(rule(oncall=2), groups={"oncall": ["ada", "eve"]})
    grant(git, "zoe", {"command": STATUS})
    grant(git, "ada", {"command": STATUS})
    made = propose(git, "bob")
    assert (made["status"], made["mission_id"]) == ("voting", None)
    assert git.loop.rows("select uses from ops_grants order by uses") == [{"uses": 0}, {"uses": 1}]
    assert git.approve("eve", made["proposal_id"])["status"] == "approved"
    assert git.loop.broken() == []


def test_two_grants_fill_two_seats(git):
    git.rules(rule(oncall=2), groups={"oncall": ["ada", "eve"]})
    for name in ("ada", "ada", "eve"):
        grant(git, name, {"command": STATUS})
    assert propose(git, "bob")["status"] == "approved"
    assert git.loop.value("select count(*) from ops_grant_uses") == 2
    assert git.loop.broken() == []


def test_it_ends_with_the_right_of_its_login(git):
    grant(git, "ada", {"command": STATUS})
    git.loop.do(f"revoke opsloop_operator from {git.login('ada')}")
    assert propose(git, "bob")["status"] == "pending"


def test_it_does_not_run_what_policy_forbids(git):
    grant(git, "ada", {"command": ["rm", "-rf", "/"]})
    assert propose(git, "bob", ["rm", "-rf", "/"])["status"] == "rejected"


def test_what_a_reaction_proposes_may_be_granted_too(git):
    grant(git, "ada", {"kinds": ["command"]})
    git.loop.react({"template": {"title": "t", "steps": [step("a", "command", params={"argv": STATUS})]}})
    with git.being("bob"):
        git.loop.emit()
    git.loop.turn()
    assert [p["status"] for p in git.loop.proposals()] == ["approved"]


@pytest.mark.parametrize(
    ("match", "until", "uses"),
    [
        ({}, None, None),
        ({"kinds": []}, None, None),
        ({"kinds": ["a"], "command": ["b"]}, None, None),
        ({"digest": "short"}, None, None),
        ({"kinds": ["a"], "kind": "b"}, None, None),
        ({"kinds": ["deploy:*"]}, None, None),
        ({"kinds": ["a"]}, "32 days", None),
        ({"kinds": ["a"]}, "-1 second", None),
        ({"kinds": ["a"]}, None, 0),
        ({"kinds": ["a"]}, None, 1001),
    ],
)
def test_a_grant_without_bounds_is_refused(loop, match, until, uses):
    loop.refused(
        "018", "select fn_grant(%s, _now() + %s::interval, null, null, %s)", Jsonb(match), until, uses
    )


def test_an_agent_grants_nothing(team):
    team.loop.policy("agent_roles", roles={"planner": {"logins": [team.login("ada")]}})
    team.refused("015", "ada", GRANT, Jsonb({"kinds": ["a"]}), None, None, None)


def test_a_use_beyond_its_bounds_is_found(git):
    granted = grant(git, "ada", {"command": STATUS}, uses=1)
    propose(git, "bob")
    for change in (
        "update ops_grant_uses set used_at = used_at + interval '1 day'",
        "delete from ops_grant_uses",
        "update ops_mission_proposals set proposers = array[(select granted_login from ops_grants)]",
    ):
        with git.loop.conn.transaction(force_rollback=True):
            git.loop.do(change)
            broken = git.loop.rows("select * from fn_check_invariants('approvals')")
            assert f"grant {granted}" in {b["subject"] for b in broken if b["invariant"][:2] == "15"}


def test_a_clock_that_is_set_back_makes_no_use_one_beyond_its_bounds(git):
    at = git.loop.stop_clock()
    grant(git, "ada", {"command": STATUS})
    git.loop.stop_clock(at - timedelta(minutes=3))
    assert propose(git, "bob")["status"] == "approved"
    assert git.loop.broken() == []


def test_the_record_has_the_login_that_decided_beside_the_one_whose_call_used_the_grant(git):
    with git.being("ada"):
        granted = git.loop.value(
            "select fn_grant(%s, %s, 'the lead', 'routine', 1)", {"command": STATUS}, None
        )
    made = propose(git, "bob")["proposal_id"]
    (row,) = git.loop.rows(
        "select login, actor, reason, detail from ops_audit_log where action = 'approve' and subject_id = %s",
        str(made),
    )
    ada = git.login("ada")
    assert (row["login"], row["actor"]) == (git.login("bob"), "the lead")
    assert (row["detail"]["voted_login"], row["detail"]["grant"]) == (ada, str(granted))
    assert row["reason"] == f"grant {granted} of the lead (login {ada}): routine"
    assert git.loop.value("select decided_login from ops_mission_proposals where id = %s", made) == ada
