"""What was purged is remembered: its dedupe keys are taken, and its ids are answered by a date."""

import pytest

from looping import step, template


def test_a_proposal_with_the_key_of_a_purged_one_is_still_a_duplicate(loop, retention):
    retention.document(missions_days=90)
    mission = retention.finished(key="k")
    proposal = loop.the_mission(mission)["proposal_id"]
    retention.days(91)
    assert retention.purge() == {"missions": 1}
    again = loop.propose(step("a"), key="k")
    assert (again["proposal_id"], again["mission_id"]) == (proposal, mission)
    assert again["status"] == "auto_approved"
    assert again["reason"].startswith("OPS_083: purged on ")
    assert loop.proposals() == []
    assert loop.value("select count(*) from ops_missions") == 0
    # Another key of the same batch is proposed.
    made = loop.propose(step("a"), key="other")
    assert made["mission_id"] not in (None, mission)


def test_keys_of_callers_and_of_reactions_are_apart_when_purged_too(loop, retention):
    retention.document(missions_days=90)
    loop.react({"dedupe_key": "k"})
    retention.finished(key="k")
    retention.days(91)
    retention.purge()
    loop.emit()
    loop.turn()
    assert [p["dedupe_key"] for p in loop.proposals()] == ["k"]


def test_a_reaction_with_the_key_of_a_purged_proposal_refers_to_that(loop, retention):
    retention.document(missions_days=90, events_days=90)
    loop.allow()
    loop.react({"dedupe_key": "k"})
    loop.emit()
    loop.turn()
    (work,) = loop.claim()
    loop.complete(work)
    (first,) = loop.proposals()
    loop.turn()
    retention.days(91)
    retention.purge()
    assert loop.proposals() == []
    loop.emit()
    loop.turn()
    (reaction,) = loop.reactions()
    assert (reaction["status"], reaction["proposal_id"]) == ("done", first["id"])
    assert loop.proposals() == []
    assert loop.broken() == []


def test_an_event_with_the_key_of_a_purged_one_is_still_that_one(loop, retention):
    retention.document(events_days=30)
    event = loop.emit(key="e")
    loop.turn()
    retention.days(31)
    assert retention.purge()["events"] >= 1
    assert loop.emit(key="e") == event
    assert loop.events() == []
    assert loop.value("select count(*) from ops_ready") == 0
    assert loop.emit(key="f") != event


def test_a_message_with_the_key_of_a_purged_one_is_still_that_one(loop, retention):
    retention.document(outbox_days=30)
    publish = "select fn_publish_outbox('order', '1', 'order:made', '{}', 'm')"
    message = loop.value(publish)
    (claimed,) = loop.rows("select * from fn_claim_outbox_events('p', 10)")
    assert loop.value("select fn_complete_outbox_event(%s, 'p', true, null)", claimed["id"])
    retention.days(31)
    assert retention.purge() == {"outbox": 1}
    assert loop.value(publish) == message
    assert loop.value("select count(*) from outbox") == 0
    assert loop.value("select count(*) from ops_ready") == 0


def test_a_key_is_free_again_after_dedupe_days(loop, retention):
    retention.document(missions_days=90, dedupe_days=10)
    retention.finished(key="k")
    retention.days(91)
    retention.purge()
    retention.days(9)
    assert loop.propose(step("a"), key="k")["reason"].startswith("OPS_083")
    retention.days(2)
    assert loop.propose(step("a"), key="k")["reason"] is None or loop.proposals() != []
    assert retention.purge() == {"keys": 1}
    assert loop.value("select count(*) from ops_spent_keys") == 0


QUESTIONS = [
    ("mission", "select * from fn_explain_mission(%s)"),
    ("mission", "select * from fn_trail(%s)"),
    ("mission", "select * from fn_mission_results(%s)"),
    ("mission", "select * from fn_list_steps(p_mission_id => %s)"),
    ("mission", "select fn_cancel_mission(%s)"),
    ("mission", "select fn_pause('mission', %s::text)"),
    ("mission", "select * from fn_explain_cause(%s)"),
    ("step", "select * from fn_explain_step(%s)"),
    ("step", "select * from fn_trail(%s)"),
    ("step", "select fn_retry_step(%s)"),
    ("step", "select fn_resolve_step(%s, 'succeeded')"),
    ("proposal", "select * from fn_explain_proposal(%s)"),
    ("proposal", "select * from fn_trail(%s)"),
    ("proposal", "select * from fn_gate_proposal(%s)"),
    ("proposal", "select * from fn_approve_proposal(%s)"),
    ("event", "select * from fn_trail(%s)"),
    ("derived", "select * from fn_trail(%s)"),
]


@pytest.mark.parametrize(("what", "question"), QUESTIONS)
def test_an_id_that_was_purged_is_answered_by_its_date(loop, retention, what, question):
    retention.document(missions_days=90)
    mission = retention.finished()
    proposal = loop.the_mission(mission)["proposal_id"]
    a_step = loop.step(mission)["id"]
    derived = loop.value("select id from ops_events where type = 'mission:succeeded'")
    event = loop.emit(mission=mission)
    loop.turn()
    retention.days(91)
    retention.purge()
    ids = {"mission": mission, "proposal": proposal, "step": a_step, "event": event, "derived": derived}
    diag = loop.refused("083", question, ids[what])
    assert "was purged on 20" in diag.message_primary


def test_the_records_of_the_purge_go_with_history(loop, retention):
    retention.document(missions_days=90, history_days=400)
    mission = retention.finished()
    retention.days(91)
    retention.purge()
    retention.days(399)
    loop.refused("083", "select * from fn_trail(%s)", mission)
    retention.days(2)
    retention.purge()
    loop.refused("012", "select * from fn_trail(%s)", mission)


def test_a_template_of_a_purged_key_in_a_batch_with_others(loop, retention):
    retention.document(missions_days=90)
    mission = retention.finished(key="k")
    retention.days(91)
    retention.purge()
    loop.allow()
    from psycopg.types.json import Jsonb

    rows = loop.rows(
        "select * from fn_create_proposals(%s)",
        Jsonb(
            [
                {"template": template(step("a")), "source": "manual", "dedupe_key": k}
                for k in ("j", "k", "k", "l")
            ]
        ),
    )
    assert [r["mission_id"] == mission for r in rows] == [False, True, True, False]
    assert len(loop.proposals()) == 2
    assert loop.broken() == []
