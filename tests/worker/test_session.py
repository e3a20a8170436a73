"""The connection of the worker's own: what comes while somebody waits, and while nobody does."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from psycopg.abc import PQGen
from psycopg.waiting import Wait

from opsloop.process.session import TESTED, DatabaseSession
from support import wait_until

Begin = Callable[..., Awaitable[DatabaseSession]]


@pytest.fixture
async def begin(dsn: str) -> AsyncIterator[Begin]:
    """Opens sessions; they are closed at the end."""
    opened: list[DatabaseSession] = []

    async def begin_one(ring: Callable[[], None] = lambda: None) -> DatabaseSession:
        opened.append(await DatabaseSession.begin(dsn, "test session", ring))
        return opened[-1]

    yield begin_one
    for session in opened:
        await session.close()


async def test_it_gives_what_came_as_text_and_an_answer_of_many_pieces_whole(begin: Begin) -> None:
    session = await begin()

    rows = await session.rows(
        "select i, gen_random_uuid(), jsonb_build_object('i', i), timestamptz '2026-01-02 03:04:05+00'"
        " from generate_series(1, %s) i",
        (5_000,),
    )

    assert [row[0] for row in rows] == list(range(1, 5_001))
    assert rows[6][2] == '{"i": 7}'
    assert {type(value) for row in rows for value in row[1:]} == {str}


@pytest.mark.parametrize(
    "setting", ["datestyle = 'German'", "datestyle = 'SQL, DMY'", "client_encoding = 'SQL_ASCII'"]
)
async def test_what_a_role_is_set_to_does_not_change_what_comes(
    begin: Begin, conn: psycopg.Connection[Any], setting: str
) -> None:
    conn.execute(f"alter role current_user set {setting}")
    try:
        session = await begin()
    finally:
        conn.execute("alter role current_user reset all")

    ((moment, text),) = await session.rows("select timestamptz '2026-01-02 03:04:05+00', 'é'::text")
    assert datetime.fromisoformat(moment) == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert text == "é"


async def test_it_sends_more_than_a_socket_takes_at_once_and_hears_afterwards(
    begin: Begin, conn: psycopg.Connection[Any]
) -> None:
    rung = asyncio.Event()
    session = await begin(rung.set)
    await session.listen("here")
    text = "x" * 10_000_000

    assert await session.rows("select length(%s)", (text,)) == [(len(text),)]
    conn.execute("notify here")
    await rung.wait()


async def test_a_notification_rings_while_nobody_waits_and_while_somebody_does(
    begin: Begin, conn: psycopg.Connection[Any]
) -> None:
    rung = asyncio.Event()
    session = await begin(rung.set)
    await session.listen("here")

    conn.execute("notify here")
    await rung.wait()

    rung.clear()
    conn.execute("select pg_advisory_lock(7)")
    waiting = asyncio.create_task(session.rows("select true from pg_advisory_xact_lock(7)"))
    await asyncio.to_thread(wait_until, lambda: blocked(conn), "it waits for the lock")
    conn.execute("notify here")
    conn.execute("select pg_advisory_unlock(7)")
    assert await waiting == [(True,)]
    await rung.wait()


def test_psycopg_is_a_version_that_it_was_measured_and_tested_with() -> None:
    assert psycopg.__version__.rpartition(".")[0] in TESTED, (
        "measure it anew: the head of process/session.py says what"
    )


async def test_psycopg_still_waits_as_it_is_fed(dsn: str) -> None:
    asked: list[Wait] = []

    def noted(gen: PQGen[Any]) -> PQGen[Any]:
        try:
            state = next(gen)
            while True:
                asked.append(state)
                state = gen.send((yield state))
        except StopIteration as end:
            return end.value

    class Noting(psycopg.AsyncConnection[Any]):
        async def wait(self, gen: PQGen[Any], *args: Any, **kwargs: Any) -> Any:
            assert (args, kwargs) == ((), {})
            return await super().wait(noted(gen))

    async with await Noting.connect(dsn, autocommit=True, prepare_threshold=0) as session:
        for _ in range(3):
            await session.execute("select i, repeat('x', 100) from generate_series(1, %s) i", (5_000,))
    # It sends before it waits, and wants to know nothing but that something came.
    assert set(asked) == {Wait.R}


async def test_an_error_is_raised_and_the_next_statement_works(begin: Begin) -> None:
    session = await begin()

    with pytest.raises(psycopg.errors.DivisionByZero):
        await session.rows("select 1 / %s::integer", (0,))
    assert await session.rows("select 1 / %s::integer", (1,)) == [(1,)]


async def test_the_end_of_a_session_rings_and_leaves_the_others_alone(
    begin: Begin, conn: psycopg.Connection[Any]
) -> None:
    rung = asyncio.Event()
    ended = await begin(rung.set)
    conn.execute("select pg_terminate_backend(%s)", (ended.info.backend_pid,))
    while not ended.closed:
        await rung.wait()
        rung.clear()

    # Its socket's number is free, and likely this one's: closing what has ended must not make that one deaf.
    other = await begin()
    await ended.close()
    assert await other.rows("select 1") == [(1,)]


async def test_a_session_that_ends_while_somebody_waits_says_so(
    begin: Begin, conn: psycopg.Connection[Any]
) -> None:
    session = await begin()
    pid = session.info.backend_pid
    conn.execute("select pg_advisory_lock(7)")
    waiting = asyncio.create_task(session.rows("select pg_advisory_xact_lock(7)"))
    await asyncio.to_thread(wait_until, lambda: blocked(conn), "it waits for the lock")

    conn.execute("select pg_terminate_backend(%s)", (pid,))

    with pytest.raises(psycopg.OperationalError):
        await waiting
    conn.execute("select pg_advisory_unlock(7)")


async def test_a_cancelled_statement_is_cancelled_on_the_server_too(
    begin: Begin, conn: psycopg.Connection[Any]
) -> None:
    session = await begin()
    conn.execute("select pg_advisory_lock(7)")
    waiting = asyncio.create_task(session.rows("select pg_advisory_xact_lock(7)"))
    await asyncio.to_thread(wait_until, lambda: blocked(conn), "it waits for the lock")

    waiting.cancel()

    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert session.closed
    await asyncio.to_thread(wait_until, lambda: not blocked(conn), "nobody waits for the lock")
    conn.execute("select pg_advisory_unlock(7)")


def blocked(conn: psycopg.Connection[Any]) -> bool:
    """Whether somebody waits for the advisory lock."""
    query = "select true from pg_locks where locktype = 'advisory' and not granted"
    return conn.execute(query).fetchone() is not None
