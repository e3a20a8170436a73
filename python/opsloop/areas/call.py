"""How a method calls its function."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, TypeVar

import psycopg
from psycopg import sql
from psycopg.rows import scalar_row

from opsloop.errors import translate
from opsloop.results import record, show_unreadable

T = TypeVar("T")

DocumentLike = Mapping[str, Any]
"""What goes to the database as a JSON object."""


@lru_cache(maxsize=1024)
def statement(schema: str, function: str, names: tuple[str, ...]) -> str:
    """Compose `select * from schema.function(p_a => %s, …)`: qualified, so search_path does not matter."""
    composed = sql.SQL("select * from {}.{}({})").format(
        # A percent sign in the name of the schema would be read as the beginning of a parameter.
        sql.Identifier(schema.replace("%", "%%")),
        sql.Identifier(function),
        sql.SQL(", ").join(sql.SQL("{} => %s").format(sql.Identifier(f"p_{name}")) for name in names),
    )
    return composed.as_string(None)


def argument(value: Any) -> Any:
    """Return `value` as PostgreSQL shall get it.

    Numbers go as text of unknown type: the function's own type then decides, and one that is too big is refused
    as a value (OPS_018) rather than as a function that does not exist.
    """
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return str(value)
    return value


class Caller:
    """Calls functions of one installation of opsloop over one connection, in whatever transaction it is in."""

    def __init__(self, conn: psycopg.Connection[Any], schema: str = "opsloop") -> None:
        self.conn = conn
        self.schema = schema

    def _rows(self, cls: type[T], function: str, **args: Any) -> list[T]:
        cur = self.conn.cursor(row_factory=record(cls))
        with translate():
            self._execute(cur, function, args)
            return cur.fetchall()

    def _row(self, cls: type[T], function: str, **args: Any) -> T:
        return self._rows(cls, function, **args)[0]

    def _values(self, function: str, **args: Any) -> list[Any]:
        cur = self.conn.cursor(row_factory=scalar_row)
        with translate():
            self._execute(cur, function, args)
            return cur.fetchall()

    def _value(self, function: str, **args: Any) -> Any:
        return self._values(function, **args)[0]

    def _execute(self, cur: psycopg.Cursor[Any], function: str, args: Mapping[str, Any]) -> None:
        show_unreadable(cur)
        # An argument that is None is left to the function's own default.
        given = {name: argument(value) for name, value in args.items() if value is not None}
        cur.execute(statement(self.schema, function, tuple(given)), tuple(given.values()))
