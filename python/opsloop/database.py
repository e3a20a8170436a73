"""Opens database connections. Nothing else in opsloop does.

What a connection reads must not depend on settings of the login, the database or the connection string: text comes as
UTF-8, dates and intervals in the form that psycopg reads, and a backslash in a literal is a character. The server
reports these settings, and one that differs is set after connecting: poolers refuse `options`, PgBouncer carries over
what it is told by `set` (IntervalStyle from 1.20 on), and a round trip is paid only where something differs. The time
zone stays as it is: a moment is the same in every zone.

How long to wait is ours unless the user says: in the connection string, in libpq's environment variables, or in a
service file, in which case nothing of ours is added.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, LiteralString, TypeVar

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import TransactionStatus
from psycopg.rows import scalar_row

#: Reported settings that results depend on. Not reported, and left alone: bytea_output, since psycopg reads both forms,
#: and extra_float_digits, since what routines return is exact.
_READABLE = {"DateStyle": "ISO", "IntervalStyle": "postgres", "standard_conforming_strings": "on"}
#: Seconds, but for tcp_user_timeout: a server that is gone is noticed within a minute, connecting gives up sooner.
_PATIENCE = {
    "connect_timeout": 10,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
}
_ENVIRONMENT = {"connect_timeout": "PGCONNECT_TIMEOUT"}

ConnectionT = TypeVar("ConnectionT", bound=psycopg.AsyncConnection[Any])


@dataclass(frozen=True, slots=True)
class Database:
    """Where the loop lives: connection string, schema, and whether a transaction pooler stands in between.

    `clock` is the SQL for the loop's time; tests, which set it forward, have another.
    """

    dsn: str = field(repr=False)
    schema: str = "opsloop"
    pooled: bool = False
    clock: str = "clock_timestamp()"

    def prepare(self, after: int) -> int | None:
        """Executions after which to prepare a statement: never behind a pooler, where sessions are shared."""
        return None if self.pooled else after


def connect(
    dsn: str, *, name: str = "opsloop", autocommit: bool = True, prepare: int | None = None, **given: Any
) -> psycopg.Connection[Any]:
    """Connect.

    `name` is shown in pg_stat_activity unless the user has set an application name. `prepare`: executions after which
    a statement is prepared; None, for never, works through every pooler. `given` goes to psycopg, before anything that
    the connection string says. Raises psycopg's errors; `opsloop.errors.translate` makes them ours.
    """
    conn: psycopg.Connection[Any] = psycopg.connect(
        dsn, autocommit=True, prepare_threshold=prepare, **_parameters(dsn, name, given)
    )
    try:
        for statement in _corrections(conn):
            conn.execute(statement)
        conn.autocommit = autocommit
    except BaseException:
        conn.close()
        raise
    return conn


async def connect_async(
    dsn: str, *, name: str = "opsloop", autocommit: bool = True, prepare: int | None = None, **given: Any
) -> psycopg.AsyncConnection[Any]:
    """As `connect`, for asyncio."""
    conn = await connect_as(psycopg.AsyncConnection[Any], dsn, name=name, prepare=prepare, **given)
    await conn.set_autocommit(autocommit)
    return conn


async def connect_as(
    cls: type[ConnectionT], dsn: str, *, name: str, prepare: int | None = None, **given: Any
) -> ConnectionT:
    """As `connect_async` in autocommit mode, for a class of connection of one's own."""
    conn = await cls.connect(dsn, autocommit=True, prepare_threshold=prepare, **_parameters(dsn, name, given))
    try:
        for statement in _corrections(conn):
            await conn.execute(statement)
    except BaseException:
        await conn.close()
        raise
    return conn


def value(
    conn: psycopg.Connection[Any], query: LiteralString | sql.Composed, args: Sequence[Any] | None = None
) -> Any:
    """The one value that a query gives; None when it gives no row."""
    return conn.cursor(row_factory=scalar_row).execute(query, args).fetchone()


async def limit_statements(conn: psycopg.AsyncConnection[Any], seconds: float | None) -> None:
    """End statements that take longer; with None they may take any time.

    It holds for the transaction, so that a transaction pooler is safe with it; in autocommit mode, outside of a
    transaction block, for the session.
    """
    milliseconds = 0 if seconds is None else max(1, round(seconds * 1000))
    local = not conn.autocommit or conn.info.transaction_status == TransactionStatus.INTRANS
    await conn.execute("select set_config('statement_timeout', %s, %s)", (str(milliseconds), local))


def to_primary(dsn: str) -> dict[str, str]:
    """What makes a connection lead to the one among several hosts that takes writes, unless the user chose one."""
    said = conninfo_to_dict(dsn)
    hosts = str(said.get("host") or said.get("hostaddr") or os.environ.get("PGHOST", ""))
    chosen = "target_session_attrs" in said or os.environ.get("PGTARGETSESSIONATTRS")
    return {"target_session_attrs": "read-write"} if "," in hosts and not chosen else {}


def _parameters(dsn: str, name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    said = conninfo_to_dict(dsn)
    patience = {}
    if "service" not in said and not os.environ.get("PGSERVICE"):
        patience = {
            key: value
            for key, value in _PATIENCE.items()
            if key not in said and not os.environ.get(_ENVIRONMENT.get(key, ""))
        }
    return {
        **patience,
        **to_primary(dsn),
        "client_encoding": "utf8",
        "fallback_application_name": name,
        **given,
    }


def _corrections(conn: psycopg.Connection[Any] | psycopg.AsyncConnection[Any]) -> list[str]:
    """The statements that put right what the session was given."""
    # DateStyle has two parts, such as `ISO, MDY`; the second is about what is read in.
    return [
        f"set {setting} = '{wanted}'"
        for setting, wanted in _READABLE.items()
        if (conn.info.parameter_status(setting) or "").partition(",")[0] != wanted
    ]
