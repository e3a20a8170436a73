"""One database connection of a program: plain psycopg, and an ear for notifications while no statement runs.

psycopg hears a notification only while it runs a statement. So a session that listens has its socket watched between
statements: what arrives is read, and rings.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Self

import psycopg
from psycopg import sql
from psycopg.rows import AsyncRowFactory, namedtuple_row
from psycopg.types.string import TextLoader

from opsloop import database


class DatabaseSession:
    """A connection in autocommit mode, opened by `begin`. UUIDs, times and JSON stay the text that came."""

    def __init__(self, conn: psycopg.AsyncConnection[Any], ring: Callable[[], None]) -> None:
        self._conn = conn
        self._ring = ring
        self._loop = asyncio.get_running_loop()
        self._cursors: dict[str, psycopg.AsyncCursor[Any]] = {}
        self._listens = False
        self._watched: int | None = None
        conn.add_notify_handler(lambda _: ring())

    @classmethod
    async def begin(cls, dsn: str, name: str, ring: Callable[[], None], prepare: int | None = None) -> Self:
        """Connect. `ring` is called on notifications, and when a session that listens ends between statements."""
        conn = await database.connect_async(dsn, name=name, prepare=prepare)
        for kind in ("uuid", "timestamptz", "jsonb"):
            conn.adapters.register_loader(kind, TextLoader)
        return cls(conn, ring)

    @property
    def info(self) -> psycopg.ConnectionInfo:
        """What psycopg knows about the connection."""
        return self._conn.info

    @property
    def closed(self) -> bool:
        """True when the connection is known to have ended."""
        return self._conn.closed

    async def listen(self, channel: str) -> None:
        """Ring on every notification of the channel from now on."""
        self._listens = True
        await self.rows(sql.SQL("listen {}").format(sql.Identifier(channel)).as_string())

    async def rows(
        self, query: str, args: tuple[Any, ...] = (), factory: AsyncRowFactory[Any] = namedtuple_row
    ) -> list[Any]:
        """Run a statement and return its rows, by name. What psycopg learns about a statement is kept with its cursor.

        A statement is always run with the same `factory`.
        """
        cursor = self._cursors.get(query)
        if cursor is None:
            cursor = self._cursors[query] = self._conn.cursor(row_factory=factory)
        self._ignore()
        try:
            await cursor.execute(query, args)
            return await cursor.fetchall() if cursor.description else []
        finally:
            self._attend()

    async def close(self) -> None:
        """Close the connection."""
        self._ignore()
        await self._conn.close()

    def _attend(self) -> None:
        if self._listens and not self._conn.closed:
            self._watched = self._conn.fileno()
            self._loop.add_reader(self._watched, self._overhear)

    def _ignore(self) -> None:
        # Before the connection is closed: the number of its socket may be another connection's next.
        if self._watched is not None:
            self._loop.remove_reader(self._watched)
            self._watched = None

    def _overhear(self) -> None:
        """Something came while no statement ran: notifications, or the end of the connection."""
        heard = False
        try:
            self._conn.pgconn.consume_input()
            while self._conn.pgconn.notifies() is not None:
                heard = True
        except psycopg.Error:
            heard = True
        if self._conn.closed:
            self._ignore()
        if heard:
            self._ring()
