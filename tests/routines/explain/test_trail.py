"""fn_trail tells how a mission came about and what came of it, from the event to the end."""

from uuid import uuid4

import pytest
from psycopg.types.json import Jsonb

from looping import Loop, Row, step, template


def trail(loop: Loop, subject: object) -> list[Row]:
    return loop.rows("select * from fn_trail(%s)", subject)


def whats(rows: list[Row]) -> list[str]:
    return [r["what"] for r in rows]


@pytest.fixture
def story(loop: Loop) -> Row:
    """An event led to a proposal, voted on and approved; its mission failed once, was held and was decided on."""
    loop.react(
        {
            "name": "clean up",
            "event_type": "disk:full",
            "template": {
                "title": "Clean the disk",
                "risk_level": "high",
                "steps": [step("look"), step("remove", on_lease_lost="hold")],
            },
        },
        {
            "name": "tell",
            "event_type": "mission:succeeded",
            "template": {"title": "Tell", "steps": [step("mail")]},
        },
    )
    event = loop.emit("disk:full", {"host": "db1"})
    loop.turn()
    proposal = loop.proposals()[0]["id"]
    loop.row("select * from fn_cast_vote(%s, 'reviewer', 'approve', 'looks right')", proposal)
    mission = loop.approve(proposal, reason="go ahead")["mission_id"]
    loop.fail(loop.work(mission, "look"), "OPS_007: no luck", after=0)
    loop.complete(loop.work(mission, "look"))
    loop.work(mission, "remove")
    loop.advance(3600)
    loop.turn()
    loop.value(
        "select fn_resolve_step(%s, 'succeeded', 'bob', 'it was done')", loop.step(mission, "remove")["id"]
    )
    loop.turn()
    return {
        "event": event,
        "proposal": proposal,
        "mission": mission,
        "step": loop.step(mission, "look")["id"],
    }


def test_it_tells_all_from_the_event_to_the_end_and_what_came_of_it(loop, story):
    rows = trail(loop, story["mission"])
    assert whats(rows) == [
        "event", "reaction", "proposal", "vote", "proposal approved", "mission",
        "attempt failed", "attempt succeeded", "attempt lost", "step:noop:waiting", "attempt succeeded",
        "mission succeeded",
        "event", "reaction", "proposal", "proposal auto_approved", "mission",
    ]  # fmt: skip
    assert rows[0]["subject"] == "disk:full"
    assert "db1" in rows[0]["detail"]
    assert (rows[1]["subject"], rows[1]["who"]) == ("clean up", "reaction_matrix")
    assert rows[2]["detail"] == "risk high; steps: look (noop), remove (noop)"
    assert (rows[3]["who"], rows[3]["detail"]) == ("reviewer (login postgres)", "approve: looks right")
    assert rows[4]["who"] == "ada (login postgres)"
    assert rows[4]["detail"].startswith(
        "go ahead; auto_approve version 1, proposal_caps version 1, worker_policy version 1"
    )
    assert "attempt 1" in rows[6]["detail"]
    assert "no luck" in rows[6]["detail"]
    assert (rows[10]["who"], "it was done" in rows[10]["detail"]) == ("bob", True)
    assert [r["at"] for r in rows] == sorted(r["at"] for r in rows)


@pytest.mark.parametrize("subject", ["event", "proposal", "step"])
def test_it_is_found_by(loop, story, subject):
    assert whats(trail(loop, story[subject])) == whats(trail(loop, story["mission"]))


def test_it_leads_back_from_what_came_of_a_mission(loop, story):
    told = loop.row("select id from ops_missions where title = 'Tell'")["id"]
    assert whats(trail(loop, told)) == whats(trail(loop, story["mission"]))


def test_what_a_step_proposed_belongs_to_it(loop):
    mission = loop.mission(step("plan"))
    work = loop.work(mission, "plan")
    loop.rows(
        "select * from fn_propose_for_step(%s, %s, %s)",
        work["step_id"],
        work["lease_token"],
        Jsonb([template(step("do"), title="Risky", risk_level="high"), template(step("do"), title="Safe")]),
    )
    loop.complete(work)
    subjects = [(r["what"], r["subject"]) for r in trail(loop, mission)]
    assert ("event", "step:proposed") in subjects
    assert [what for what, subject in subjects if subject == "Risky"] == ["proposal"]
    assert [what for what, subject in subjects if subject == "Safe"] == [
        "proposal",
        "proposal auto_approved",
        "mission",
    ]
    (risky,) = [p for p in loop.proposals() if p["title"] == "Risky"]
    back = [(r["what"], r["subject"]) for r in trail(loop, risky["id"])]
    assert ("attempt succeeded", "plan (noop)") in back
    assert ("proposal", "Risky") in back
    assert ("proposal", "Safe") not in back


def test_an_event_of_which_nothing_came_is_all_there_is(loop):
    assert whats(trail(loop, loop.emit("noise"))) == ["event"]


def test_a_rejected_proposal_ends_its_trail(loop):
    proposal = loop.propose(step("a"), risk_level="high")["proposal_id"]
    loop.row("select * from fn_reject_proposal(%s, 'ada', 'no')", proposal)
    rows = trail(loop, proposal)
    assert whats(rows) == ["proposal", "proposal rejected"]
    assert rows[1]["who"] == "ada (login postgres)"


def test_what_a_person_did_stands_in_it(loop):
    mission = loop.mission(step("a"))
    loop.fail_for_good(mission)
    loop.retry(loop.step(mission)["id"])
    loop.cancel(mission, "enough")
    rows = {r["what"]: r for r in trail(loop, mission)}
    assert rows["step:noop:retried"]["who"] == "ada (login postgres)"
    assert "enough" in rows["mission cancelled"]["detail"]


def test_it_only_reads(loop, story):
    before = loop.contents()
    trail(loop, story["mission"])
    assert loop.contents() == before


def test_an_unknown_id_is_ops_012(loop):
    loop.refused("012", "select * from fn_trail(%s)", uuid4())
    loop.refused("012", "select * from fn_trail(%s)", None)
