"""A database transaction that commits only while the step's lease is held."""

from __future__ import annotations

from types import TracebackType
from typing import Any

import psycopg

from opsloop.areas.aio.steps import AsyncSteps
from opsloop.areas.steps import Steps
from opsloop.database import Database, connect, connect_async
from opsloop.errors import translate


class LeasedTransaction:
    """See `Context.transaction`. Opens a connection of its own and closes it at the end."""

    def __init__(self, database: Database, step_id: str, token: str) -> None:
        self._database = database
        self._lease = (step_id, token)
        self._sync: psycopg.Connection[Any] | None = None
        self._async: psycopg.AsyncConnection[Any] | None = None

    def __enter__(self) -> psycopg.Connection[Any]:
        with translate():
            conn = connect(self._database.dsn, **self._how())
            try:
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
        if conn is not None:
            with translate():
                conn.__exit__(kind, exc, where)

    async def __aenter__(self) -> psycopg.AsyncConnection[Any]:
        with translate():
            conn = await connect_async(self._database.dsn, **self._how())
            try:
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
        if conn is not None:
            with translate():
                await conn.__aexit__(kind, exc, where)

    def _how(self) -> dict[str, Any]:
        return {"name": "opsloop step", "autocommit": False, "prepare": self._database.prepare(5)}
