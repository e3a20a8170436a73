"""The client: `Client(conn)` borrows a connection, `connect()` owns one.

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
"""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self

import psycopg

from opsloop.areas.events import Events
from opsloop.areas.missions import Missions
from opsloop.areas.ops import Ops
from opsloop.areas.outbox import Outbox
from opsloop.areas.policy import Policy
from opsloop.areas.proposals import Proposals
from opsloop.areas.steps import Steps
from opsloop.config import Settings, check_dsn, check_schema
from opsloop.errors import translate


class Client(Events, Proposals, Missions, Steps, Policy, Outbox, Ops):
    """Every function of the loop as a method, over a psycopg 3 connection that stays the caller's.

    It never commits, rolls back or closes: what it does is part of the caller's own transaction. `schema` is
    where opsloop is installed (default `opsloop`); the connection's search_path does not matter.
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
    PgBouncer. Raises DatabaseUnavailable (OPS_001) when no database is configured or it cannot be reached, and
    InvalidArgument (OPS_018) for arguments or environment variables that cannot be used.
    """
    conninfo = Settings.from_env().database() if dsn is None else check_dsn(dsn, "dsn")
    name = Settings.from_env().schema if schema is None else check_schema(schema, "schema")
    with translate():
        conn: psycopg.Connection[Any] = psycopg.connect(
            conninfo, autocommit=True, prepare_threshold=None, fallback_application_name="opsloop"
        )
    return OwningClient(conn, name)
