"""The order of the outbox while others publish between two statements of a claim.

A claim is several statements, each with a snapshot of its own. Here it is held between two of them: the routine that it
calls next waits for an advisory lock first.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from looping import Loop
from support import Running, start

TAKE = "select id, aggregate_id from fn_claim_outbox_deliveries(%s, %s, %s)"
STOP = 4711


@pytest.fixture(autouse=True)
def routed(loop: Loop) -> None:
    route = {"event_type": "*", "sink": "own"}
    loop.do("select fn_set_policy('outbox', %s)", {"routes": [route], "lease_seconds": 600})


def publish(loop: Loop, *aggregates: str) -> list[int]:
    return [loop.value("select fn_publish_outbox('t', %s, 'e')", a) for a in aggregates]


def stop_before(loop: Loop, routine: str) -> None:
    """Whoever calls that internal routine waits before it for the lock STOP, if somebody has that."""
    row = loop.row(
        "select pg_get_function_arguments(oid) as declared, pg_get_function_result(oid) as result,"
        " (select string_agg('$' || n, ', ') from generate_series(1, pronargs) n) as passed,"
        " exists (select from unnest(proargmodes) m where m = 'o') as row"
        " from pg_proc where proname = %s and pronamespace = current_schema()::regnamespace",
        routine,
    )
    returns = "" if row["row"] else f"returns {row['result']}"
    call = f"{routine}_itself({row['passed']})"
    body = f"return {call};" if not row["row"] else f"select * into {outputs(row['declared'])} from {call} o;"
    loop.do(f"alter function {routine} rename to {routine}_itself")
    loop.do(
        f"create function {routine}({row['declared']}) {returns} language plpgsql set search_path from current as"
        f" $$ begin perform pg_advisory_xact_lock_shared({STOP}); {body} end $$"
    )


def outputs(declared: str) -> str:
    """The names of the OUT parameters among arguments as PostgreSQL declares them."""
    return ", ".join(a.split()[1] for a in declared.split(", ") if a.startswith("OUT "))


@contextmanager
def held_before(loop: Loop, session: Callable[[], Loop], routine: str, *claim: object) -> Iterator[Running]:
    """A claim that waits before `routine`, and goes on behind the block."""
    stop_before(loop, routine)
    gate, claimer = session(), session()
    gate.do("select pg_advisory_lock(%s)", STOP)
    claiming = start(lambda: claimer.rows(TAKE, *claim))
    loop.sees_blocked(claimer)
    yield claiming
    gate.do("select pg_advisory_unlock(%s)", STOP)


def order_of(loop: Loop, first: list[int]) -> list[int]:
    """Messages as they are delivered: what the first claim got, then what the next ones get of all aggregates."""
    got, more = [], {"a": first}
    while more:
        for number in (n for ids in more.values() for n in ids):
            loop.value("select fn_complete_outbox_event(%s, 'p')", number)
        got += more.get("a", [])
        more = {}
        for row in loop.rows(TAKE, "p", 10, 10):
            more.setdefault(row["aggregate_id"], []).append(row["id"])
    return got


def test_a_message_of_a_lower_number_committed_behind_the_front_is_not_overtaken(loop, session):
    other = session()
    other.do("begin")
    (late,) = publish(other, "a")
    publish(loop, "b")  # the front of the lane
    with held_before(loop, session, "_read_outbox_hints", "p", 10, 10) as claiming:
        other.do("commit")
        (second,) = publish(loop, "a")
    got = [r["id"] for r in claiming.result() if r["aggregate_id"] == "a"]
    assert order_of(loop, got) == [late, second]


def test_two_messages_of_one_transaction_that_commits_at_the_front_keep_their_order(loop, session):
    other = session()
    other.do("begin")
    (first,) = publish(other, "a")
    publish(loop, "b")
    (second,) = publish(other, "a")
    with held_before(loop, session, "_read_outbox_hints", "p", 10, 10) as claiming:
        other.do("commit")
    got = [r["id"] for r in claiming.result() if r["aggregate_id"] == "a"]
    assert order_of(loop, got) == [first, second]


def test_a_message_committed_below_what_a_claim_has_found_is_not_overtaken_by_later_ones(loop, session):
    other = session()
    other.do("begin")
    (late,) = publish(other, "a")
    (found,) = publish(loop, "a")
    with held_before(loop, session, "_lease_heads", "p", 10, 10) as claiming:
        other.do("commit")
        (last,) = publish(loop, "a")
    assert order_of(loop, [r["id"] for r in claiming.result()]) == [found, late, last]


def test_savepoints_of_the_publisher_change_nothing(loop, session):
    other = session()
    other.do("begin")
    publish(other, "elsewhere")
    with other.savepoint():
        (first,) = publish(other, "a")
    (found,) = publish(loop, "a")
    with other.savepoint():
        (last,) = publish(other, "a")
    with held_before(loop, session, "_lease_heads", "p", 10, 10) as claiming:
        other.do("commit")
    got = order_of(loop, [r["id"] for r in claiming.result() if r["aggregate_id"] == "a"])
    assert got == [found, first, last]


def test_between_two_rounds_of_a_claim_nothing_is_overtaken(loop, session):
    publish(loop, *["b"] * 100)  # what the first round reads
    other = session()
    other.do("begin")
    (late,) = publish(other, "a")
    publish(loop, *["b"] * 100)
    with held_before(loop, session, "_lock_heads", "p", 10, 1) as claiming:
        other.do("commit")
        (second,) = publish(loop, "a")
    got = [r["id"] for r in claiming.result() if r["aggregate_id"] == "a"]
    assert [n for n in order_of(loop, got) if n in (late, second)] == [late, second]


def test_what_came_while_a_claim_ran_is_found_by_the_next_one(loop, session):
    (first,) = publish(loop, "a")
    with held_before(loop, session, "_lock_heads", "p", 10, 10) as claiming:
        (last,) = publish(loop, "a")
        loop.do("update outbox set processed_at = now() where id = %s", first)
    assert [r["id"] for r in claiming.result()] == []
    assert [r["id"] for r in loop.rows(TAKE, "p", 10, 10)] == [last]
