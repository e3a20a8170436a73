"""The front of a fleet: many loops on many servers under one name (docs/scaling.md).

A node is a loop in a database of its own; the front is a database whose functions run on the nodes, by PL/Proxy.

Raises, all of them: DatabaseUnavailable (OPS_001), NodeAway (OPS_029), WrongNode (OPS_089), NotAllowed (OPS_015), and
what each method names.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Self

from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from opsloop import database, sqlfiles
from opsloop.areas.call import Caller
from opsloop.config import DEFAULT_SCHEMA, check_dsn, check_schema
from opsloop.errors import InvalidArgument, SchemaMismatch, translate


@dataclass(frozen=True)
class Node:
    """A node as `fn_fleet_status` finds it."""

    node: int
    status: str
    reached: bool
    release: str | None
    behind: bool | None
    waits: bool | None
    killed: bool | None
    open: int | None
    share: Decimal | None
    ms: Decimal | None
    dsn: str
    fault: str | None
    answered_at: datetime | None
    fault_code: str | None


@dataclass(frozen=True)
class Told:
    """What a node was told by `fn_fleet_sync`."""

    node: int
    told: bool
    generation: int | None
    fault: str | None
    fault_code: str | None


class Fleet(Caller):
    """The functions that only a front has."""

    @classmethod
    @contextmanager
    def open(cls, dsn: str, schema: str = DEFAULT_SCHEMA) -> Iterator[Self]:
        """A front, over a connection of its own."""
        with translate(), database.connect(dsn) as conn:
            try:
                yield cls(conn, check_schema(schema, "schema"))
            except SchemaMismatch as error:
                error.hint = "`opsloop fleet install` makes a database the front of a fleet."
                raise

    def status(self) -> list[Node]:
        """Ask every node: whether it answers, what it runs, whether it was told the latest, what is open there."""
        return self._rows(Node, "fn_fleet_status")

    def sync(self, actor: str | None = None) -> list[Told]:
        """Tell each node the pauses, the kill switch and the policies that it missed."""
        return self._rows(Told, "fn_fleet_sync", actor=actor)

    def add(self, node: int, dsn: str, share: Decimal | None = None) -> None:
        """Add the loop that `dsn` names as a node, or change its dsn or its share; new keys go to it from then on.

        `dsn` has no user and no password: the front logs in as the login that calls it.
        """
        self._value("fn_fleet_add", node=node, dsn=dsn, share=None if share is None else str(share))

    def drain(self, node: int, *, finish: bool = False) -> int | None:
        """Give a node no new keys any more; with `finish` take it out. Returns what is open, None if it is away."""
        left: int | None = self._value("fn_fleet_drain", node=node, finish=finish)
        return left

    def login(self, login: str, password: str | None) -> None:
        """Give the front the password with which a login connects to the nodes; None takes it away."""
        query = sql.SQL("select {}.fn_fleet_login(%s, %s)").format(
            # A percent sign would be read as the beginning of a parameter.
            sql.Identifier(self.schema.replace("%", "%%"))
        )
        with translate():
            self.conn.execute(query, (login, password))


def install(dsn: str, schema: str = DEFAULT_SCHEMA) -> None:
    """Install the front into `schema` of a database, or bring it up to date; as a superuser."""
    _run("install", dsn, schema)


def remove(dsn: str, schema: str = DEFAULT_SCHEMA) -> None:
    """Take the front back; nodes and their work stay. NotFound (OPS_012) when there is none."""
    _run("remove", dsn, schema)


def number(front: str, dsn: str, node: int, schema: str = DEFAULT_SCHEMA) -> None:
    """Give the loop that `dsn` names its number, as the login of `front` unless `dsn` names one: its owner."""
    check_schema(schema, "schema")
    check_dsn(dsn, "the connection string of the node")
    logins = {key: value for key, value in conninfo_to_dict(front).items() if key in ("user", "password")}
    whole = make_conninfo("", **{**logins, **conninfo_to_dict(dsn)})
    with translate(), database.connect(whole) as conn, conn.transaction():
        conn.execute(sql.SQL("set local search_path = {}, pg_temp").format(sql.Identifier(schema)))
        conn.execute("select _set_node(%s)", (node,))


def without_login(dsn: str) -> str:
    """A connection string without user and password. InvalidArgument (OPS_018) when it names no database."""
    check_dsn(dsn, "the connection string of the node")
    parts = {key: value for key, value in conninfo_to_dict(dsn).items() if key not in ("user", "password")}
    if "dbname" not in parts:
        raise InvalidArgument("the connection string of a node must name its database", hint="dbname=…")
    return make_conninfo("", **parts)


def _run(script: str, dsn: str, schema: str) -> None:
    check_schema(schema, "schema")
    with translate(), database.connect(dsn, autocommit=False) as conn:
        conn.execute(sqlfiles.fleet_text(script, schema).encode())
