"""The clock of a loop under test."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import psycopg
from psycopg import sql

from opsloop.database import value

# The one routine that tells the loop the time. Nothing but a replacement moves it, and only its owner can replace it.
_REPLACED = """
create or replace function {schema}._now() returns timestamptz
language plpgsql volatile
set search_path = {schema}, pg_temp
as $clock$ begin return clock_timestamp() + {ahead}::interval; end; $clock$
"""


class Clock:
    """The loop's clock: it runs as time does, and can be set forward.

    Leases, deadlines, retries, caps and cooldowns follow it. It belongs to this test's database alone.
    """

    def __init__(self, conn: psycopg.Connection[Any], schema: str) -> None:
        self._conn = conn
        self._schema = sql.Identifier(schema)
        self._ahead = timedelta()

    def now(self) -> datetime:
        """What it shows."""
        moment: datetime = value(self._conn, sql.SQL("select {}._now()").format(self._schema))
        return moment

    def advance(
        self, *, seconds: float = 0, minutes: float = 0, hours: float = 0, days: float = 0
    ) -> datetime:
        """Set it forward, and return what it shows then. Raises ValueError for a negative time."""
        ahead = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
        if ahead < timedelta():
            raise ValueError(f"the clock goes forward only, not by {ahead}")
        self._ahead += ahead
        statement = sql.SQL(_REPLACED).format(
            schema=self._schema, ahead=sql.Literal(f"{self._ahead.total_seconds()} s")
        )
        self._conn.execute(statement)
        return self.now()

    def advance_to(self, moment: datetime) -> datetime:
        """Set it forward to a moment. Raises ValueError for one in its past, or without a time zone."""
        if moment.tzinfo is None:
            raise ValueError("the moment needs a time zone, such as datetime.UTC")
        return self.advance(seconds=(moment - self.now()).total_seconds())
