"""`sql`: one SQL statement, under a login of its own.

The login is `OPS_SQL_DSN`; without it a worker does not offer this executor. Which statements are allowed is a
matter of what that login may do; the loop's own login is never used.

Params: `statement` (one statement; `%s` or `%(name)s` take bind arguments when `args` is given), `args` (list or
object; a number with a point is bound as numeric), `timeout_seconds` (statement timeout; never past the step's
deadline), `autocommit` (true for statements that PostgreSQL refuses inside a transaction, such as VACUUM).

Result: `{"rows", "rowcount", "truncated"}`: at most 1,000 rows, each an object by column name, and at most 256 KiB.
A lost connection, a lock or statement timeout, a deadlock or a serialization failure may be tried again; any
other error fails the step for good.
"""

from __future__ import annotations

import datetime
import decimal
from typing import Any

import psycopg
from psycopg.rows import dict_row

from opsloop import database, jsonio
from opsloop.errors import ParamsRefused
from opsloop.executors.context import Context
from opsloop.executors.outcomes import Fatal, Retry
from opsloop.executors.registry import Executor

ROW_LIMIT = 1_000
BYTE_LIMIT = 256 * 1024
# SQLSTATE classes that say: not now. Connection, rollback (deadlock, serialization), resources, intervention
# (statement timeout, shutdown), and one single code: lock not available.
_TRY_AGAIN = ("08", "40", "53", "57", "55P03")


def make(dsn: str) -> Executor:
    """The executor for the login that `dsn` names."""

    async def run(ctx: Context) -> Any:
        return await _run(ctx, dsn)

    return Executor("sql", run, idempotent=True, concurrency=4)


async def _run(ctx: Context, dsn: str) -> Any:
    statement, args, timeout, autocommit = _params(ctx)
    try:
        async with await database.connect_async(
            dsn, name="opsloop sql", autocommit=autocommit, row_factory=dict_row
        ) as conn:
            jsonio.read_exactly(conn)
            await database.limit_statements(conn, timeout)
            async with conn.cursor() as cursor:
                # A pipeline uses the extended protocol even without arguments, and that takes one statement only.
                async with conn.pipeline():
                    await cursor.execute(statement, args)
                return await _result(cursor)
    except psycopg.Error as error:
        state = error.sqlstate or ("08000" if isinstance(error, psycopg.OperationalError) else "")
        text = f"{error.diag.message_primary or error} (SQLSTATE {error.sqlstate or 'none'})"
        raise (Retry if state.startswith(_TRY_AGAIN) else Fatal)(text) from error


def _params(ctx: Context) -> tuple[bytes, Any, float | None, bool]:
    params = ctx.params
    unknown = sorted(set(params) - {"statement", "args", "timeout_seconds", "autocommit"})
    if unknown:
        raise ParamsRefused(f"sql: unknown params {', '.join(unknown)}")
    statement = params.get("statement")
    if not isinstance(statement, str) or not statement.strip():
        raise ParamsRefused("sql: statement must be a text")
    args = params.get("args")
    if args is not None and not isinstance(args, list | dict):
        raise ParamsRefused("sql: args must be a list or an object")
    timeout = params.get("timeout_seconds")
    if timeout is not None and (not jsonio.is_number(timeout) or timeout <= 0):
        raise ParamsRefused("sql: timeout_seconds must be a number of seconds above 0")
    autocommit = params.get("autocommit", False)
    if not isinstance(autocommit, bool):
        raise ParamsRefused("sql: autocommit must be true or false")
    times = [float(seconds) for seconds in (timeout, ctx.remaining()) if seconds is not None]
    # As numeric: what is bound as double precision loses digits where it becomes a numeric.
    return statement.encode(), jsonio.exact(args), min(times) if times else None, autocommit


async def _result(cursor: psycopg.AsyncCursor[dict[str, Any]]) -> Any:
    if cursor.description is None:
        return {"rows": [], "rowcount": cursor.rowcount, "truncated": False}
    rows: list[dict[str, Any]] = []
    size = 0
    async for row in cursor:
        kept = {name: _plain(value) for name, value in row.items()}
        size += len(jsonio.dumps(kept))
        if len(rows) == ROW_LIMIT or size > BYTE_LIMIT:
            return {"rows": rows, "rowcount": cursor.rowcount, "truncated": True}
        rows.append(kept)
    return {"rows": rows, "rowcount": cursor.rowcount, "truncated": False}


def _plain(value: Any) -> Any:
    """A column value as JSON: what JSON does not have becomes text, bytes become hex."""
    if value is None or isinstance(value, bool | int | float | str | decimal.Decimal):
        return value
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).hex()
    if isinstance(value, datetime.datetime | datetime.date | datetime.time):
        return value.isoformat()
    return str(value)
