"""The client: `Client(conn)` borrows a connection, `connect()` owns one; with asyncio `AsyncClient`, `connect_async()`.

```python
with opsloop.connect() as loop:
    loop.emit_event("deploy:failed", {"service": "api"})

with conn.transaction():  # the event commits with the order, or not at all
    conn.execute("insert into orders …")
    Client(conn).emit_event("order:placed", {"order": 7}, dedupe_key="order-7")
```

Methods are called like the SQL functions, without `fn_`, and take the same arguments, without `p_`; one that is
not given, or None, gets the function's own default. Whatever the database refuses is raised as an
`opsloop.errors.OpsError`; PostgreSQL's own conditions (deadlock, cancelled statement …) stay psycopg's.

Both clients have the same methods; those of `AsyncClient` are coroutines.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Self

from opsloop import compatibility, database
from opsloop.areas.aio.approvals import AsyncApprovals
from opsloop.areas.aio.control import AsyncControl
from opsloop.areas.aio.events import AsyncEvents
from opsloop.areas.aio.explain import AsyncExplain
from opsloop.areas.aio.keys import AsyncKeys
from opsloop.areas.aio.locks import AsyncLocks
from opsloop.areas.aio.missions import AsyncMissions
from opsloop.areas.aio.ops import AsyncOps
from opsloop.areas.aio.outbox import AsyncOutbox
from opsloop.areas.aio.policy import AsyncPolicy
from opsloop.areas.aio.proposals import AsyncProposals
from opsloop.areas.aio.replay import AsyncReplay
from opsloop.areas.aio.retention import AsyncRetention
from opsloop.areas.aio.schedules import AsyncSchedules
from opsloop.areas.aio.steps import AsyncSteps
from opsloop.areas.aio.subagents import AsyncSubAgents
from opsloop.areas.aio.transitions import AsyncTransitions
from opsloop.areas.approvals import Approvals
from opsloop.areas.control import Control
from opsloop.areas.events import Events
from opsloop.areas.explain import Explain
from opsloop.areas.keys import Keys
from opsloop.areas.locks import Locks
from opsloop.areas.missions import Missions
from opsloop.areas.ops import Ops
from opsloop.areas.outbox import Outbox
from opsloop.areas.policy import Policy
from opsloop.areas.proposals import Proposals
from opsloop.areas.replay import Replay
from opsloop.areas.retention import Retention
from opsloop.areas.schedules import Schedules
from opsloop.areas.steps import Steps
from opsloop.areas.subagents import SubAgents
from opsloop.areas.transitions import Transitions
from opsloop.config import Settings, check_dsn, check_schema
from opsloop.errors import OpsError, translate


class Client(
    Policy,
    Approvals,
    Control,
    Keys,
    Events,
    Proposals,
    Missions,
    Steps,
    Locks,
    Outbox,
    Replay,
    Transitions,
    SubAgents,
    Schedules,
    Retention,
    Explain,
    Ops,
):
    """Every function of the loop as a method, over a psycopg 3 connection that stays the caller's.

    It never commits, rolls back or closes: what it does is part of the caller's own transaction. `schema` is
    where opsloop is installed (default `opsloop`); the connection's search_path does not matter.
    """


class AsyncClient(
    AsyncPolicy,
    AsyncApprovals,
    AsyncControl,
    AsyncKeys,
    AsyncEvents,
    AsyncProposals,
    AsyncMissions,
    AsyncSteps,
    AsyncLocks,
    AsyncOutbox,
    AsyncReplay,
    AsyncTransitions,
    AsyncSubAgents,
    AsyncSchedules,
    AsyncRetention,
    AsyncExplain,
    AsyncOps,
):
    """Every function of the loop as a coroutine, over a psycopg 3 `AsyncConnection` that stays the caller's.

    The same methods as `Client`, with the same arguments, results and errors. It never commits, rolls back or
    closes. `schema` is where opsloop is installed (default `opsloop`).
    """


class OwningClient(Client):
    """A client with a connection of its own, in autocommit mode: every call is a transaction of its own.

    `with loop.conn.transaction():` makes several calls one. Leaving the `with` block, or `close()`, closes it.
    """

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, where: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self.conn.close()


def connect(dsn: str | None = None, schema: str | None = None) -> OwningClient:
    """Connect and return a client that owns its connection.

    `dsn`: a libpq connection string or URL (default: `DATABASE_URL`, else libpq's `PG*` variables). `schema`:
    where opsloop is installed (default: `OPSLOOP_SCHEMA`, else `opsloop`). Works through a transaction-pooling
    PgBouncer. Raises DatabaseUnavailable (OPS_001) when no database is configured or it cannot be reached,
    SchemaMismatch (OPS_021) when the schema there is too old or too new for this package, and InvalidArgument (OPS_018)
    for arguments or environment variables that cannot be used.
    """
    conninfo, name = where(dsn, schema)
    with translate():
        client = OwningClient(database.connect(conninfo), name)
    try:
        try:
            number: int | None = client.compatibility()
        except OpsError as error:
            number = compatibility.unasked(error)
        compatibility.assert_served(number)
    except BaseException:
        client.close()
        raise
    return client


@asynccontextmanager
async def connect_async(dsn: str | None = None, schema: str | None = None) -> AsyncIterator[AsyncClient]:
    """Connect for the time of an `async with` block, which gets a client in autocommit mode.

    ```python
    async with opsloop.connect_async() as loop:
        await loop.emit_event("deploy:failed", {"service": "api"})
    ```

    Arguments and errors as `connect`. `async with loop.conn.transaction():` makes several calls one.
    """
    conninfo, name = where(dsn, schema)
    with translate():
        conn = await database.connect_async(conninfo)
    try:
        client = AsyncClient(conn, name)
        try:
            number: int | None = await client.compatibility()
        except OpsError as error:
            number = compatibility.unasked(error)
        compatibility.assert_served(number)
        yield client
    finally:
        await conn.close()


def where(dsn: str | None, schema: str | None) -> tuple[str, str]:
    """The connection string and the schema that are meant."""
    conninfo = Settings.from_env().database() if dsn is None else check_dsn(dsn, "dsn")
    return conninfo, Settings.from_env().schema if schema is None else check_schema(schema, "schema")
