"""A database connection that comes back by itself.

The worker says nothing to the database but calls of the loop's functions, each a transaction of its own, and each
safe to repeat when the connection broke and nobody knows whether it was carried out.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import psycopg
from psycopg.abc import AdaptContext, Buffer
from psycopg.types.datetime import TimestamptzLoader
from psycopg.types.json import set_json_loads
from psycopg.types.string import TextLoader

from opsloop.areas.call import statement
from opsloop.errors import DatabaseUnavailable, OpsError, from_database
from opsloop.executors import jsonio
from opsloop.executors.transaction import Database
from opsloop.worker.logs import Logger

_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 5.0
_MOMENTS_KEPT = 100
# Deadlock, serialization failure, lock not available: the same call may go through the next time.
_TRANSIENT = frozenset({"40P01", "40001", "55P03"})

Row = tuple[Any, ...]


class _Moments(TimestamptzLoader):
    """Reads times; those of a batch are mostly the same, and reading one costs more than the rest of its row."""

    def __init__(self, oid: int, context: AdaptContext | None = None) -> None:
        super().__init__(oid, context)
        self._known: dict[bytes, datetime] = {}

    def load(self, data: Buffer) -> datetime:
        """The time that PostgreSQL wrote."""
        text = bytes(data)
        moment = self._known.get(text)
        if moment is None:
            if len(self._known) >= _MOMENTS_KEPT:
                self._known.clear()
            moment = self._known[text] = super().load(data)
        return moment


class Link:
    """One connection, in autocommit mode, used by one call at a time."""

    def __init__(self, database: Database, purpose: str, log: Logger) -> None:
        self._database = database
        self._purpose = purpose
        self._log = log
        self._conn: psycopg.AsyncConnection[Any] | None = None
        self._lock = asyncio.Lock()
        self._queries: dict[tuple[str, tuple[str, ...], str], str] = {}

    async def open(self) -> None:
        """Connect, once. Raises OpsError: DatabaseUnavailable (OPS_001) in most cases."""
        try:
            self._conn = await self.connect()
        except psycopg.Error as error:
            raise _translated(error) from error

    async def connect(self) -> psycopg.AsyncConnection[Any]:
        """A new connection as the worker needs it: UUIDs stay text, JSON is read by orjson."""
        conn: psycopg.AsyncConnection[Any] = await psycopg.AsyncConnection.connect(
            self._database.dsn,
            autocommit=True,
            fallback_application_name=f"opsloop worker: {self._purpose}",
            **self._database.connect_args,
        )
        conn.adapters.register_loader("uuid", TextLoader)
        conn.adapters.register_loader("timestamptz", _Moments)
        set_json_loads(jsonio.loads, conn)
        return conn

    async def close(self) -> None:
        """Close the connection; a later call opens it again."""
        conn, self._conn = self._conn, None
        if conn is not None:
            await conn.close()

    async def now(self) -> datetime:
        """What the database's clock shows."""
        async with self._lock:
            if self._conn is None:
                self._conn = await self.connect()
            row = await (await self._conn.execute("select clock_timestamp()")).fetchone()
        moment: datetime = row[0] if row else datetime.now(UTC)
        return moment

    async def call(self, function: str, args: Mapping[str, Any] | None = None, where: str = "") -> list[Row]:
        """Call `fn_<function>` with arguments by name (without `p_`) and return its rows.

        `where` filters the rows, so that the uninteresting ones need not travel. While the server cannot be
        reached, the call is repeated, with growing pauses, until it goes through or is cancelled. Raises OpsError
        for what the database refuses.
        """
        given = args or {}
        query = self._query(f"fn_{function}", tuple(given), where)
        pause = _FIRST_PAUSE
        async with self._lock:
            while True:
                try:
                    if self._conn is None:
                        self._conn = await self.connect()
                        if pause > _FIRST_PAUSE:
                            self._log.info("reconnected", link=self._purpose)
                    cursor = await self._conn.execute(query, tuple(given.values()))
                    return await cursor.fetchall()
                except psycopg.Error as error:
                    await self._survive(error, function)
                pause = min(pause * 2, _LONGEST_PAUSE)
                await asyncio.sleep(random.uniform(pause / 2, pause))  # noqa: S311 - spreads load, hides nothing

    async def _survive(self, error: psycopg.Error, function: str) -> None:
        """Return when the call may be repeated; raise what it means when it may not."""
        translated = _translated(error)
        broken = self._conn is None or self._conn.closed
        if not broken and error.sqlstate not in _TRANSIENT:
            raise translated from error
        if broken and self._conn is None and not isinstance(translated, DatabaseUnavailable):
            raise translated from error
        self._log.warning(
            "database call failed, trying again",
            link=self._purpose,
            function=function,
            code=translated.code if broken else "OPS_022",
            sqlstate=error.sqlstate,
        )
        if broken:
            await self.close()

    def _query(self, function: str, names: tuple[str, ...], where: str) -> str:
        key = (function, names, where)
        query = self._queries.get(key)
        if query is None:
            query = statement(self._database.schema, function, names).as_string()
            self._queries[key] = query = f"{query} where {where}" if where else query
        return query


def _translated(error: psycopg.Error) -> OpsError:
    return from_database(error) or OpsError(
        str(error.diag.message_primary or error), detail={"sqlstate": error.sqlstate}
    )
