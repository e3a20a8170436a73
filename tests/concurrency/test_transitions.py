"""Transitions between sessions: one wins, nobody waits, a request counts once, a killed session leaves nothing."""

import time

import psycopg
import pytest

from support import at_once, pid_of, run, wait_until, wait_until_blocked
from tracked import audit, directive, move, work


@pytest.fixture
def loop(loop):
    directive(loop)
    return loop


def timed(call):
    """What a call answers, and how many milliseconds it took."""
    began = time.monotonic()
    return call(), (time.monotonic() - began) * 1000


@pytest.fixture
def held(loop, session):
    """Another session that has moved d1 and not committed."""
    other = session()
    other.do("begin")
    assert move(other, request_id="r")["success"]
    return other


@pytest.mark.parametrize("name", ["d1", "SD-d1"])
def test_a_directive_that_is_being_moved_is_refused_at_once_and_leaves_no_row(loop, held, name):
    answer, took = timed(lambda: move(loop, name, request_id="other"))
    assert answer["code"] == "OPS_070"
    assert took < 1000
    assert audit(loop) == []
    held.do("rollback")
    assert move(loop, name, request_id="other")["success"]


@pytest.mark.parametrize("call", ["fn_claim_directive('SD-d1', 's')", "fn_release_directive('d1', 's')"])
def test_nor_can_it_be_claimed_or_released_meanwhile(loop, held, call):
    assert loop.value(f"select {call}")["code"] == "OPS_070"
    held.do("commit")
    assert loop.value(f"select {call}").get("code") != "OPS_070"


def test_the_same_request_in_flight_is_waited_for_no_longer_than_50_ms(loop, held):
    loop.do("set deadlock_timeout = '10s'")
    answer, took = timed(lambda: move(loop, request_id="r"))
    assert (answer["code"], took >= 50) == ("OPS_070", True)
    held.do("commit")
    assert move(loop, request_id="r")["idempotent_hit"]
    assert len(audit(loop)) == 1


def test_the_same_request_of_another_directive_waits_too_and_is_refused(loop, held):
    directive(loop, "d2")
    assert move(loop, "d2", request_id="r")["code"] == "OPS_070"
    held.do("commit")
    assert move(loop, "d2", request_id="r")["code"] == "OPS_075"


def test_other_directives_are_not_held_up(loop, held):
    directive(loop, "d2")
    loop.do("set lock_timeout = '500ms'")
    assert move(loop, "d2", request_id="other")["success"]


def test_of_fifty_sessions_one_wins_by_whichever_name_and_there_is_no_deadlock(loop, session):
    sessions = [session() for _ in range(50)]
    answers = at_once(
        [
            lambda s=s, n=n: move(s, "d1" if n % 2 else "SD-d1", prd_id="d1-p", request_id=f"r{n}")
            for n, s in enumerate(sessions)
        ]
    )
    assert sum(a["success"] for a in answers) == 1
    assert {a["code"] for a in answers if not a["success"]} <= {"OPS_070", "OPS_072"}
    assert [row["status"] for row in audit(loop)] == ["completed"]
    assert loop.value("select transition_version from strategic_directives") == 2
    assert loop.value("select deadlocks from pg_stat_database where datname = current_database()") == 0


def test_of_eight_racers_with_one_request_one_executes_and_the_others_are_hits(loop, session):
    def race(racer):
        answers = [move(racer, request_id="r")]
        while answers[-1].get("code") == "OPS_070":  # 50 ms were not enough on a loaded machine
            answers.append(move(racer, request_id="r"))
        return answers[-1]

    sessions = [session() for _ in range(8)]
    answers = at_once([lambda s=s: race(s) for s in sessions])
    assert [a["success"] for a in answers] == [True] * 8
    assert sorted(a["idempotent_hit"] for a in answers) == [False] + [True] * 7
    assert {a["audit_id"] for a in answers} == {str(row["id"]) for row in audit(loop)}
    assert len(audit(loop)) == 1


def test_all_who_wait_for_a_request_wake_at_once(loop, held, session, connect):
    watcher = connect()
    racers = [session() for _ in range(7)]
    for racer in racers:
        racer.do("alter function _take_request(text) set lock_timeout = '20s'")
    waiting = [
        run(r.conn, "select fn_atomic_transition('exec_to_plan', 'd1', p_request_id => 'r')") for r in racers
    ]
    for racer in racers:
        wait_until_blocked(watcher, racer.conn)
    held.do("commit")
    answers = [next(iter(w.result()[0].values())) for w in waiting]
    assert [a["idempotent_hit"] for a in answers] == [True] * 7


@pytest.mark.parametrize("level", ["repeatable read", "serializable"])
def test_above_read_committed_a_directive_that_was_moved_since_is_a_serialization_failure(
    loop, session, level
):
    other = session()
    other.do(f"begin isolation level {level}")
    other.rows("select * from strategic_directives")
    move(loop)
    with pytest.raises(psycopg.errors.SerializationFailure):
        move(other)
    other.do("rollback")
    assert len(audit(loop)) == 1


def blocked_in_a_step(session, connect):
    """A session whose transition waits for a story that another one holds."""
    holder, mover = session(), session()
    holder.do("begin")
    holder.rows("select * from user_stories for update")
    waiting = run(mover.conn, "select fn_atomic_transition('exec_to_plan', 'd1', 'd1-p', 's', 'r')")
    wait_until_blocked(connect(), mover.conn)
    return holder, mover, waiting


def test_a_cancelled_statement_leaves_one_row_and_the_request_succeeds_afterwards(loop, session, connect):
    before = work(loop)
    holder, mover, waiting = blocked_in_a_step(session, connect)
    loop.value("select pg_cancel_backend(%s)", pid_of(mover.conn))
    (answer,) = waiting.result()[0].values()
    holder.do("rollback")
    assert (answer["success"], answer["error_code"]) == (False, "57014")
    assert work(loop) == before
    (row,) = audit(loop)
    assert row["error_details"] == {key: value for key, value in answer.items() if key != "success"}
    assert move(loop, prd_id="d1-p", request_id="r")["idempotent_hit"] is False


def test_a_killed_session_leaves_nothing_and_the_request_succeeds_afterwards(loop, session, connect):
    before = work(loop)
    holder, mover, waiting = blocked_in_a_step(session, connect)
    pid = pid_of(mover.conn)
    loop.value("select pg_terminate_backend(%s)", pid)
    with pytest.raises(psycopg.OperationalError):
        waiting.result()
    holder.do("rollback")
    wait_until(
        lambda: not loop.rows("select from pg_stat_activity where pid = %s", pid), "the session is gone"
    )
    assert (work(loop), audit(loop)) == (before, [])
    assert move(loop, prd_id="d1-p", request_id="r")["success"]


def test_of_two_sessions_that_store_the_same_run_one_stores_and_one_is_a_hit(loop, session, connect):
    first, second = session(), session()
    store = "select fn_store_sub_agent_result('d1', 'TESTING')"
    first.do("begin")
    stored = first.value(store)
    waiting = run(second.conn, store)
    wait_until_blocked(connect(), second.conn)
    first.do("commit")
    (hit,) = waiting.result()[0].values()
    assert (hit["id"], hit["idempotent_hit"], hit["metadata"]["hits"]) == (stored["id"], True, 1)


def test_two_sessions_that_claim_at_once_get_one_claim(loop, session):
    sessions = [session() for _ in range(10)]
    answers = at_once(
        [
            lambda s=s, n=n: s.value("select fn_claim_directive('d1', %s)", f"s{n}")
            for n, s in enumerate(sessions)
        ]
    )
    assert sum(a["success"] for a in answers) == 1
    assert {a["code"] for a in answers if not a["success"]} <= {"OPS_070", "OPS_071"}
