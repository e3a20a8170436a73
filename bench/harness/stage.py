"""The server that everything is measured on, and the databases made on it and dropped again."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

#: As a database that matters would run: fsync, synchronous_commit, full_page_writes and autovacuum are on.
SETTINGS = {
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "shared_buffers": "1GB",
    "max_wal_size": "8GB",
    "checkpoint_timeout": "15min",
    "max_connections": "400",  # 64 workers with up to five connections each
    "logging_collector": "on",  # so that the log can be read through SQL
    "log_line_prefix": "%m [%p] %d %e ",
}


def _prefix() -> str:
    """Of the databases' names: several runs, and several stages of one run, may use one server."""
    return f"opsloop_bench_{os.getpid()}_{secrets.token_hex(2)}_"


@dataclass(frozen=True)
class Stage:
    """A server on which databases may be made."""

    admin: str
    prefix: str = field(default_factory=_prefix)

    def dsn(self, database: str) -> str:
        """The URL of one of its databases; a directory of sockets is in its query."""
        given = conninfo_to_dict(self.admin)
        user, password, host = (str(given.get(name) or "") for name in ("user", "password", "host"))
        login = quote(user, safe="") + (f":{quote(password, safe='')}" if password else "")
        rest = {
            name: str(v) for name, v in given.items() if name not in ("user", "password", "host", "dbname")
        }
        if not host.startswith("/") and "port" in rest:
            host = f"{host}:{rest.pop('port')}"
        elif host.startswith("/"):
            rest, host = {"host": host, **rest}, ""
        query = f"?{urlencode(rest)}" if rest else ""
        return f"postgresql://{login}{'@' if login else ''}{host}/{quote(database, safe='')}{query}"

    def session(self) -> psycopg.Connection[Any]:
        """An administrator's session."""
        return psycopg.connect(self.admin, autocommit=True)

    @contextmanager
    def database(self, name: str, template: str = "template0") -> Iterator[str]:
        """A fresh database while the block runs; gives its URL. Both names without the prefix of the benchmark."""
        source = template if template == "template0" else self.prefix + template
        own = self.prefix + name
        try:
            with self.session() as admin:
                _drop(admin, own)
                # Copied file by file: the pages of a large template would else go through the log.
                admin.execute(
                    sql.SQL("create database {} template {} strategy file_copy").format(
                        sql.Identifier(own), sql.Identifier(source)
                    )
                )
            yield self.dsn(own)
        finally:  # also when it is ended just after the database was made
            with self.session() as admin:
                _drop(admin, own)


@contextmanager
def open_stage(dsn: str | None) -> Iterator[Stage]:
    """The given server, whose role may create databases; without one an embedded server, gone afterwards."""
    if dsn is not None:
        yield Stage(dsn)
        return
    from opsloop import embedded  # only here: the host of another commit opens no server

    with embedded.server(settings=SETTINGS) as server:
        yield Stage(server.dsn())


def _drop(admin: psycopg.Connection[Any], name: str) -> None:
    admin.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))
