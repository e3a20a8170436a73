"""opsloop.lock: kept while its block runs, and the block is told when it is lost."""

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

import opsloop
from opsloop import Client, errors
from support import start, wait_until

Conn = psycopg.Connection[Any]
Connect = Callable[..., Conn]
Make = Callable[..., opsloop.Lock]

SESSIONS = "select pid from pg_stat_activity where application_name = 'opsloop lock' and datname = current_database()"


@pytest.fixture
def lock(dsn: str) -> Make:
    """Makes a lock on this test's database; its time to live is a second."""

    def make(name: str = "report", ttl: int = 1, **settings: Any) -> opsloop.Lock:
        return opsloop.lock(name, ttl, dsn=dsn, **settings)

    return make


def holder(conn: Conn, name: str = "report") -> str | None:
    row = conn.execute(
        "select holder_id from distributed_locks where lock_name = %s and expires_at > clock_timestamp()",
        (name,),
    ).fetchone()
    return row[0] if row else None


def outlived(conn: Conn) -> bool:
    """Whether it has been held for longer than its time to live."""
    row = conn.execute(
        "select clock_timestamp() > acquired_at + interval '1 s' from distributed_locks"
    ).fetchone()
    return bool(row and row[0])


def sessions(conn: Conn) -> list[int]:
    return [pid for (pid,) in conn.execute(SESSIONS).fetchall()]


def test_one_holds_it_and_another_is_told_so_at_once(conn: Conn, lock: Make) -> None:
    with lock() as held:
        assert holder(conn) == held.holder
        with pytest.raises(errors.Busy), lock():
            raise AssertionError("entered")
        with lock("another"):
            pass
        held.check()
    assert holder(conn) is None
    with lock() as later:
        later.check()
    wait_until(lambda: sessions(conn) == [], "all connections are closed")


def held_token(conn: Conn, held: opsloop.Lock) -> int:
    token = Client(conn).lock_token(held.name, held.holder)
    assert token is not None
    return token


def test_each_holder_has_a_higher_token(conn: Conn, lock: Make) -> None:
    tokens = []
    for _ in range(3):
        with lock() as held:
            assert held.token == held_token(conn, held)
            tokens.append(held.token)
    assert tokens == sorted(set(tokens))


def test_it_is_kept_for_longer_than_its_time_to_live(conn: Conn, lock: Make) -> None:
    with lock() as held:
        wait_until(lambda: outlived(conn), "its first time is over")
        held.check()
        assert holder(conn) == held.holder


def test_a_session_that_is_ended_is_replaced_in_time(conn: Conn, lock: Make) -> None:
    with lock() as held:
        for pid in sessions(conn):
            conn.execute("select pg_terminate_backend(%s)", (pid,))
        wait_until(lambda: outlived(conn), "its first time is over")
        held.check()
        assert holder(conn) == held.holder
    assert holder(conn) is None


def test_the_block_is_told_when_somebody_deletes_it(conn: Conn, lock: Make) -> None:
    told: list[str] = []
    with pytest.raises(errors.LockLost) as raised, lock(ttl=3, on_lost=lambda: told.append("lost")) as held:  # noqa: PT012
        held.check()
        conn.execute("delete from distributed_locks")
        assert held.lost.wait(20)
        assert time.monotonic() < held._until, "by the next extension, not only when its time is over"
        with pytest.raises(errors.LockLost):
            held.check()
        wait_until(lambda: told == ["lost"], "the callback was called")
    assert raised.value.detail["lock_name"] == "report"


def test_what_is_deleted_just_before_the_end_is_noticed_at_the_end(conn: Conn, lock: Make) -> None:
    with pytest.raises(errors.LockLost), lock(ttl=60):
        conn.execute("delete from distributed_locks")


def test_the_blocks_own_exception_goes_first(conn: Conn, lock: Make) -> None:
    with pytest.raises(ZeroDivisionError), lock(ttl=60):  # noqa: PT012
        conn.execute("delete from distributed_locks")
        1 / 0  # noqa: B018


HANG = """
  create table hang (n integer);
  create or replace function _now() returns timestamptz language plpgsql volatile set search_path from current as $$
  begin
    while exists (select from hang) loop perform pg_sleep(0.01); end loop;
    return clock_timestamp();
  end; $$"""


def test_an_extension_that_hangs_loses_the_lock_in_time_and_does_not_hold_up_the_end(
    conn: Conn, lock: Make
) -> None:
    conn.execute(HANG)
    with pytest.raises(errors.LockLost), lock() as held:  # noqa: PT012
        conn.execute("insert into hang values (1)")
        assert held.lost.wait(20)
    assert len(sessions(conn)) == 1, "it still hangs"
    conn.execute("delete from hang")
    wait_until(lambda: sessions(conn) == [], "it has ended")
    assert holder(conn) is None


def test_without_a_database_it_is_lost_when_its_time_is_over(
    conn: Conn, lock: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(errors.LockLost), lock() as held:  # noqa: PT012
        monkeypatch.setattr(held, "_conninfo", "host=/nowhere")
        for pid in sessions(conn):
            conn.execute("select pg_terminate_backend(%s)", (pid,))
        assert held.lost.wait(20)


def test_who_waits_gets_it_when_it_is_released(lock: Make) -> None:
    entered = threading.Event()

    def second() -> int:
        entered.set()
        with lock(wait=20) as mine:
            return mine.token

    with lock(ttl=60) as held:
        waiting = start(second)
        entered.wait(20)
        first = held.token
        assert not waiting.done()
    assert waiting.result() > first


def test_a_wait_that_is_over_is_busy(lock: Make) -> None:
    with lock(ttl=60), pytest.raises(errors.Busy) as raised, lock(wait=0.1):
        raise AssertionError("entered")
    assert raised.value.detail == {"lock_name": "report", "waited": 0.1}


def test_the_clients_own_transaction_has_nothing_to_do_with_it(conn: Conn, connect: Connect) -> None:
    borrowed = connect(autocommit=False)
    with opsloop.lock("report", client=Client(borrowed)) as held:
        borrowed.execute("select 1")
        assert holder(conn) == held.holder
        borrowed.rollback()
        held.check()
    assert holder(conn) is None


def test_a_transaction_that_asserted_it_keeps_it_to_its_end(conn: Conn, connect: Connect, lock: Make) -> None:
    guarded = connect(autocommit=False)
    with lock() as held:
        Client(guarded).assert_lock(held.name, held.token)
    with pytest.raises(errors.Busy), lock():
        raise AssertionError("entered")
    guarded.commit()
    with lock() as later, pytest.raises(errors.LockLost):
        Client(guarded).assert_lock(later.name, later.token - 1)


async def test_it_works_with_asyncio(conn: Conn, dsn: str) -> None:
    async with opsloop.connect_async(dsn) as loop, opsloop.lock("report", 1, client=loop) as held:
        assert holder(conn) == held.holder
        await asyncio.to_thread(wait_until, lambda: outlived(conn), "its first time is over")
        held.check()
        with pytest.raises(errors.Busy):
            async with opsloop.lock("report", client=loop):
                raise AssertionError("entered")
    assert holder(conn) is None


def test_it_is_for_one_block_and_has_a_token_only_there(lock: Make) -> None:
    held = lock()
    for outside in range(2):
        with pytest.raises(RuntimeError):
            held.token  # noqa: B018
        with pytest.raises(errors.LockLost):
            held.check()
        if outside == 0:
            with held:
                held.check()
    with pytest.raises(RuntimeError), held:
        raise AssertionError("entered")


@pytest.mark.parametrize("wrong", [{"name": ""}, {"ttl": 0}, {"ttl": 604801}])
def test_what_cannot_be_is_refused(lock: Make, wrong: dict[str, Any]) -> None:
    with pytest.raises(errors.InvalidArgument), lock(**wrong):
        raise AssertionError("entered")


async def test_a_task_that_is_cancelled_while_it_waits_does_not_get_the_lock_later(
    lock: Make, conn: Conn
) -> None:
    with lock(ttl=60):
        (holders,) = (conn.execute(SESSIONS).fetchall(),)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2), lock(ttl=60, wait=60):
                pass
        await asyncio.to_thread(
            wait_until, lambda: conn.execute(SESSIONS).fetchall() == holders, "nobody else waits"
        )
    assert conn.execute("select * from distributed_locks").fetchall() == []
