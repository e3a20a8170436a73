"""Why it is proposed, what to look at, and what it is a consequence of: shown, part of the digest, never executed."""

import pytest

from approving import WORK, rule
from looping import step


def entry(team, proposal):
    (found,) = [e for e in team.loop.rows("select * from fn_inbox()") if e["id"] == proposal]
    return found


def test_rationale_and_refs_are_shown_and_part_of_what_is_decided_on(team):
    proposal = team.propose("bob", rationale="disk is full", refs=["https://wiki/disk", "INC-7"])
    shown = entry(team, proposal)
    assert (shown["rationale"], shown["refs"]) == ("disk is full", ["https://wiki/disk", "INC-7"])
    other = team.propose("bob", rationale="because I say so", refs=["https://wiki/disk", "INC-7"])
    assert entry(team, other)["digest"] != shown["digest"]
    digests = team.loop.rows("select distinct template_digest from ops_mission_proposals")
    assert len(digests) == 2


def test_a_rationale_that_was_changed_after_it_was_shown_is_not_decided_on(team):
    proposal = team.propose("bob", rationale="disk is full")
    shown = entry(team, proposal)
    team.loop.do('update ops_mission_proposals set template = template || \'{"rationale": "all is well"}\'')
    team.refused(
        "016", "ada", "select * from fn_approve_proposal(fn_as_shown(%s, %s))", proposal, shown["digest"]
    )


def test_a_consequence_shows_the_event_and_how_the_steps_before_ended(team):
    team.loop.react({"event_type": "mission:succeeded", "template": {"title": "release", "steps": [WORK]}})
    mission = team.loop.mission(step("tests"), title="test it")
    (work,) = team.loop.claim()
    team.loop.complete(work, {"passed": 12})
    team.loop.turn()
    (made,) = [p for p in team.loop.proposals() if p["source"] == "trigger"]
    cause = entry(team, made["id"])["caused_by"]
    assert cause["event"]["type"] == "mission:succeeded"
    assert (cause["mission"]["id"], cause["mission"]["status"]) == (str(mission), "succeeded")
    assert cause["mission"]["steps"] == [{"key": "tests", "status": "succeeded", "result": '{"passed": 12}'}]


def test_how_the_steps_before_stand_is_part_of_what_is_decided_on(team):
    team.loop.react({"event_type": "step:noop:succeeded", "template": {"title": "release", "steps": [WORK]}})
    team.loop.mission(step("tests"), step("more"), title="test it")
    (work,) = team.loop.claim()
    team.loop.complete(work, {"passed": 12})
    team.loop.turn()
    (made,) = [p for p in team.loop.proposals() if p["source"] == "trigger"]
    shown = entry(team, made["id"])["digest"]
    (work,) = team.loop.claim()
    team.loop.fail(work, "one fails", retryable=False)
    team.refused("016", "ada", "select * from fn_approve_proposal(fn_as_shown(%s, %s))", made["id"], shown)
    team.loop.rows(
        "select * from fn_approve_proposal(fn_as_shown(%s, %s))",
        made["id"],
        entry(team, made["id"])["digest"],
    )


def test_a_pattern_may_fill_a_rationale_from_its_event(team):
    team.loop.react(
        {"template": {"title": "t", "rationale": "host {{event.data.host}} is down", "steps": [WORK]}}
    )
    team.loop.emit(data={"host": "db1"})
    team.loop.turn()
    (made,) = team.loop.proposals()
    assert entry(team, made["id"])["rationale"] == "host db1 is down"


@pytest.mark.parametrize(
    "fields",
    [
        {"rationale": 7},
        {"rationale": ""},
        {"refs": "https://x/"},
        {"refs": [1]},
        {"refs": ["x" * 2001]},
        {"refs": ["x"] * 51},
        {"rationale": "{{steps.a.result}}"},
    ],
)
def test_what_is_no_rationale_is_a_fault(loop, fields):
    loop.refused(
        "004", "select * from fn_create_proposal(%s)", {"title": "t", "steps": [step("a")], **fields}
    )


def test_a_chat_is_told_why(team):
    team.rules(rule(oncall=1), groups={"oncall": ["ada"]}, publish=["proposal:*"])
    team.propose("bob", rationale="disk is full", refs=["INC-7"])
    (sent,) = team.loop.rows("select payload from outbox")
    assert (sent["payload"]["rationale"], sent["payload"]["refs"]) == ("disk is full", ["INC-7"])
