"""A database transaction that commits only while the step's lease is held."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import Any

import psycopg

from opsloop.areas.aio.steps import AsyncSteps
from opsloop.areas.steps import Steps
from opsloop.database import Database, connect, connect_async
from opsloop.errors import as_ours, is_outage, translate

#: It keeps the step from being taken back, so the server ends it by itself when this host has vanished: at the
#: deadline, or within a minute where the network says so. For this transaction alone: poolers share sessions.
_BOUNDS = """
  select set_config('idle_in_transaction_session_timeout', %s, true), set_config('tcp_keepalives_idle', '30', true),
         set_config('tcp_keepalives_interval', '10', true), set_config('tcp_keepalives_count', '3', true)"""
_LEAST_IDLE = 1.0
_MOST_IDLE = 86_400.0


class LeasedTransaction:
    """See `Context.transaction`. Opens a connection of its own and closes it at the end.

    `ends`: deadline of the attempt on the monotonic clock, if it has one. `outage` is told of an error that says that
    the database was away.
    """

    def __init__(
        self,
        database: Database,
        step_id: str,
        token: str,
        ends: float | None,
        outage: Callable[[BaseException], None],
    ) -> None:
        self._database = database
        self._lease = (step_id, token)
        self._ends = ends
        self._outage = outage
        self._sync: psycopg.Connection[Any] | None = None
        self._async: psycopg.AsyncConnection[Any] | None = None

    def __enter__(self) -> psycopg.Connection[Any]:
        with translate():
            conn = connect(self._database.dsn, **self._how())
            try:
                conn.execute(_BOUNDS, self._idle())
                Steps(conn, self._database.schema).assert_lease(*self._lease)
            except BaseException:
                conn.close()
                raise
        self._sync = conn
        return conn

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, where: TracebackType | None
    ) -> None:
        conn, self._sync = self._sync, None
        self._judge(exc)
        if conn is not None:
            with translate():
                conn.__exit__(kind, exc, where)

    async def __aenter__(self) -> psycopg.AsyncConnection[Any]:
        with translate():
            conn = await connect_async(self._database.dsn, **self._how())
            try:
                await conn.execute(_BOUNDS, self._idle())
                await AsyncSteps(conn, self._database.schema).assert_lease(*self._lease)
            except BaseException:
                await conn.close()
                raise
        self._async = conn
        return conn

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, where: TracebackType | None
    ) -> None:
        conn, self._async = self._async, None
        self._judge(exc)
        if conn is not None:
            with translate():
                await conn.__aexit__(kind, exc, where)

    def _judge(self, exc: BaseException | None) -> None:
        if isinstance(exc, psycopg.Error) and is_outage(as_ours(exc)):
            self._outage(exc)

    def _how(self) -> dict[str, Any]:
        name = f"opsloop step {self._lease[0]}"
        return {"name": name, "autocommit": False, "prepare": self._database.prepare(5)}

    def _idle(self) -> tuple[str]:
        left = _MOST_IDLE if self._ends is None else self._ends - time.monotonic()
        return (str(round(1000 * min(max(left, _LEAST_IDLE), _MOST_IDLE))),)
