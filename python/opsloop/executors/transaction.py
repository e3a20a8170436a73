"""A database transaction that commits only while the step's lease is held."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

import psycopg
from psycopg import sql

from opsloop.errors import translate


@dataclass(frozen=True, slots=True)
class Database:
    """Where the loop lives: connection string, schema, and whether a transaction pooler stands in between.

    `clock` is the SQL for the loop's time; tests, which set it forward, have another.
    """

    dsn: str = field(repr=False)
    schema: str = "opsloop"
    pooled: bool = False
    clock: str = "clock_timestamp()"

    @property
    def connect_args(self) -> dict[str, Any]:
        """Arguments for psycopg: no prepared statements behind a pooler, where sessions are shared."""
        return {"prepare_threshold": None} if self.pooled else {}


class LeasedTransaction:
    """See `Context.transaction`. Opens a connection of its own and closes it at the end."""

    def __init__(self, database: Database, step_id: str, token: str) -> None:
        self._database = database
        self._assert = sql.SQL("select {}(%s::uuid, %s::uuid)").format(
            sql.Identifier(database.schema, "fn_assert_lease")
        )
        self._lease = (step_id, token)
        self._sync: psycopg.Connection[Any] | None = None
        self._async: psycopg.AsyncConnection[Any] | None = None

    def __enter__(self) -> psycopg.Connection[Any]:
        with translate():
            conn = psycopg.connect(self._database.dsn, **self._database.connect_args)
            try:
                conn.execute(self._assert, self._lease)
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
            conn = await psycopg.AsyncConnection.connect(self._database.dsn, **self._database.connect_args)
            try:
                await conn.execute(self._assert, self._lease)
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
