"""Events and reactions that were written by hand, as the operations runbook does it, are worked off."""

import pytest

from looping import template


def test_an_event_inserted_by_hand_is_looked_at_by_the_next_heartbeat(loop):
    loop.allow()
    loop.react({"event_type": "signal"})
    loop.do("insert into ops_agent_events (type, data) values ('signal', %s)", {"n": 1})
    assert loop.turn()["triggerResult"] == {"events": 1, "queued": 1}
    assert [p["status"] for p in loop.proposals()] == ["auto_approved"]
    assert loop.broken() == []


def test_an_event_whose_processed_at_is_set_back_is_looked_at_again_and_no_pattern_reacts_twice(loop):
    loop.react({"name": "one"})
    event = loop.emit()
    loop.turn()
    loop.react({"name": "one"}, {"name": "two"})
    loop.do("update ops_agent_events set processed_at = null where id = %s", event)
    assert loop.turn()["triggerResult"] == {"events": 1, "queued": 1}
    assert sorted(r["pattern"] for r in loop.reactions()) == ["one", "two"]
    assert loop.turn()["triggerResult"] == {"events": 0, "queued": 0}
    assert loop.broken() == []


def test_events_that_wait_in_the_queue_are_not_queued_twice(loop):
    loop.rows("select fn_emit_event('noise') from generate_series(1, 60)")
    loop.heartbeat(10)
    loop.heartbeat(10)
    assert loop.value("select count(*) from ops_ready where lane = 1") == 40


@pytest.mark.parametrize("rows", [20_000, 20_001])
def test_twenty_thousand_events_by_hand_are_found_in_one_round(loop, rows):
    loop.do("insert into ops_agent_events (type) select 'noise' from generate_series(1, %s)", rows)
    loop.heartbeat(1)
    assert loop.value("select count(*) from ops_ready where lane = 1") == 19_999
    loop.heartbeat(1)
    loop.advance(1.1)
    loop.heartbeat(1)
    assert loop.value("select count(*) from ops_ready where lane = 1") == rows - 3


def test_a_heartbeat_right_after_the_last_does_not_read_a_large_table_again(loop):
    loop.do(
        "insert into ops_agent_events (type, processed_at) select 'noise', now() from generate_series(1, 5000)"
    )
    loop.heartbeat()
    swept = loop.value("select swept_at from ops_sweep where name = 'events'")
    loop.stop_clock(swept)
    loop.heartbeat()
    loop.do("insert into ops_agent_events (type) values ('noise')")
    assert loop.heartbeat()["triggerResult"]["events"] == 0
    loop.advance(1.3)
    assert loop.heartbeat()["triggerResult"]["events"] == 1


@pytest.mark.parametrize("status", ["queued", "processing"])
def test_a_failed_reaction_set_back_by_hand_is_proposed(loop, status):
    loop.react({"template": template()})
    loop.emit()
    loop.rows("select fn_evaluate_triggers()")
    loop.do("delete from ops_ready where lane = 2")
    loop.do("update ops_agent_reactions set status = 'failed', reason = 'by hand'")
    loop.turn()
    assert loop.proposals() == []
    loop.do("update ops_agent_reactions set status = %s", status)
    assert loop.turn()["reactionResult"] == {"processed": 1, "created": 1}
    assert [r["status"] for r in loop.reactions()] == ["done"]
    assert loop.broken() == []


def test_a_reaction_that_made_its_proposal_makes_no_second_one(loop):
    loop.react({})
    loop.emit()
    loop.turn()
    (before,) = loop.reactions()
    loop.do("update ops_agent_reactions set status = 'queued', proposal_id = null")
    loop.turn()
    (after,) = loop.reactions()
    assert (after["status"], after["proposal_id"]) == ("done", before["proposal_id"])
    assert len(loop.proposals()) == 1
    assert loop.broken() == []


def test_a_reaction_inserted_by_hand_without_a_template_fails_with_its_reason(loop):
    event = loop.emit("noise")
    loop.do("insert into ops_agent_reactions (event_id, pattern) values (%s, 'by hand')", event)
    loop.turn()
    (reaction,) = loop.reactions()
    assert reaction["status"] == "failed"
    assert reaction["reason_code"]
    assert loop.broken() == []
