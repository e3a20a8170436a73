"""A hundred who redrive the same dead letter, and what the one who is first does to the others."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest

from looping import Loop, step
from support import run, wait_until

REDRIVE = "select redriven, replay_id, new_msg_id from fn_redrive_dead_letter(%s, %s)"
CALLERS = 100
Connect = Callable[..., psycopg.Connection[Any]]


@pytest.fixture
def letter(conn: psycopg.Connection[Any]) -> str:
    """The letter of a step that failed for good."""
    loop = Loop(conn)
    loop.fail_for_good(loop.mission(step("a")))
    return str(loop.value("select dl_msg_id from dead_letter_archive"))


def test_a_hundred_callers_have_one_effect(connect: Connect, letter: str) -> None:
    sessions = [connect() for _ in range(CALLERS)]
    with ThreadPoolExecutor(CALLERS) as threads:
        answers = list(
            threads.map(
                lambda n: sessions[n].execute(REDRIVE, (letter, f"caller {n}")).fetchone(), range(CALLERS)
            )
        )

    loop = Loop(sessions[0])
    assert sorted(a[0] for a in answers if a) == [False] * (CALLERS - 1) + [True]
    assert len({a[1:] for a in answers if a}) == 1
    assert loop.value("select count(*) from replay_log") == 1
    assert len(loop.claim(limit=10)) == 1
    assert len(loop.events("step:noop:retried")) == 1
    assert (
        loop.value("select value from fn_metrics() where name = 'm10_replay_duplicates_total'") == CALLERS - 1
    )
    assert loop.rows("select * from fn_check_invariants()") == []


def test_when_the_first_is_rolled_back_the_next_one_does_it(connect: Connect, letter: str) -> None:
    first, second = connect(autocommit=False), connect()
    assert first.execute(REDRIVE, (letter, "first")).fetchone()[0] is True  # type: ignore[index]
    with ThreadPoolExecutor(1) as thread:
        waiting = thread.submit(lambda: second.execute(REDRIVE, (letter, "second")).fetchone())
        watch = connect()
        wait_until(
            lambda: watch.execute("select 1 from pg_locks where not granted").fetchall(),
            "the second one waits",
        )
        first.rollback()
        answer = waiting.result(20)

    assert answer is not None
    assert answer[0] is True
    assert Loop(watch).value("select replayed_by from replay_log") == "second"


def test_two_who_redrive_all_share_the_work(connect: Connect, conn: psycopg.Connection[Any]) -> None:
    loop = Loop(conn)
    for _ in range(20):
        loop.fail_for_good(loop.mission(step("a")))
    many = "select dl_msg_id, outcome from fn_redrive_dead_letters('{}', 100, false)"
    first, second = connect(autocommit=False), connect()
    with first.transaction():
        first.execute("select from dead_letter_archive where id % 2 = 0 for update")
        theirs = second.execute(many).fetchall()
    ours = first.execute(many).fetchall()
    first.commit()

    assert {outcome for _, outcome in theirs + ours} == {"redriven"}
    assert len({name for name, _ in theirs + ours}) == 20
    assert len(theirs) == 10
    assert loop.rows("select * from fn_check_invariants()") == []


def test_a_redrive_waits_for_whoever_records_that_the_letter_is_replayed(
    connect: Connect, conn: psycopg.Connection[Any]
) -> None:
    conn.execute("select fn_archive_dead_letter('dl-1', 'msg-1')")
    first, second = connect(autocommit=False), Loop(connect())
    first.execute("select fn_record_replay('msg-1 anew', 'dl-1')")
    waiting = run(second.conn, REDRIVE, ("dl-1", "second"))
    Loop(conn).sees_blocked(second)
    first.commit()

    (answer,) = waiting.result()
    assert answer["redriven"] is False
    assert second.events("dead_letter:%") == []
