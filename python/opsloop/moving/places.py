"""The two databases of a move: a session on each, what each is called, and the right to move a loop there."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.pq import PGconn, Ping
from psycopg.rows import dict_row

from opsloop import database
from opsloop.client import OwningClient, connect
from opsloop.errors import Busy, DatabaseUnavailable, MoveRefused, translate

_POLL = 0.5
#: How long the session of a command that was killed is waited for, seconds.
_PATIENCE = 5.0

#: A session waits for the other side as long as that takes, and a step of a move wants read committed.
_SETTINGS = """
  select set_config(s.name, w.value, false)
    from (values ('statement_timeout', '0'), ('idle_session_timeout', '0'), ('transaction_timeout', '0'),
                 ('default_transaction_isolation', 'read committed')) w (name, value)
    join pg_settings s on s.name = w.name"""
_IDENTITY = """
  select (select system_identifier from pg_control_system())::text || '/'
         || (select oid from pg_database where datname = current_database())::text"""
_OBJECTS = """
  select (select count(*) from pg_class c where c.relnamespace = n.oid)
         + (select count(*) from pg_proc p where p.pronamespace = n.oid)
         + (select count(*) from pg_type t where t.typnamespace = n.oid) as objects
    from pg_namespace n where n.nspname = %s"""
#: A lock of the session, so that it ends with whoever has it. Both halves of its key are from one text.
_TAKE = "select pg_try_advisory_lock(hashtext('opsloop move'), hashtext(%s))"
_HOLDERS = """
  select l.pid, a.usename as login, a.application_name as application, a.backend_start::text as since
    from pg_locks l join pg_stat_activity a on a.pid = l.pid
   where l.locktype = 'advisory' and l.granted and l.objsubid = 2
     and l.classid = (hashtext('opsloop move')::bigint & 4294967295)::oid
     and l.objid = (hashtext(%s)::bigint & 4294967295)::oid
     and l.database = (select oid from pg_database where datname = current_database())"""


@dataclass(frozen=True)
class Place:
    """One of the two databases: a session on it, and what it is called."""

    conn: psycopg.Connection[Any]
    dsn: str = field(repr=False)
    name: str
    """Host, port and database, for people. Never a password."""

    def row(self, query: str, *args: Any) -> dict[str, Any]:
        """The one row of a query."""
        (found,) = self.rows(query, *args)
        return found

    def rows(self, query: str, *args: Any) -> list[dict[str, Any]]:
        """The rows of a query."""
        with translate():
            return self.conn.cursor(row_factory=dict_row).execute(query.encode(), args).fetchall()

    def program(self, name: str, *options: str) -> tuple[list[str], dict[str, str]]:
        """A program of PostgreSQL's on this database, and its environment, which has the password."""
        said = {**conninfo_to_dict(self.dsn), **database.to_primary(self.dsn)}
        password = said.pop("password", None)
        env = dict(os.environ)
        if password is not None:
            env["PGPASSWORD"] = str(password)
        return [program_path(name), "--dbname", make_conninfo("", **said), *options], env

    def loop(self, schema: str) -> OwningClient | None:
        """The loop there, if one is that may have come by a move."""
        there = self.row("select to_regclass(%s) is not null as there", f"{_quoted(schema)}.ops_moves")[
            "there"
        ]
        return OwningClient(self.conn, schema) if there else None

    def phase(self, schema: str, move: str) -> str | None:
        """How far that move is there, though others came after it; None where it never came."""
        if self.loop(schema) is None:
            return None
        query = sql.SQL("select phase from {} where id = %s").format(sql.Identifier(schema, "ops_moves"))
        with translate():
            found: str | None = database.value(self.conn, query, (move,))
        return found

    def is_empty(self, schema: str) -> bool:
        """Whether nothing is in that schema, or there is none."""
        return all(one["objects"] == 0 for one in self.rows(_OBJECTS, schema))

    @contextmanager
    def alone(self, schema: str) -> Iterator[None]:
        """Hold the right to move this loop from here, or to here. Raises Busy (OPS_031)."""
        ends = time.monotonic() + _PATIENCE
        while not self.row(_TAKE, schema)["pg_try_advisory_lock"]:
            if time.monotonic() < ends:
                time.sleep(_POLL)
                continue
            raise Busy(
                f"somebody is moving schema {schema} of {self.name}",
                detail={"holders": self.rows(_HOLDERS, schema)},
                hint="Let that command go on. One that was killed holds it until its session has ended.",
            )
        # The lock ends with the session.
        yield


@contextmanager
def open_source(dsn: str, schema: str) -> Iterator[tuple[OwningClient, Place]]:
    """The loop where it is. Raises DatabaseUnavailable (OPS_001), which names --from."""
    with _at("--from"):
        client = connect(dsn, schema)
    with client:
        yield client, _place(client.conn, dsn)


@contextmanager
def open_target(dsn: str) -> Iterator[Place]:
    """The database that it goes to. Raises DatabaseUnavailable (OPS_001), which names --to."""
    with _at("--to"):
        conn = database.connect(dsn, name="opsloop move")
    try:
        yield _place(conn, dsn)
    finally:
        conn.close()


def assert_apart(old: Place, target: Place) -> None:
    """Refuse to move a loop to where it is."""
    if old.row(_IDENTITY) == target.row(_IDENTITY):
        fault = "--from and --to are the same database"
        raise MoveRefused(
            f"the loop cannot move: {fault}",
            detail={"faults": [fault]},
            hint="Name another database with --to.",
        )


def answers(dsn: str) -> bool:
    """Whether a server is there at all: also one that refuses this login, or that is starting or stopping."""
    whole = {"connect_timeout": "10", **conninfo_to_dict(dsn)}
    return PGconn.ping(make_conninfo("", **whole).encode()) != Ping.NO_RESPONSE


def program_path(program: str) -> str:
    """Where a program of PostgreSQL's is. Raises MoveRefused (OPS_103)."""
    found = shutil.which(program)
    if found is None:
        raise MoveRefused(
            f"{program} is not on the PATH",
            hint="Install the client programs of PostgreSQL, or put them on the PATH.",
        )
    return found


def _place(conn: psycopg.Connection[Any], dsn: str) -> Place:
    with translate():
        conn.execute(_SETTINGS)
    said = conn.info.get_parameters()
    host = said.get("host") or said.get("hostaddr") or conn.info.host or "localhost"
    return Place(conn, dsn, f"{host}:{said.get('port') or conn.info.port}/{conn.info.dbname}")


@contextmanager
def _at(option: str) -> Iterator[None]:
    """Say which of the two could not be reached."""
    try:
        with translate():
            yield
    except DatabaseUnavailable as error:
        raise DatabaseUnavailable(
            f"{option}: {error.message}", detail=error.detail, hint=error.hint
        ) from error


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
