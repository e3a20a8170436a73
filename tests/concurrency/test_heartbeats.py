"""Heartbeats at once: any number may beat; each thing is done once, and nobody is waited for."""

import pytest

from looping import step, template
from support import at_once, run


def beat_at_once(session, count):
    loops = [session() for _ in range(count)]
    return at_once([beating.heartbeat for beating in loops])


def total(results, part, name):
    return sum(r[part][name] for r in results)


def test_ten_at_once_look_at_every_event_once_and_propose_every_reaction_once(loop, session):
    loop.react({"name": "one"}, {"name": "two"})
    loop.rows("select fn_emit_event('signal', '{}') from generate_series(1, 120)")
    results = beat_at_once(session, 10)
    results += [loop.heartbeat(500, 500) for _ in range(2)]
    assert all(r["ok"] for r in results), results
    assert total(results, "triggerResult", "events") == 120
    assert total(results, "triggerResult", "queued") == 240
    assert total(results, "reactionResult", "created") == 240
    assert len(loop.reactions()) == len(loop.proposals()) == 240
    assert loop.value("select count(*) from ops_missions") == 240


def test_a_cooldown_is_exact_under_ten_heartbeats(loop, session):
    loop.react({"name": "calm", "cooldown_minutes": 60}, {"name": "calmer", "cooldown_minutes": 600})
    loop.rows("select fn_emit_event('signal', '{}') from generate_series(1, 100)")
    loops = [session() for _ in range(10)]
    results = at_once([lambda b=b: b.heartbeat(10, 10) for b in loops])
    results.append(loop.heartbeat(200, 200))
    assert all(r["ok"] for r in results), results
    assert total(results, "triggerResult", "events") == 100
    assert sorted(r["pattern"] for r in loop.reactions()) == ["calm", "calmer"]


def test_a_cooldown_that_another_heartbeat_is_just_beginning_is_waited_for_and_kept(loop, session):
    loop.react({"cooldown_minutes": 60})
    loop.emit()
    other, third = session(), session()
    other.do("begin")
    assert other.heartbeat()["triggerResult"] == {"events": 1, "queued": 1}
    loop.emit()
    beating = run(third.conn, "select fn_heartbeat() as result")
    assert not beating.done()
    other.do("commit")
    assert beating.result()[0]["result"]["triggerResult"] == {"events": 1, "queued": 0}


def test_one_left_open_in_a_transaction_does_not_hold_up_the_others_for_good(loop, session):
    loop.react({"cooldown_minutes": 60})
    loop.emit()
    left_open = session()
    left_open.do("begin")
    left_open.turn()
    loop.emit()
    result = loop.heartbeat()
    assert [(e["phase"], e["code"]) for e in result["errors"]] == [("triggers", "55P03")]
    left_open.do("rollback")
    assert loop.turn()["triggerResult"] == {"events": 2, "queued": 1}


def test_a_dedupe_key_is_exact_under_ten_heartbeats(loop, session):
    loop.react({"dedupe_key": "host {{event.data.host}}", "template": template(step("a"))})
    loop.rows(
        "select fn_emit_event('signal', jsonb_build_object('host', mod(n, 3))) from generate_series(1, 90) n"
    )
    loops = [session() for _ in range(10)]
    results = at_once([lambda b=b: b.heartbeat(9, 9) for b in loops])
    results += [loop.heartbeat(200, 200)]
    assert all(r["ok"] for r in results), results
    assert total(results, "reactionResult", "created") == 3
    assert {p["dedupe_key"] for p in loop.proposals()} == {"host 0", "host 1", "host 2"}
    assert {r["status"] for r in loop.reactions()} == {"done"}


def test_what_was_lost_is_taken_back_once(loop, session):
    for _ in range(20):
        loop.mission(step("a"))
    for _ in range(20):
        loop.claim()
    loop.advance(3600)
    results = beat_at_once(session, 10)
    results.append(loop.heartbeat())
    assert total(results, "leaseResult", "requeued_steps") == 20
    assert loop.value("select array_agg(distinct failure_count) from ops_mission_steps") == [1]
    assert len(loop.claim(50)) == 20


def test_a_hand_queued_step_is_adopted_once(loop, session):
    missions = [loop.mission(step("a")) for _ in range(5)]
    for mission in missions:
        loop.cancel(mission)
        loop.queue_by_hand(loop.step(mission)["id"])
    results = beat_at_once(session, 10)
    results.append(loop.heartbeat())
    assert total(results, "staleResult", "recovered") == 5
    assert len(loop.claim(50)) == 5


@pytest.mark.parametrize("held", ["mission", "sibling", "claim"])
def test_a_heartbeat_waits_for_nobody_who_keeps_a_row_of_the_mission(loop, session, held):
    mission = loop.mission(step("a", after=[]), step("b", after=[]))
    (work,) = loop.claim()
    other = session()
    loop.advance(3600)
    other.do("begin")
    if held == "mission":
        other.row("select * from ops_missions where id = %s for update", mission)
    elif held == "sibling":
        other.row("select * from ops_mission_steps where mission_id = %s and key = 'b' for update", mission)
    else:
        other.claim()
    loop.do("set lock_timeout = '2s'")
    result = loop.heartbeat()
    assert result["ok"], result
    assert result["leaseResult"] == {"requeued_steps": 0, "failed_steps": 0}
    other.do("commit")
    loop.advance(2)
    assert loop.heartbeat()["leaseResult"] == {"requeued_steps": 1, "failed_steps": 0}
    assert loop.step(mission, work["key"])["status"] == "queued"


def test_nor_when_it_adopts_the_only_step_of_a_mission(loop, session):
    mission = loop.mission(step("a"))
    loop.fail_for_good(mission)
    loop.queue_by_hand(loop.step(mission)["id"])
    other = session()
    other.do("begin")
    other.row("select * from ops_mission_steps where mission_id = %s for update", mission)
    loop.do("set lock_timeout = '2s'")
    result = loop.heartbeat()
    assert result["ok"], result
    assert result["staleResult"]["recovered"] == 0
    other.do("commit")
    assert loop.turn()["staleResult"]["recovered"] == 1


def test_a_reaction_whose_dedupe_key_somebody_is_inserting_stays_queued_behind_the_others(loop, session):
    loop.mission(step("a"))  # the lane of noop is there
    loop.react({"dedupe_key": "{{event.data.key}}"})
    for key in ("held", "free"):
        loop.emit("signal", {"key": key})
    other = session()
    other.do("begin")
    other.do(
        """insert into ops_mission_proposals (id, dedupe_key, source, template, template_digest)
             values (gen_random_uuid(), 'held', 'trigger', '{}', '')"""
    )
    assert loop.turn()["reactionResult"] == {"processed": 1, "created": 1}
    assert [r["status"] for r in loop.reactions()] == ["queued", "done"]
    assert [p["dedupe_key"] for p in loop.proposals()] == [None, "free"]
    other.do("rollback")
    assert loop.turn()["reactionResult"] == {"processed": 1, "created": 1}
    assert [r["status"] for r in loop.reactions()] == ["done", "done"]


def test_nor_when_it_adopts(loop, session):
    mission = loop.mission(step("a"), step("b"))
    loop.fail_for_good(mission)
    loop.queue_by_hand(loop.step(mission)["id"])
    other = session()
    other.do("begin")
    other.row("select * from ops_missions where id = %s for no key update", mission)
    loop.do("set lock_timeout = '2s'")
    assert loop.turn()["staleResult"] == {"recovered": 0}
    other.do("commit")
    assert loop.turn()["staleResult"] == {"recovered": 1}
