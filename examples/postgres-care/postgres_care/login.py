"""Whose login the executors use: OPS_CARE_DSN, never more than it takes.

| | OPS_CARE_DSN is set | it is not |
|---|---|---|
| reading | that login, in a read-only transaction | the loop's login, in a read-only transaction |
| changing | that login | refused |
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import psycopg

from opsloop import Context, Fatal, Retry

Connection = psycopg.AsyncConnection[Any]

# SQLSTATEs that say: not now. Connection, rollback (deadlock …), resources, intervention (timeout, shutdown), lock.
_TRY_AGAIN = ("08", "40", "53", "57", "55P03")
_LOCK_SECONDS = 60


@asynccontextmanager
async def reading(ctx: Context) -> AsyncIterator[Connection]:
    """A connection in a transaction that PostgreSQL lets do nothing but read."""
    dsn = os.environ.get("OPS_CARE_DSN")
    with _verdicts():
        if not dsn:
            async with ctx.transaction() as conn:
                await conn.execute("set transaction read only")
                await _limit(conn, ctx, local=True)
                yield conn
            return
        async with await psycopg.AsyncConnection.connect(dsn, prepare_threshold=None) as conn:
            await conn.set_read_only(True)
            await _limit(conn, ctx, local=True)
            yield conn


@asynccontextmanager
async def changing(ctx: Context) -> AsyncIterator[Connection]:
    """A connection in autocommit mode, as VACUUM and DROP INDEX CONCURRENTLY want it."""
    dsn = os.environ.get("OPS_CARE_DSN")
    if not dsn:
        raise Fatal("OPS_CARE_DSN is not set: without a login of its own, postgres_care only reads")
    with _verdicts():
        async with await psycopg.AsyncConnection.connect(
            dsn, autocommit=True, prepare_threshold=None
        ) as conn:
            await _limit(conn, ctx, local=False)
            yield conn


async def _limit(conn: Connection, ctx: Context, *, local: bool) -> None:
    """No statement outlives the step, none waits a minute for a lock, names mean PostgreSQL's own, times are UTC."""
    left = ctx.remaining()
    await conn.execute(
        "select set_config('statement_timeout', %s, %s), set_config('lock_timeout', %s, %s),"
        " set_config('search_path', 'pg_catalog', %s), set_config('timezone', 'UTC', %s)",
        (
            "0" if left is None else str(max(1, int(left * 1000))),
            local,
            f"{_LOCK_SECONDS}s",
            local,
            local,
            local,
        ),
    )


class _verdicts:  # noqa: N801 - reads as a function
    """Turns what PostgreSQL refuses into the verdict that fits: try again, or do not."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, where: object) -> None:
        if not isinstance(error, psycopg.Error):
            return
        state = error.sqlstate or ("08000" if isinstance(error, psycopg.OperationalError) else "")
        text = f"{error.diag.message_primary or error} (SQLSTATE {error.sqlstate or 'none'})"
        raise (Retry if state.startswith(_TRY_AGAIN) else Fatal)(text) from error
