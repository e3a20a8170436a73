"""What a person sees before deciding, and many decisions at once."""

from uuid import uuid4

import pytest
from psycopg.types.json import Jsonb

from approving import rule


@pytest.fixture
def oncall(team):
    """Two of oncall within a day."""
    team.rules(rule(oncall=2, expires_minutes=1440), groups={"oncall": ["ada", "eve"]})
    return team


def entries(team):
    return {e["id"]: e for e in team.loop.rows("select * from fn_inbox()")}


def test_the_inbox_says_which_seats_are_open_who_voted_and_until_when(oncall):
    proposal = oncall.propose("bob")
    oncall.approve("ada", proposal, "fine")
    entry = entries(oncall)[proposal]
    assert entry["seats"] == f"1 of 2: one more of oncall, not {oncall.login('bob')}, who proposed it"
    assert entry["rules"] == ["two"]
    assert (entry["expires_at"] - entry["since"]).total_seconds() == pytest.approx(86400, abs=5)
    assert entry["votes"] == [
        {
            "role": oncall.login("ada"),
            "login": oncall.login("ada"),
            "groups": ["oncall"],
            "vote": "approve",
            "reason": "fine",
        }
    ]


def test_explain_says_the_same(oncall):
    proposal = oncall.propose("bob")
    oncall.approve("ada", proposal, "fine")
    (why,) = oncall.loop.rows("select * from fn_explain_proposal(%s)", proposal)
    assert why["detail"].startswith(entries(oncall)[proposal]["seats"] + " (approval_rules: two; expires at ")
    assert why["detail"].endswith(f"; votes: {oncall.login('ada')}: approve (fine)")


def test_without_rules_nothing_is_said_of_seats(team):
    proposal = team.propose("bob")
    entry = entries(team)[proposal]
    assert (entry["seats"], entry["rules"], entry["expires_at"]) == (None, None, None)


def decide(team, name, *decisions):
    with team.being(name):
        return team.loop.rows("select * from fn_decide(%s)", Jsonb(list(decisions)))


def test_many_decisions_are_each_answered(team):
    team.rules(rule(oncall=1), groups={"oncall": ["ada"]})
    wanted, unwanted, other, own = (
        team.propose(name, key=str(n)) for n, name in enumerate(["bob", "bob", "bob", "ada"])
    )
    shown = {one: entry["digest"] for one, entry in entries(team).items()}
    missing = uuid4()
    answers = decide(
        team,
        "ada",
        {"id": str(unwanted), "decision": "reject", "digest": shown[unwanted], "reason": "no"},
        {"id": str(wanted), "decision": "approve", "digest": shown[wanted]},
        {"id": str(other), "decision": "approve", "digest": "0123456789abcdef"},
        {"id": str(own), "decision": "approve", "digest": shown[own]},
        {"id": str(missing), "decision": "approve", "digest": "0123456789abcdef"},
    )
    assert [(a["ord"], a["id"], a["ok"], a["status"], a["code"]) for a in answers] == [
        (1, unwanted, True, "rejected", None),
        (2, wanted, True, "approved", None),
        (3, other, False, "pending", "OPS_016"),
        (4, own, False, "pending", "OPS_015"),
        (5, missing, False, None, "OPS_012"),
    ]
    assert answers[1]["mission_id"] is not None
    assert team.loop.broken() == []


@pytest.mark.parametrize(
    "decisions",
    [
        {},
        [],
        [1],
        [{"id": "x", "decision": "approve", "digest": "d"}],
        [{"id": str(uuid4()), "decision": "maybe", "digest": "d"}],
        [{"id": str(uuid4()), "decision": "approve"}],
        [{"id": str(uuid4()), "decision": "approve", "digest": "d", "sure": True}],
        [{"id": str(uuid4()), "decision": "approve", "digest": "d"}] * 201,
    ],
)
def test_decisions_that_cannot_be_are_refused_whole(loop, decisions):
    loop.refused("018", "select * from fn_decide(%s)", Jsonb(decisions))


def test_an_assertion_that_fails_in_a_trigger_of_others_stops_one_decision_only(team):
    bad, good = (team.propose("bob", key=str(n)) for n in range(2))
    team.loop.do(
        "create function own() returns trigger language plpgsql as $$ begin"
        f" assert new.id <> '{bad}', 'not this one'; return new; end $$"
    )
    team.loop.do(
        "create trigger own before update on ops_mission_proposals for each row execute function own()"
    )
    shown = {one: entry["digest"] for one, entry in entries(team).items()}
    given = [{"id": str(one), "decision": "reject", "digest": shown[one]} for one in (bad, good)]
    refused, done = decide(team, "ada", *given)
    assert (refused["ok"], refused["reason"]) == (False, "not this one")
    assert done["ok"]
