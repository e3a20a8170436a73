"""Locks and keys between sessions: nobody waits long, nobody holds what somebody else holds, rollbacks included."""

import threading
from functools import partial

import psycopg
import pytest
from psycopg.types.json import Jsonb

from support import at_once, run, start, wait_until

SERIALIZATION = psycopg.errors.SerializationFailure


def acquire(loop, holder, ttl=60, name="l"):
    return loop.value("select fn_acquire_lock(%s, %s, %s)", name, holder, ttl)


def extend(loop, holder, ttl=60):
    return loop.value("select fn_extend_lock('l', %s, %s)", holder, ttl)


def release(loop, holder):
    return loop.value("select fn_release_lock('l', %s)", holder)


def token(loop, holder):
    return loop.value("select fn_lock_token('l', %s)", holder)


@pytest.fixture
def other(session):
    """Another session, with a transaction open."""
    opened = session()
    opened.do("begin")
    return opened


@pytest.fixture
def impatient(loop):
    """The first session, which fails should it wait for anybody for half a second."""
    loop.do("set lock_timeout = '500ms'")
    return loop


@pytest.mark.parametrize(("end", "free"), [("commit", False), ("rollback", True)])
def test_who_has_acquired_and_not_committed_keeps_others_off_and_nobody_waits(impatient, other, end, free):
    assert acquire(other, "a")
    assert not acquire(impatient, "b")
    other.do(end)
    assert acquire(impatient, "b") is free


def test_an_expired_lock_is_taken_by_one_of_two(impatient, other):
    acquire(impatient, "old", 1)
    impatient.advance(1)
    assert acquire(other, "a")
    assert not acquire(impatient, "b")
    other.do("rollback")
    assert acquire(impatient, "b")


HANGS_ONCE_A_TOKEN_IS_DRAWN = """
  create table hang as select 1;
  create or replace function _now() returns timestamptz language plpgsql volatile set search_path from current as $$
  begin
    while current_setting('test.hangs', true) = 'yes' and (select is_called from distributed_locks_token_seq)
          and exists (select from hang) loop
      perform pg_sleep(0.01);
    end loop;
    return clock_timestamp();
  end; $$"""


def test_nobody_takes_the_lock_from_under_one_who_has_drawn_his_token(loop, session):
    slow = session()
    loop.do(HANGS_ONCE_A_TOKEN_IS_DRAWN)
    slow.do("set test.hangs = 'yes'")
    acquiring = run(slow.conn, "select fn_acquire_lock('l', 'slow') as got")
    wait_until(lambda: loop.value("select is_called from distributed_locks_token_seq"), "he has drawn it")
    assert not acquire(loop, "quick")
    loop.do("delete from hang")
    assert acquiring.result() == [{"got": True}]


@pytest.mark.parametrize(("end", "free"), [("commit", True), ("rollback", False)])
def test_a_release_counts_once_it_is_committed(impatient, other, end, free):
    acquire(impatient, "a")
    assert release(other, "a")
    assert not acquire(impatient, "b")
    other.do(end)
    assert acquire(impatient, "b") is free


def test_a_savepoint_rolled_back_gives_the_lock_back(impatient, other):
    other.do("savepoint s")
    assert acquire(other, "a")
    other.do("rollback to savepoint s")
    assert acquire(impatient, "b")
    assert not acquire(other, "a")


def test_a_prepared_transaction_keeps_others_off(impatient, other):
    assert acquire(other, "a")
    other.do("prepare transaction 'lock'")
    assert not acquire(impatient, "b")
    impatient.do("commit prepared 'lock'")
    assert token(impatient, "a") is not None


def test_a_session_of_the_same_holder_that_does_not_commit_is_waited_for_no_longer_than_50_ms(loop, other):
    acquire(loop, "a")
    assert extend(other, "a", 600)
    loop.do("set lock_timeout = 0")
    loop.do("set statement_timeout = '5s'")
    loop.do("begin")
    assert not extend(loop, "a")
    assert not release(loop, "a")
    assert not acquire(loop, "a")
    assert loop.value("show lock_timeout") == "0", "the caller's own setting is as it was"
    loop.do("commit")
    other.do("commit")
    assert extend(loop, "a")


def test_who_loses_keeps_nothing_from_anybody(impatient, other):
    acquire(impatient, "a", 60)
    for lost in (acquire(other, "b"), extend(other, "b"), release(other, "b")):
        assert not lost
    assert extend(impatient, "a")
    impatient.do("update distributed_locks set expires_at = clock_timestamp()")
    assert not extend(other, "a")
    assert not release(other, "a")
    assert acquire(impatient, "c")
    assert release(impatient, "c")


def test_two_locks_do_not_meet(impatient, other):
    assert acquire(other, "a", name="one")
    assert acquire(impatient, "a", name="two")


# Assertions


def test_an_asserted_lock_stays_with_its_holder_until_the_transaction_ends_even_past_its_time(
    impatient, other
):
    acquire(impatient, "a", 1)
    other.rows("select fn_assert_lock('l', %s)", token(impatient, "a"))
    assert extend(impatient, "a", 1)
    impatient.advance(2)
    assert not acquire(impatient, "b")
    assert impatient.value("select fn_cleanup_expired_locks()") == 0
    other.do("commit")
    assert acquire(impatient, "b")


def test_a_lock_released_while_asserted_is_free_when_that_ends(impatient, other):
    acquire(impatient, "a")
    held = token(impatient, "a")
    other.rows("select fn_assert_lock('l', %s)", held)
    assert release(impatient, "a")
    assert token(impatient, "a") is None
    assert not acquire(impatient, "b")
    other.do("commit")
    assert acquire(impatient, "b")
    assert token(impatient, "b") > held


def test_an_assertion_fails_at_once_when_somebody_is_taking_the_lock(impatient, other):
    acquire(impatient, "a", 1)
    held = token(impatient, "a")
    impatient.advance(2)
    assert acquire(other, "b")
    impatient.refused("030", "select fn_assert_lock('l', %s)", held)


def test_nor_does_it_wait_for_one_who_extended_and_released_and_has_not_committed(impatient, other):
    acquire(impatient, "a")
    held = token(impatient, "a")
    assert extend(other, "a")
    assert release(other, "a")
    impatient.refused("030", "select fn_assert_lock('l', %s)", held)
    other.do("rollback")
    impatient.rows("select fn_assert_lock('l', %s)", held)


# Snapshots


@pytest.fixture(params=["repeatable read", "serializable"])
def snapshot(request, session):
    """A session whose transaction has taken its snapshot."""
    opened = session()
    opened.do(f"begin isolation level {request.param}")
    opened.value("select count(*) from distributed_locks")
    return opened


def test_an_old_snapshot_does_not_take_what_was_taken_since(loop, snapshot):
    acquire(loop, "a")
    with pytest.raises(SERIALIZATION):
        acquire(snapshot, "b")


def test_nor_does_it_wait_for_one_who_is_extending_what_it_does_not_see(loop, snapshot, other):
    acquire(loop, "a")
    extend(other, "a")
    snapshot.do("set local statement_timeout = '5s'")
    assert not acquire(snapshot, "b")


def test_nobody_waits_for_a_row_that_is_being_inserted_by_hand(impatient, other):
    other.do("insert into distributed_locks (lock_name, holder_id, expires_at) values ('l', 'x', now())")
    assert not acquire(impatient, "a")
    other.do("rollback")
    assert acquire(impatient, "a")


def test_nor_what_had_expired_then_and_was_taken_since(loop, session):
    acquire(loop, "old", 1)
    loop.advance(2)
    snapshot = session()
    snapshot.do("begin isolation level repeatable read")
    assert token(snapshot, "old") is None
    acquire(loop, "a")
    with pytest.raises(SERIALIZATION):
        acquire(snapshot, "b")


def test_nor_extends_what_somebody_else_has_by_now(loop, session):
    acquire(loop, "a", 1)
    snapshot = session()
    snapshot.do("begin isolation level repeatable read")
    assert token(snapshot, "a") is not None
    loop.do("delete from distributed_locks")
    acquire(loop, "b")
    with pytest.raises(SERIALIZATION):
        extend(snapshot, "a")


def test_an_old_snapshot_draws_no_token_of_an_older_epoch(loop, snapshot):
    loop.do("update ops_control set epoch = epoch + 1")
    acquire(loop, "a")
    loop.do("delete from distributed_locks")
    with pytest.raises(SERIALIZATION):
        acquire(snapshot, "b")
    snapshot.do("rollback")
    assert acquire(snapshot, "b")


def test_a_fresh_snapshot_acquires_extends_and_releases_like_any_other(loop, snapshot):
    assert acquire(snapshot, "a")
    assert extend(snapshot, "a")
    snapshot.do("commit")
    assert release(loop, "a")


# Durability


@pytest.mark.parametrize("said", ["fn_acquire_lock('l', 'a')", "fn_extend_lock('l', 'a')"])
def test_who_says_that_a_lock_is_held_makes_its_commit_durable(loop, session, said):
    other = session()
    if "extend" in said:
        acquire(loop, "a")
    other.do("set synchronous_commit = off")
    other.do("begin")
    assert other.value(f"select {said}")
    assert other.value("show synchronous_commit") == "local"
    other.do("commit")
    assert other.value("show synchronous_commit") == "off"


# Duties of the heartbeat


def duty(loop):
    return loop.rows("select * from distributed_locks where lock_name = 'heartbeat:duties'")


def test_ten_heartbeats_at_once_do_the_duties_once(loop, session):
    acquire(loop, "a", 1)
    loop.rows("select _count('m10_locks_failed_total') from generate_series(1, 100)")
    loop.advance(2)
    loop.stop_clock()
    before = loop.value("select last_value from distributed_locks_token_seq")
    beating = [session() for _ in range(10)]
    results = at_once([b.heartbeat for b in beating])
    assert all(r["ok"] for r in results), results
    assert loop.value("select last_value from distributed_locks_token_seq") == before + 1
    assert loop.rows("select lock_name from distributed_locks") == [{"lock_name": "heartbeat:duties"}]
    assert loop.rows("select * from ops_counts") == []
    loop.turn()
    assert loop.value("select last_value from distributed_locks_token_seq") == before + 1
    loop.advance(10)
    loop.turn()
    assert loop.value("select last_value from distributed_locks_token_seq") == before + 2


def test_a_heartbeat_that_only_looks_whether_duties_are_due_counts_no_failure(loop):
    loop.turn()
    for _ in range(5):
        loop.turn()
    assert loop.value("select value from fn_metrics() where name = 'm10_locks_failed_total'") == 0
    assert loop.value("select value from fn_metrics() where name = 'm10_locks_acquired_total'") == 0


def test_duties_that_fail_are_done_by_the_next_heartbeat(loop):
    loop.do("alter table ops_idempotency_keys rename to gone")
    result = loop.heartbeat()
    assert [e["phase"] for e in result["errors"]] == ["duties"]
    assert duty(loop) == []
    loop.do("alter table gone rename to ops_idempotency_keys")
    loop.turn()
    assert len(duty(loop)) == 1


def test_a_heartbeat_left_open_with_the_duties_holds_up_no_other(impatient, other):
    other.turn()
    assert impatient.turn()["ok"]


# Idempotency


def take(loop):
    row = loop.row("select * from fn_idempotent('k')")
    return row["fresh"], row["result"]


def store(loop, result):
    loop.rows("select fn_idempotent_result('k', %s)", Jsonb(result))


def test_the_second_waits_for_the_first_and_gets_what_he_stored(loop, other):
    assert take(other) == (True, None)
    second = run(loop.conn, "select * from fn_idempotent('k')")
    other.sees_blocked(loop)
    store(other, "done")
    other.do("commit")
    assert second.result() == [{"fresh": False, "result": "done"}]


def test_when_the_first_rolls_back_the_second_is_fresh(loop, other):
    assert take(other) == (True, None)
    second = run(loop.conn, "select * from fn_idempotent('k')")
    other.sees_blocked(loop)
    other.do("rollback")
    assert second.result() == [{"fresh": True, "result": None}]


def test_who_would_wait_for_more_than_two_seconds_is_told_that_somebody_is_at_it(loop, other):
    take(other)
    loop.refused("031", "select * from fn_idempotent('k')")
    other.do("rollback")


def test_of_twenty_at_once_one_is_fresh_and_the_others_get_his_result(loop, session):
    sessions = [session() for _ in range(20)]

    def work(one):
        one.do("begin")
        fresh, result = take(one)
        if fresh:
            result = one.value("select pg_backend_pid()")
            store(one, result)
        one.do("commit")
        return fresh, result

    answers = at_once([lambda one=one: work(one) for one in sessions])
    assert [fresh for fresh, _ in answers].count(True) == 1
    assert len({result for _, result in answers}) == 1


def test_of_twenty_at_once_one_takes_a_key_that_expired(loop, session):
    take(loop)
    loop.do("update ops_idempotency_keys set expires_at = '2001-01-01'")
    sessions = [session() for _ in range(20)]
    answers = at_once([lambda one=one: take(one) for one in sessions])
    assert [fresh for fresh, _ in answers].count(True) == 1


# Counters


def test_counters_are_exact_whatever_is_rolled_back_and_summed_up_meanwhile(loop, session):
    looking = session()
    over = threading.Event()

    def count(one):
        for n in range(60):
            one.do("begin")
            one.rows("select _count('m10_locks_failed_total', %s)", n)
            one.do("rollback" if n % 3 == 0 else "commit")

    def look():
        seen = [0]
        while not over.is_set():
            seen.append(looking.value("select value from fn_metrics() where name = 'm10_locks_failed_total'"))
        return seen

    def sum_up(one):
        while not over.is_set():
            one.rows("select _duty_base()")

    looks = start(look)
    summing = [start(partial(sum_up, session())) for _ in range(2)]
    at_once([partial(count, session()) for _ in range(6)])
    over.set()
    seen = looks.result()
    for one in summing:
        one.result()
    assert seen == sorted(seen)
    expected = 6 * sum(n for n in range(60) if n % 3)
    assert loop.value("select value from fn_metrics() where name = 'm10_locks_failed_total'") == expected


def test_who_counts_or_sums_up_waits_for_nobody_who_does_the_same(impatient, session):
    count = "select _count('m10_locks_failed_total')"
    impatient.rows(count)
    for hold in (count, "select _duty_base()"):
        busy = session()
        busy.do("begin")
        busy.rows(hold)
        impatient.rows("select _duty_base()" if hold != count else count)
    assert impatient.value("select count(*) from ops_counts") == 2
