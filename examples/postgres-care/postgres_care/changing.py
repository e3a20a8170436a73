"""`pg_analyze`, `pg_vacuum`, `pg_drop_index` and `pg_end_session`: what changes something.

Names come from events, so they are looked up in the catalogue and quoted by psycopg, never pasted into SQL.
"""

from __future__ import annotations

import asyncio
from typing import Any

import psycopg
from psycopg import sql

from opsloop import Context, Fatal, executor
from postgres_care import queries
from postgres_care.catalogue import checked, find_index, find_table, rows
from postgres_care.login import changing, reading

_TABLE = {"schema": str, "table": str}
_LOOK_AGAIN = 1.0
_TELLING = ("tuples:", "removable cutoff:", "index scan")


@executor("pg_analyze", idempotent=True, concurrency=1)
async def analyze(ctx: Context) -> Any:
    """ANALYZE one table. Params: `schema`, `table`."""
    params = checked(ctx, _TABLE)
    async with changing(ctx) as conn:
        table = await find_table(conn, ctx, params["schema"], params["table"])
        return await _maintain(conn, sql.SQL("analyze {}").format(table))


@executor("pg_vacuum", idempotent=True, concurrency=1)
async def vacuum(ctx: Context) -> Any:
    """VACUUM one table, reporting how far it has come. Params: `schema`, `table`."""
    params = checked(ctx, _TABLE)
    async with changing(ctx) as conn:
        table = await find_table(conn, ctx, params["schema"], params["table"])
        watching = asyncio.create_task(_watch(ctx, conn.info.backend_pid))
        try:
            return await _maintain(conn, sql.SQL("vacuum (verbose) {}").format(table))
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)


async def _maintain(conn: psycopg.AsyncConnection[Any], statement: sql.Composed) -> Any:
    """Run it; PostgreSQL only warns when the login may not, so a warning fails the step."""
    said: list[tuple[str | None, str]] = []
    conn.add_notice_handler(lambda one: said.append((one.severity_nonlocalized, one.message_primary or "")))
    await conn.execute(statement)
    for severity, text in said:
        if severity == "WARNING":
            raise Fatal(text)
    lines = [line.strip() for _, text in said for line in text.splitlines()]
    # Its TOAST table comes second: of each kind of line the first one is about the table itself.
    told = [next((line for line in lines if line.startswith(start)), None) for start in _TELLING]
    return {"says": [line for line in told if line is not None]}


async def _watch(ctx: Context, pid: int) -> None:
    """Report the progress of the VACUUM that `pid` runs, once a second."""
    async with reading(ctx) as conn:
        while True:
            await asyncio.sleep(_LOOK_AGAIN)
            for row in await rows(conn, queries.VACUUM_PROGRESS, {"pid": pid}):
                ctx.progress(row)
            await conn.rollback()  # or the watcher itself would be an idle transaction


@executor("pg_drop_index", idempotent=True, concurrency=1)
async def drop_index(ctx: Context) -> Any:
    """Drop one index without blocking anybody, if it still is what was proposed and still unused.

    Params: `schema`, `index`, `definition` (as pg_get_indexdef gives it). Result: `{"dropped", "undo"}`.
    """
    params = checked(ctx, {"schema": str, "index": str, "definition": str})
    async with changing(ctx) as conn:
        index = await find_index(conn, ctx, params["schema"], params["index"])
        found = await rows(conn, queries.INDEX, params) if index else []
        if index is None or not found:
            return {"dropped": False, "reason": "it is gone already", "undo": params["definition"]}
        now = found[0]
        if now["definition"] != params["definition"]:
            raise Fatal(f"it is not the index that was proposed: {now['definition']}")
        if now["guards"]:
            raise Fatal("it guards a constraint, uniqueness or a replica identity")
        if now["scans"]:
            raise Fatal(f"it was used {now['scans']} times since it was proposed")
        await conn.execute(sql.SQL("drop index concurrently {}").format(index))
    return {"dropped": True, "bytes": now["bytes"], "undo": now["definition"]}


@executor("pg_end_session", idempotent=True, concurrency=1)
async def end_session(ctx: Context) -> Any:
    """End a session, if it still sits idle in the very transaction that was reported.

    Params: `pid`, `backend_start`, `xact_start`. Result: `{"ended"}`; what it had not committed is rolled back.
    """
    params = checked(ctx, {"pid": int, "backend_start": str, "xact_start": str})
    async with changing(ctx) as conn:
        found = await rows(conn, queries.END_SESSION, params)
    if not found:
        return {"ended": False, "reason": "that transaction is no longer open and idle"}
    if not found[0]["ended"]:
        raise Fatal("the session was told to end and has not within 5 seconds")
    return {"ended": True}
