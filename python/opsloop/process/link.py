"""A database connection that comes back by itself.

A program says nothing to the database but calls of the loop's functions, each a transaction of its own, and each
safe to repeat when the connection broke and nobody knows whether it was carried out.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import psycopg
from psycopg.rows import AsyncRowFactory, namedtuple_row, scalar_row

from opsloop import database as databases
from opsloop.areas.call import statement
from opsloop.database import Database
from opsloop.errors import DatabaseUnavailable, OpsError, as_ours, is_final
from opsloop.process.logs import Logger
from opsloop.process.patience import Patience
from opsloop.process.session import DatabaseSession

_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 2.0
_LOCKED = "55P03"
# Deadlock, serialization failure, lock not available: the same call may go through the next time.
_TRANSIENT = frozenset({"40P01", "40001", _LOCKED})
#: The server takes no writes: another one may, to which a new connection leads.
_READ_ONLY = "25006"
#: Seconds that the server may take to say what a slow call waits for.
_LOOK = 2.0
_WAITS = """
  select a.wait_event_type || ': ' || a.wait_event as waits_for, pg_blocking_pids(a.pid) as blocked_by
    from pg_stat_activity a where a.pid = %s"""
#: How long a call may take before its connection is given up, unless `Link.bound` says otherwise.
_BOUND = 60.0


class Timed(NamedTuple):
    """The rows of an answer, and when it was asked for: whatever the server dated in it had not begun before."""

    asked: float
    rows: list[Any]


class Link:
    """One connection, in autocommit mode, used by one call at a time."""

    def __init__(self, database: Database, purpose: str, log: Logger, program: str = "worker") -> None:
        self._database = database
        self._purpose = purpose
        self._name = f"opsloop {program}: {purpose}"
        self._log = log
        self._session: DatabaseSession | None = None
        self._dbname = "?"
        self._lock = asyncio.Lock()
        self._queries: dict[tuple[str, tuple[str, ...], str, bool], str] = {}
        self._channel: str | None = None
        self._ring: Callable[[], None] = _nothing
        self._missed: Callable[[], None] = _nothing
        self.refusals: Counter[str] = Counter()
        """How many claims the database refused, by the code of the refusal (a SQLSTATE, where there is one)."""
        self.reconnects = 0
        """How often its connection was lost and opened anew."""
        self.unanswered = 0
        """How many of its calls may have been carried out although no answer came."""
        self._lost = False
        self._looks: set[asyncio.Task[None]] = set()
        self._patience = Patience(self._say_long)
        self.refused: OpsError | None = None
        """Why the last claim was refused; None when it went through."""
        self.listening = False
        """True while notifications come: then `listen` was called, and the connection it holds for is there."""
        self.bound = _BOUND
        """Seconds after which the connection of a call that has no answer is given up, and the call repeated."""
        self.lock_seconds: float | None = None
        """Seconds that a call may wait for a lock; then it is refused, not repeated. Not behind a pooler, whose
        sessions are shared. Holds for connections opened from now on."""

    async def open(self, tries: int = 1) -> None:
        """Connect. Where the server was reached a moment ago, a connection that is cut as it begins is tried again.

        Raises OpsError: DatabaseUnavailable (OPS_001) in most cases.
        """
        for left in reversed(range(tries)):
            try:
                await self._open()
                return
            except psycopg.Error as error:
                await self._abandon()
                translated = as_ours(error)
                if not left or not isinstance(translated, DatabaseUnavailable):
                    raise translated from error
            await asyncio.sleep(random.uniform(0, _FIRST_PAUSE))  # noqa: S311 - spreads load, hides nothing

    async def listen(self, channel: str, ring: Callable[[], None], missed: Callable[[], None]) -> None:
        """From now on `ring` is called on every notification, and `missed` whenever some may have been missed."""
        self._channel, self._ring, self._missed = channel, ring, missed
        async with self._lock:
            if self._session is not None:
                with contextlib.suppress(psycopg.Error):  # the connection has ended: the next one will listen
                    await self._listen(self._session)

    @property
    def database(self) -> str:
        """The name of the database that it is, or was last, connected to."""
        return self._dbname

    async def close(self) -> None:
        """Close the connection; a later call opens it again."""
        for look in self._looks:
            look.cancel()
        await asyncio.gather(*self._looks, return_exceptions=True)
        await self._abandon()
        self._lost = False

    async def rest(self) -> None:
        """Close the connection once no call is on its way; the next call opens it again."""
        async with self._lock:
            await self.close()

    async def _abandon(self) -> None:
        """Let go of a connection that is of no use any more."""
        session, self._session = self._session, None
        self._lost = self._lost or session is not None
        self.listening = False
        if session is not None:
            await session.close()

    async def call(self, function: str, args: Mapping[str, Any] | None = None, where: str = "") -> list[Any]:
        """Call `fn_<function>` with arguments by name (without `p_`) and return its rows.

        They are named tuples; UUIDs, times and JSON in them are text. `where` filters the rows, so that the
        uninteresting ones need not travel. While the server cannot be reached, or does not answer, the call is
        repeated, with growing pauses, until it goes through or is cancelled. Raises OpsError for what the database
        refuses.
        """
        given = args or {}
        query = self._query(f"fn_{function}", tuple(given), where)
        return (await self._repeated(function, query, tuple(given.values()))).rows

    async def timed(self, function: str, args: Mapping[str, Any]) -> Timed:
        """As `call`, for an answer that has times in it: each row also says, as `now`, what the clock showed.

        What lies between two times of one answer has passed on any clock, whatever becomes of the server's.
        """
        query = self._query(f"fn_{function}", tuple(args), "", timed=True)
        return await self._repeated(function, query, tuple(args.values()))

    async def value(self, function: str, args: Mapping[str, Any] | None = None) -> Any:
        """As `call`, for a function that returns one value."""
        given = args or {}
        query = self._query(f"fn_{function}", tuple(given), "")
        return (await self._repeated(function, query, tuple(given.values()), scalar_row)).rows[0]

    async def claim(
        self, function: str, args: Mapping[str, Any], pause: float, *, timed: bool = False
    ) -> Timed:
        """As `call` or `timed`, to be asked again and again.

        A refusal is logged, and after `pause` seconds nothing was claimed.
        That is not the same as having found nothing: `refused` and `refusals` tell.
        Raises SchemaMismatch (OPS_021) and LoopMoved (OPS_102) alone: there is nothing to hope for.
        """
        query = self._query(f"fn_{function}", tuple(args), "", timed=timed)
        try:
            found = await self._repeated(function, query, tuple(args.values()))
        except OpsError as error:
            if is_final(error):
                raise
            self.refused = error
            self.refusals[error.server_code] += 1
            remedy = {"hint": error.hint} if error.hint else {}
            self._log.error(
                "claim refused", code=error.code, sqlstate=error.sqlstate, error=error.message, **remedy
            )
            await asyncio.sleep(pause)
            return Timed(time.monotonic(), [])
        self.refused = None
        return found

    async def _repeated(
        self,
        function: str,
        query: str,
        args: tuple[Any, ...] = (),
        factory: AsyncRowFactory[Any] = namedtuple_row,
    ) -> Timed:
        pause = _FIRST_PAUSE
        async with self._lock:
            while True:
                sent = False
                try:
                    async with asyncio.timeout(None) as limit:
                        self._patience.begin(function, limit, self.bound)
                        lost = self._session is None and pause > _FIRST_PAUSE
                        session = await self._open()
                        if lost:
                            self._log.info("reconnected", link=self._purpose)
                        asked = time.monotonic()
                        sent = True
                        return Timed(asked, await session.rows(query, args, factory))
                except asyncio.CancelledError:
                    self.unanswered += sent
                    raise
                except psycopg.Error as error:
                    self.unanswered += sent and (self._session is None or self._session.closed)
                    await self._survive(error, function)
                except TimeoutError:
                    self.unanswered += sent
                    self._log.warning(
                        "no answer, connecting anew",
                        link=self._purpose,
                        function=function,
                        code="OPS_001",
                        seconds=self.bound,
                    )
                    await self._abandon()
                finally:
                    self._patience.end()
                pause = min(pause * 2, _LONGEST_PAUSE)
                await asyncio.sleep(random.uniform(pause / 2, pause))  # noqa: S311 - spreads load, hides nothing

    def _say_long(self, function: str, seconds: float) -> None:
        look = asyncio.create_task(self._look(function, seconds, self._session))
        self._looks.add(look)
        look.add_done_callback(self._looks.discard)

    async def _look(self, function: str, seconds: float, session: DatabaseSession | None) -> None:
        """Say in the log that a call takes long, and what it waits for if the server can be asked."""
        waits: dict[str, Any] = {}
        if session is not None and not self._database.pooled:
            with contextlib.suppress(psycopg.Error, OSError, TimeoutError):
                async with asyncio.timeout(_LOOK):
                    waits = await self._waits(session.info.backend_pid)
        self._log.warning(
            "database call takes long", link=self._purpose, function=function, seconds=seconds, **waits
        )

    async def _waits(self, pid: int) -> dict[str, Any]:
        dsn = self._database.dsn
        name = f"{self._name}: look"
        asking = await databases.connect_async(dsn, name=name)
        async with asking:
            row = await (await asking.execute(_WAITS, (pid,))).fetchone()
        return {} if row is None else {"waits_for": row[0], "blocked_by": row[1]}

    async def _open(self) -> DatabaseSession:
        """The connection, opened anew when it is not there or has ended while nobody looked."""
        if self._session is not None:
            if not self._session.closed:
                return self._session
            self._log.warning("connection lost", link=self._purpose, code="OPS_001")
            await self._abandon()
        session = await DatabaseSession.begin(
            self._database.dsn,
            self._name,
            lambda: self._ring(),
            self._database.prepare(0),
        )
        self._session = session
        self.reconnects += self._lost
        self._lost = False
        self._dbname = session.info.dbname
        if self.lock_seconds is not None and not self._database.pooled:
            await session.execute(f"set lock_timeout = {round(self.lock_seconds * 1000)}")
        await self._listen(session)
        return session

    async def _listen(self, session: DatabaseSession) -> None:
        if self._channel is None:
            return
        try:
            await session.listen(self._channel)
        except psycopg.Error as error:
            if session.closed:
                raise
            self._log.warning("not listening", code="OPS_001", error=type(error).__name__)
            return
        self.listening = True
        self._missed()

    async def _survive(self, error: psycopg.Error, function: str) -> None:
        """Return when the call may be repeated; raise what it means when it may not."""
        translated = as_ours(error)
        broken = self._session is None or self._session.closed
        if error.sqlstate == _READ_ONLY and not broken:
            await self._abandon()
            raise translated from error
        repeats = error.sqlstate in _TRANSIENT and (error.sqlstate != _LOCKED or self.lock_seconds is None)
        if not broken and not repeats:
            raise translated from error
        if broken and self._session is None and not isinstance(translated, DatabaseUnavailable):
            raise translated from error
        self._log.warning(
            "database call failed, trying again",
            link=self._purpose,
            function=function,
            code=translated.code if broken else "OPS_022",
            sqlstate=error.sqlstate,
        )
        if broken:
            await self._abandon()

    def _query(self, function: str, names: tuple[str, ...], where: str, *, timed: bool = False) -> str:
        key = (function, names, where, timed)
        query = self._queries.get(key)
        if query is None:
            query = statement(self._database.schema, function, names)
            if timed:
                # A text: made once, where a time would be written out for each row.
                query = (
                    f"select answer.*, (select ({self._database.clock})::text) as now from ({query}) answer"  # noqa: S608 - no data in it
                )
            self._queries[key] = query = f"{query} where {where}" if where else query
        return query


def _nothing() -> None:
    """A callback without effect."""
