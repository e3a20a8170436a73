"""Names that came as data, looked up in the catalogue before anything is done with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from psycopg import sql
from psycopg.rows import dict_row

from opsloop import Context, Fatal
from opsloop.errors import ParamsRefused
from postgres_care.login import Connection

Row = dict[str, Any]


async def rows(conn: Connection, query: str, params: Mapping[str, Any] | None = None) -> list[Row]:
    """The rows of a query, each by column name."""
    async with conn.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(query.encode(), params or {})
        return await cursor.fetchall()


def checked(ctx: Context, needed: Mapping[str, type], optional: Sequence[str] = ()) -> Row:
    """The parameters, if there are all of them, of the right types, and no others."""
    params = ctx.params
    wrong = [
        f"{name} must be {'a whole number' if kind is int else 'a text'}"
        for name, kind in needed.items()
        if not isinstance(params.get(name), kind) or isinstance(params.get(name), bool)
    ]
    wrong += [f"{name} is unknown" for name in sorted(set(params) - set(needed) - set(optional))]
    if wrong:
        raise ParamsRefused(f"{ctx.executor or 'postgres_care'}: {'; '.join(wrong)}")
    return dict(params)


async def find_table(conn: Connection, ctx: Context, schema: str, table: str) -> sql.Identifier:
    """The quoted name of a user's table; Fatal when there is none of that name, or it is not to be touched."""
    return await _find(conn, ctx, schema, table, "table", ("r", "m", "p"))


async def find_index(conn: Connection, ctx: Context, schema: str, index: str) -> sql.Identifier | None:
    """The quoted name of a user's index, or None when it is gone; Fatal when it is not to be touched."""
    try:
        return await _find(conn, ctx, schema, index, "index", ("i",))
    except LookupError:
        return None


async def _find(
    conn: Connection, ctx: Context, schema: str, name: str, what: str, kinds: Sequence[str]
) -> sql.Identifier:
    if schema == ctx.schema or schema.startswith("pg_") or schema == "information_schema":
        raise Fatal(f"{schema!r} is not a user's schema: postgres_care leaves it alone")
    found = await rows(
        conn,
        "select n.nspname, c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace"
        " where n.nspname = %(schema)s and c.relname = %(name)s and c.relkind::text = any (%(kinds)s)",
        {"schema": schema, "name": name, "kinds": list(kinds)},
    )
    if not found:
        raise MissingError(f"there is no {what} {schema}.{name}")
    return sql.Identifier(found[0]["nspname"], found[0]["relname"])


class MissingError(Fatal, LookupError):
    """The catalogue has nothing of that name."""
