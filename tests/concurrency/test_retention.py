"""A purge beside others: it waits for nobody, nobody is told of what is half gone, and it goes on after a crash."""

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from looping import Loop, step, template
from support import run

Session = Callable[[], Loop]
AGO = "interval '100 days'"


def finished(loop: Loop, key: str | None = None) -> Any:
    """A mission that ended a hundred days ago."""
    loop.allow()
    mission = loop.mission(step("a"), key=key)
    (work,) = loop.claim()
    loop.complete(work)
    loop.do(f"update ops_missions set completed_at = completed_at - {AGO}, created_at = created_at - {AGO}")
    loop.do(f"update ops_mission_proposals set counted_at = counted_at - {AGO}")
    loop.do("delete from ops_cap_counters")
    return mission


@pytest.fixture
def document(loop: Loop) -> None:
    """Missions go after ninety days, events and messages after one."""
    loop.value(
        "select fn_set_policy('retention', %s)", {"missions_days": 90, "events_days": 1, "outbox_days": 1}
    )


def purged(loop: Loop) -> Any:
    """One call."""
    return loop.value("select fn_apply_retention()")["purged"]


@pytest.mark.parametrize("table", ["ops_missions", "ops_mission_steps"])
def test_what_another_session_holds_is_passed_over(
    loop: Loop, session: Session, document: None, table: str
) -> None:
    finished(loop)
    other = session()
    with other.conn.transaction():
        other.rows(f"select from {table} for update")
        assert purged(loop) == {}
    assert purged(loop) == {"missions": 1}


def test_one_session_purges_at_a_time_and_the_other_does_not_wait(
    loop: Loop, session: Session, document: None
) -> None:
    finished(loop)
    other = session()
    with other.conn.transaction():
        assert purged(other) == {"missions": 1}
        assert loop.value("select fn_apply_retention()") == {"purged": {}, "more": True}
        assert loop.turn()["ok"]
        assert loop.rows("select * from fn_purge('missions', now() - interval '90 days')")[0]["gone"].count(
            "busy"
        )
    assert loop.value("select count(*) from ops_missions") == 0


def test_what_was_not_committed_is_there_again(loop: Loop, session: Session, document: None) -> None:
    mission = finished(loop, key="k")
    other = session()
    with other.conn.transaction() as transaction:
        assert purged(other) == {"missions": 1}
        raise psycopg.Rollback(transaction)
    assert loop.status(mission) == "succeeded"
    assert loop.propose(step("a"), key="k")["mission_id"] == mission
    assert purged(loop) == {"missions": 1}


def test_a_proposal_whose_key_is_just_being_purged_is_still_a_duplicate(
    loop: Loop, session: Session, document: None
) -> None:
    mission = finished(loop, key="k")
    purging, other = session(), session()
    with purging.conn.transaction():
        assert purged(purging) == {"missions": 1}
        assert other.propose(step("a"), key="k")["mission_id"] == mission
    assert other.propose(step("a"), key="k")["mission_id"] == mission


def test_a_key_that_is_purged_while_its_second_proposal_is_gated_makes_no_second_mission(
    loop: Loop, session: Session, document: None
) -> None:
    """The key is looked up, its row is purged, and only then the proposal is stored."""
    loop.do("alter function _template_digest rename to _digest_of_template")
    loop.do(
        "create function _template_digest(p_template jsonb, p_slots jsonb) returns text language plpgsql"
        " set search_path from current as $$ begin perform pg_advisory_xact_lock_shared(4711);"
        " return _digest_of_template(p_template, p_slots); end $$"
    )
    finished(loop, key="k")
    other, gate = session(), session()
    gate.conn.execute("select pg_advisory_lock(4711)")
    loop.do(
        "update ops_mission_proposals set dedupe_key = null"
    )  # as its snapshot would be too old to see it
    waiting = run(other.conn, "select * from fn_create_proposal(%s, 'manual', 'k')", [Jsonb(template())])
    loop.sees_blocked(other)
    loop.do("update ops_mission_proposals set dedupe_key = 'k'")
    assert purged(loop) == {"missions": 1}
    gate.conn.execute("select pg_advisory_unlock(4711)")
    (answer,) = waiting.result(20)
    assert answer["reason"].startswith("OPS_083")
    assert loop.proposals() == []
    assert loop.value("select count(*) from ops_missions") == 0
    assert loop.value("select count(*) from ops_cap_counters where used > 0") == 0


def test_an_event_waits_for_the_purge_of_its_key_and_is_still_that_one(
    loop: Loop, session: Session, document: None
) -> None:
    event = loop.emit(key="e")
    loop.turn()
    loop.do(f"update ops_agent_events set created_at = created_at - {AGO}")
    purging, other = session(), session()
    with purging.conn.transaction():
        assert purged(purging)["events"] >= 1
        waiting = run(other.conn, "select fn_emit_event('signal', '{}', 'e') as id")
        loop.sees_blocked(other)
    assert [r["id"] for r in waiting.result(20)] == [event]
    assert loop.events("signal") == []


def test_a_message_waits_for_the_purge_of_its_key_and_is_still_that_one(
    loop: Loop, session: Session, document: None
) -> None:
    publish = "select fn_publish_outbox('order', '1', 'order:made', '{}', 'm') as id"
    message = loop.value(publish)
    loop.rows("select * from fn_claim_outbox_events('p', 10)")
    loop.value("select fn_complete_outbox_event(%s, 'p', true)", message)
    loop.do(f"update outbox set created_at = created_at - {AGO}, processed_at = processed_at - {AGO}")
    purging, other = session(), session()
    with purging.conn.transaction():
        assert purged(purging) == {"outbox": 1}
        waiting = run(other.conn, publish)
        loop.sees_blocked(other)
    assert [r["id"] for r in waiting.result(20)] == [message]
    assert loop.value("select count(*) from outbox") == 0


@pytest.mark.parametrize("level", ["REPEATABLE_READ", "SERIALIZABLE"])
def test_above_read_committed_a_key_that_was_purged_since_is_a_serialization_failure(
    loop: Loop, session: Session, document: None, level: str
) -> None:
    finished(loop, key="k")
    other = session()
    other.do(f"begin isolation level {level.replace('_', ' ')}")
    other.rows("select count(*) from ops_policy")
    assert purged(loop) == {"missions": 1}
    with pytest.raises(psycopg.errors.SerializationFailure):
        other.propose(step("a"), key="k")
    other.conn.execute("rollback")
    assert loop.proposals() == []


def test_while_such_a_transaction_is_open_nothing_is_purged(
    loop: Loop, session: Session, document: None
) -> None:
    finished(loop, key="k")
    purged(loop)
    finished(loop, key="l")
    other = session()
    other.conn.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    with other.conn.transaction():
        assert other.propose(step("a"), key="k")["reason"].startswith("OPS_083")
        assert loop.value("select fn_apply_retention()") == {"purged": {}, "more": True}
    assert purged(loop) == {"missions": 1}


def test_a_session_that_is_ended_in_the_middle_leaves_nothing_half(
    loop: Loop, session: Session, document: None
) -> None:
    missions = [finished(loop) for _ in range(3)]
    other = session()
    other.conn.execute("begin")
    assert purged(other) == {"missions": 3}
    loop.value("select pg_terminate_backend(%s)", other.conn.info.backend_pid)
    with pytest.raises(psycopg.OperationalError):
        other.conn.execute("commit")
    assert {r["id"] for r in loop.rows("select id from ops_missions")} == set(missions)
    assert loop.broken() == []
    assert purged(loop) == {"missions": 3}
