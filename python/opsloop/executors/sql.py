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
from psycopg.abc import AdaptContext, Buffer, PQGen
from psycopg.adapt import Loader
from psycopg.generators import fetch
from psycopg.pq import ExecStatus, Format
from psycopg.pq.abc import PGresult
from psycopg.rows import dict_row

from opsloop import database, jsonio
from opsloop.errors import ParamsRefused
from opsloop.executors.context import Context
from opsloop.executors.outcomes import Fatal, Retry
from opsloop.executors.registry import Executor

ROW_LIMIT = 1_000
BYTE_LIMIT = 256 * 1024
# SQLSTATE classes that say: not now. Connection, rollback (deadlock, serialization), resources, intervention
# (statement timeout, shutdown); lock not available, and the two that the loop has for it.
_CHUNK = 100
_TRY_AGAIN = ("08", "40", "53", "57", "55P03", "OP023", "OP031")


def make(dsn: str) -> Executor:
    """The executor for the login that `dsn` names."""

    async def run(ctx: Context) -> Any:
        return await _run(ctx, dsn)

    return Executor("sql", run, idempotent=True, concurrency=4)


async def _run(ctx: Context, dsn: str) -> Any:
    statement, args, timeout, autocommit = _params(ctx)
    try:
        async with await database.connect_async(dsn, name="opsloop sql", autocommit=autocommit) as conn:
            await database.limit_statements(conn, timeout)
            return await _result(conn, statement, args)
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


class _Streaming(psycopg.AsyncCursor[dict[str, Any]]):
    """Fetches as the rows are read. psycopg's own `stream` drops how a statement ended, and fails one without rows."""

    ended: PGresult | None = None

    def _stream_fetchone_gen(self, first: bool) -> PQGen[PGresult | None]:
        result: PGresult | None = yield from fetch(self._pgconn)
        if result is not None and result.status in (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK):
            self.ended = result
            while (yield from fetch(self._pgconn)) is not None:
                pass
            return None
        if result is not None and result.status not in (ExecStatus.SINGLE_TUPLE, ExecStatus.TUPLES_CHUNK):
            self._raise_for_result(result)
        elif result is not None:
            self.pgresult = result
            self._tx.set_pgresult(result, set_loaders=first)
            if first:
                self._make_row = self._make_row_maker()
        return result


class _Lenient(Loader):
    """Gives the text of a value that Python does not have, such as infinity: by then the statement has succeeded."""

    kind: type[Loader]

    def __init__(self, oid: int, context: AdaptContext | None = None) -> None:
        super().__init__(oid, context)
        self._strict = self.kind(oid, context)

    def load(self, data: Buffer) -> Any:
        """See psycopg."""
        try:
            return self._strict.load(data)
        except (psycopg.Error, ValueError, ArithmeticError, RecursionError):
            return bytes(data).decode("utf-8", "replace")


_STRICT: dict[str, Any] = {
    name: psycopg.adapters.get_loader(psycopg.adapters.types[name].oid, Format.TEXT)
    for name in (
        "date", "time", "timetz", "timestamp", "timestamptz", "interval", "text", "varchar", "bpchar", "name",
    )
} | {"json": jsonio.Exactly, "jsonb": jsonio.Exactly}  # fmt: skip
_LENIENT = {name: type(f"Lenient_{name}", (_Lenient,), {"kind": kind}) for name, kind in _STRICT.items()}


async def _result(conn: psycopg.AsyncConnection[Any], statement: bytes, args: Any) -> Any:
    """The rows of the statement. Beyond the limits rows are dropped as they come: ending it would undo what it did."""
    rows: list[dict[str, Any]] = []
    size = count = 0
    truncated = False
    async with _Streaming(conn, row_factory=dict_row) as cursor:
        for name, loader in _LENIENT.items():
            cursor.adapters.register_loader(name, loader)
        async for row in cursor.stream(statement, args, size=_CHUNK):
            count += 1
            if truncated:
                continue
            kept, length = _as_json(row)
            size += length
            truncated = len(rows) == ROW_LIMIT or size > BYTE_LIMIT
            if not truncated:
                rows.append(kept)
        said = None if cursor.ended is None else cursor.ended.command_tuples
    # libpq leaves the number out where the last rows came in one piece.
    return {"rows": rows, "rowcount": count or (-1 if said is None else said), "truncated": truncated}


def _as_json(row: dict[str, Any]) -> tuple[dict[str, Any], int]:
    """A row as JSON has it, and its length; of what is too deep for JSON the text."""
    kept = {name: _plain(value) for name, value in row.items()}
    try:
        return kept, len(jsonio.dumps(kept))
    except TypeError:
        kept = {name: str(value) for name, value in row.items()}
        return kept, len(jsonio.dumps(kept))


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
