"""A database connection that costs a busy event loop little, and that an idle one hears at once.

psycopg's own way of waiting adds a reader to the loop for every piece of an answer and takes it away again, and looks
up ten times a second. Here one reader stays for the life of the connection: what arrives goes straight into the
generator that waits for it, and while none does, a notification rings.

That leans on how psycopg waits, which it does not promise to keep: TESTED names the versions, and a test fails on any
other. What it is worth, against a session of plain psycopg with a reader between statements, measured in turn on one
server: a drain is as fast (1.03 of it, the median of 8 rounds between 0.65 and 1.28; 25 us a call, 0.2 us a step), but
a step for an idle worker starts 0.07 to 0.21 ms later, of 3.0 ms (tenth percentiles of three runs with 300 to 500
pick-ups each; a second worker like the first differed by 0.02 ms).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Generator
from typing import Any, Self

import psycopg
from psycopg import sql
from psycopg.abc import PQGen
from psycopg.pq import ConnStatus
from psycopg.pq.abc import PGconn
from psycopg.rows import AsyncRowFactory, namedtuple_row
from psycopg.types.string import TextLoader
from psycopg.waiting import Ready, Wait

from opsloop import database

#: Minor versions of psycopg whose way of waiting this is for.
TESTED = ("3.2", "3.3")
_CANCEL_SECONDS = 2.0


class DatabaseSession(psycopg.AsyncConnection[Any]):
    """A connection in autocommit mode, opened by `begin`. UUIDs, times and JSON stay the text that came."""

    def __init__(self, pgconn: PGconn) -> None:
        super().__init__(pgconn)
        self._ring: Callable[[], None] = lambda: None
        self._loop = asyncio.get_running_loop()
        self._socket: int | None = None
        self._cursors: dict[str, psycopg.AsyncCursor[Any]] = {}
        self._waiting: PQGen[Any] | None = None
        self._turn: asyncio.Future[tuple[Any, Any]] | None = None
        self._attend()

    @classmethod
    async def begin(cls, dsn: str, name: str, ring: Callable[[], None], prepare: int | None = None) -> Self:
        """Connect. `ring` is called on notifications, and when the connection ends while nobody waits for it."""
        self = await database.connect_as(cls, dsn, name=name, prepare=prepare)
        for kind in ("uuid", "timestamptz", "jsonb"):
            self.adapters.register_loader(kind, TextLoader)
        self._ring = ring
        self.add_notify_handler(lambda _: ring())
        return self

    async def listen(self, channel: str) -> None:
        """Ring on every notification of the channel from now on."""
        await self.execute(sql.SQL("listen {}").format(sql.Identifier(channel)))

    async def rows(
        self, query: str, args: tuple[Any, ...] = (), factory: AsyncRowFactory[Any] = namedtuple_row
    ) -> list[Any]:
        """Run a statement and return its rows, by name. What psycopg learns about a statement is kept with its cursor.

        A statement is always run with the same `factory`.
        """
        cursor = self._cursors.get(query)
        if cursor is None:
            cursor = self._cursors[query] = self.cursor(row_factory=factory)
        await cursor.execute(query, args)
        return await cursor.fetchall()

    async def wait(self, gen: PQGen[Any], *args: Any, **kwargs: Any) -> Any:
        """See psycopg. Cancelled while the server works, the statement is cancelled and the connection closed."""
        try:
            state: Any = next(gen)
            while state == Wait.R and not args and not kwargs:
                self._waiting, self._turn = gen, self._loop.create_future()
                state, value = await self._turn
                if state is None:
                    return value
        except StopIteration as end:
            return end.value
        except asyncio.CancelledError:
            with contextlib.suppress(psycopg.Error):
                await self.cancel_safe(timeout=_CANCEL_SECONDS)
            await self.close()
            raise
        finally:
            self._waiting = self._turn = None
            self._ignore_if_broken()
        # There is more to send than the socket takes at once: rare, so psycopg's way.
        self._ignore()
        try:
            return await super().wait(_resumed(gen, state), *args, **kwargs)
        finally:
            self._attend()

    async def close(self) -> None:
        """Close the connection."""
        self._ignore()
        await super().close()

    def _readable(self) -> None:
        if self._waiting is None or self._turn is None:
            self._overhear()
            return
        if self._turn.done():
            return  # cancelled; its task will see to it
        try:
            state = self._waiting.send(Ready.R)
            if state == Wait.R:
                return
            self._turn.set_result((state, None))
        except StopIteration as end:
            self._turn.set_result((None, end.value))
        except BaseException as error:  # noqa: BLE001 - whoever waits gets it
            self._turn.set_exception(error)
        self._waiting = self._turn = None
        self._ignore_if_broken()

    def _overhear(self) -> None:
        """Something came that nobody waits for: notifications, or the end of the connection."""
        heard = False
        try:
            self.pgconn.consume_input()
            while self.pgconn.notifies() is not None:
                heard = True
        except psycopg.Error:
            heard = True
        self._ignore_if_broken()
        if heard:
            self._ring()

    def _attend(self) -> None:
        if self.pgconn.status == ConnStatus.OK:
            self._socket = self.pgconn.socket
            self._loop.add_reader(self._socket, self._readable)

    def _ignore(self) -> None:
        # At once, and once only: the number of a socket that libpq has closed may be another connection's next.
        if self._socket is not None:
            self._loop.remove_reader(self._socket)
            self._socket = None

    def _ignore_if_broken(self) -> None:
        if self.pgconn.status != ConnStatus.OK:
            self._ignore()


def _resumed(gen: PQGen[Any], state: Any) -> Generator[Any, Any, Any]:
    """`gen`, which has yielded `state` already."""
    while True:
        try:
            state = gen.send((yield state))
        except StopIteration as end:
            return end.value
