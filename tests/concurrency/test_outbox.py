"""Processors that race for the outbox: nobody holds what another one has, nobody overtakes, nobody waits."""

import random
from threading import Lock

import psycopg
import pytest

from support import at_once, start, wait_until_blocked

TAKE = "select id, aggregate_id from fn_claim_outbox_deliveries(%s, %s, %s)"


@pytest.fixture(autouse=True)
def routed(loop):
    route = {"event_type": "*", "sink": "own"}
    loop.do("select fn_set_policy('outbox', %s)", {"routes": [route], "lease_seconds": 600})


def publish(loop, *aggregates):
    return [loop.value("select fn_publish_outbox('t', %s, 'e')", a) for a in aggregates]


def test_what_an_open_claim_took_is_not_overtaken_and_comes_back_when_it_is_rolled_back(loop, session):
    other = session()
    (first,) = publish(loop, "a")
    other.do("begin")
    assert [r["id"] for r in other.rows(TAKE, "q", 10, 1)] == [first]
    second, elsewhere = publish(loop, "a", "b")
    assert [r["id"] for r in loop.rows(TAKE, "p", 10, 5)] == [elsewhere]
    other.do("rollback")
    assert [r["id"] for r in loop.rows(TAKE, "p", 10, 5)] == [first, second]


def test_a_message_that_is_committed_late_still_comes_and_before_what_is_published_after_it(loop, session):
    other = session()
    other.do("begin")
    (late,) = publish(other, "a")
    first, second = publish(loop, "a", "a")
    assert [r["id"] for r in loop.rows(TAKE, "p", 10, 1)] == [first]
    assert loop.value("select fn_complete_outbox_event(%s, 'p')", first)
    other.do("commit")
    (last,) = publish(loop, "a")
    assert [r["id"] for r in loop.rows(TAKE, "p", 10, 5)] == [late, second, last]


def test_a_claim_that_passed_a_message_does_not_overtake_it_when_it_comes_free(loop, session, connect):
    other, third, claimer = session(), session(), session()
    (first,) = publish(loop, "a")
    other.do("begin")
    assert [r["id"] for r in other.rows(TAKE, "q", 10, 1)] == [first]
    between = publish(loop, *["b"] * 120)  # more than the first round of a claim of thirty reads
    (second,) = publish(loop, "a")
    third.do("begin")
    third.do("insert into outbox_heads (aggregate_type, aggregate_id, mark) values ('t', 'b', 0)")
    claiming = start(lambda: claimer.rows(TAKE, "p", 30, 10))
    wait_until_blocked(connect(), claimer.conn)  # in its first round: it has seen that `first` is being taken
    other.do("rollback")
    third.do("rollback")
    assert [r["id"] for r in claiming.result()] == between[:10]
    assert [r["id"] for r in loop.rows(TAKE, "r", 10, 5)] == [first, second]


def test_publishing_about_an_aggregate_waits_for_nobody_who_has_it_or_publishes_about_it(loop, session):
    other, third = session(), session()
    publish(loop, "a")
    other.do("begin")
    other.rows(TAKE, "q", 10, 1)
    third.do("begin")
    publish(third, "a")
    loop.do("set statement_timeout = '5s'")
    publish(loop, "a")
    other.do("rollback")
    third.do("commit")
    assert len(loop.rows(TAKE, "p", 10, 5)) == 3


def test_processors_that_race_share_the_messages_and_keep_the_order(loop, session):
    sessions = [session() for _ in range(6)]
    lock, publishing, seen, held = Lock(), Lock(), {}, set()

    def work(number):
        mine, chance, done = sessions[number], random.Random(number), 0
        while done < 20:
            if chance.random() < 0.3:
                with publishing:  # those who publish about one thing at a time have an order to be kept
                    publish(mine, *(chance.choice("abcdefgh") for _ in range(3)))
            mine.do("begin")
            rows = mine.rows(TAKE, f"p{number}", 5, chance.choice([1, 3]))
            if chance.random() < 0.2:
                mine.do("rollback")
                continue
            mine.do("commit")
            done += 1
            with lock:
                for aggregate in {r["aggregate_id"] for r in rows}:
                    assert aggregate not in held
                    held.add(aggregate)
                for row in rows:
                    seen.setdefault(row["aggregate_id"], []).append(row["id"])
            with lock:
                held.difference_update(r["aggregate_id"] for r in rows)
            for row in rows:
                assert mine.value("select fn_complete_outbox_event(%s, %s)", row["id"], f"p{number}")
        return done

    publish(loop, *("abcdefgh" * 10))
    at_once([lambda n=n: work(n) for n in range(6)])
    assert {a: ids for a, ids in seen.items() if ids != sorted(ids) or len(ids) != len(set(ids))} == {}
    assert loop.rows("select * from fn_check_invariants()") == []


def test_a_report_names_who_holds_the_aggregate_after_two_seconds(loop, session):
    other = session()
    (message,) = publish(loop, "a")
    assert [r["id"] for r in loop.rows(TAKE, "p", 10, 1)] == [message]
    other.do("begin")
    other.do("select from outbox_heads where aggregate_id = 'a' for update")
    with pytest.raises(psycopg.Error) as refused:
        loop.value("select fn_complete_outbox_event(%s, 'p')", message)
    assert refused.value.sqlstate == "OP031"
    assert f"session {other.conn.info.backend_pid} of login" in str(refused.value)
    assert "the outbox of t a" in str(refused.value)
    other.do("rollback")
    assert loop.value("select fn_complete_outbox_event(%s, 'p')", message) is True
