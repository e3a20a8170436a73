"""The server's database connections."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import psycopg

from opsloop import database as databases
from opsloop.database import Database
from opsloop.errors import DatabaseUnavailable, translate

_WAIT = 5.0
"""Seconds that a request waits for a connection that others have, and for the server to answer a new one."""
_HINT = "Try again in a moment."


class Pool:
    """A few connections in autocommit mode, opened when they are needed and handed out one to a request.

    A connection that broke, or that was left in the middle of something, is not handed out again. While the database is
    away each request tries anew and fails at once, so that the first one after it is back goes through.
    """

    def __init__(self, database: Database, size: int) -> None:
        self._database = database
        self._free: list[psycopg.AsyncConnection[Any]] = []
        self._places = asyncio.Semaphore(size)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
        """Yield a connection. Raises DatabaseUnavailable (OPS_001)."""
        try:
            async with asyncio.timeout(_WAIT):
                await self._places.acquire()
        except TimeoutError:
            raise DatabaseUnavailable("all connections of this server are busy", hint=_HINT) from None
        try:
            conn = await self._take()
            try:
                yield conn
            finally:
                if conn.closed or conn.info.transaction_status != psycopg.pq.TransactionStatus.IDLE:
                    await _close(conn)
                else:
                    self._free.append(conn)
        finally:
            self._places.release()

    async def _take(self) -> psycopg.AsyncConnection[Any]:
        while self._free:
            conn = self._free.pop()
            if not conn.closed and not _ended(conn):
                return conn
            await _close(conn)
        try:
            with translate():
                async with asyncio.timeout(_WAIT):
                    return await databases.connect_async(
                        self._database.dsn, name="opsloop serve", prepare=self._database.prepare(2)
                    )
        except TimeoutError:
            raise DatabaseUnavailable("the database does not answer", hint=_HINT) from None

    async def close(self) -> None:
        """Close the connections that nobody has."""
        while self._free:
            await _close(self._free.pop())


def _ended(conn: psycopg.AsyncConnection[Any]) -> bool:
    """Whether the server has closed it meanwhile: then there is something to read on an idle connection."""
    try:
        conn.pgconn.consume_input()
    except psycopg.Error:
        return True
    return conn.pgconn.status != psycopg.pq.ConnStatus.OK


async def _close(conn: psycopg.AsyncConnection[Any]) -> None:
    with suppress(psycopg.Error):
        await conn.close()
