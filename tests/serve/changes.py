"""Whether anything in the loop's tables has changed."""

from typing import Any

import psycopg
from psycopg import sql

#: When a key was used last is told to a minute, also for a request that is refused.
_APART = ("ops_api_keys",)


class Marks:
    """A mark of every version of every row: another one after any write."""

    def __init__(self, conn: psycopg.Connection[Any]) -> None:
        self._conn = conn
        tables = conn.execute(
            """select c.relname from pg_class c
                where c.relnamespace = 'opsloop'::regnamespace and c.relkind in ('r', 'p') and c.relname <> all (%s)
                order by 1""",
            (list(_APART),),
        ).fetchall()
        self._query = sql.SQL(" union all ").join(
            sql.SQL("select {}, count(*), sum(hashtext(t.xmin::text || t.ctid::text)) from {} t").format(
                sql.Literal(name), sql.Identifier(name)
            )
            for (name,) in tables
        )

    def take(self) -> dict[str, tuple[int, int]]:
        """The marks now, by table."""
        return {name: (n, mark) for name, n, mark in self._conn.execute(self._query, prepare=True).fetchall()}
