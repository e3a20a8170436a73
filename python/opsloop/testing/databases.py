"""Databases to be thrown away, on a server that is started for them or on one that is given."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Self

from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from opsloop import database, embedded, migrate
from opsloop.config import DEFAULT_SCHEMA, check_dsn
from opsloop.errors import translate


class Databases:
    """Makes databases on one server, with names that nobody else uses.

    `dsn` is the connection string of a database of the server that was there before.
    """

    def __init__(self, dsn: str) -> None:
        self.dsn = dsn
        self._prefix = f"opsloop_test_{secrets.token_hex(4)}"
        self._numbers = count(1)

    @classmethod
    @contextmanager
    def open(cls) -> Iterator[Self]:
        """Start the embedded server, unless OPSLOOP_TEST_DSN names another one.

        Raises OpsError, such as DatabaseUnavailable (OPS_001).
        """
        given = os.environ.get("OPSLOOP_TEST_DSN")
        if given:
            yield cls(check_dsn(given, "OPSLOOP_TEST_DSN"))
            return
        with embedded.server(settings=embedded.THROWAWAY) as server:
            yield cls(server.dsn())

    @contextmanager
    def make(self, like: str | None = None) -> Iterator[str]:
        """A new database, gone after the block; gives its connection string.

        `like`: connection string of the database to copy, to which nobody may be connected (default: an empty one).
        Raises OpsError, such as NotAllowed (OPS_015) when the login may not create databases.
        """
        name = f"{self._prefix}_{next(self._numbers)}"
        model = "template0" if like is None else str(conninfo_to_dict(like)["dbname"])
        with translate(), database.connect(self.dsn) as admin:
            admin.execute(
                sql.SQL("create database {} template {}").format(*map(sql.Identifier, (name, model)))
            )
        try:
            yield make_conninfo(self.dsn, dbname=name)
        finally:
            with database.connect(self.dsn) as admin:
                admin.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))

    @contextmanager
    def template(self, policy: Path | None, prepare: Callable[[str], None]) -> Iterator[str]:
        """A new database with opsloop deployed, the default policies and those of a file; to be copied by `make`."""
        with self.make() as dsn:
            migrate.migrate(dsn)
            migrate.seed(dsn)
            if policy is not None:
                _apply(policy, dsn)
            prepare(dsn)
            yield dsn


def _apply(policy: Path, dsn: str) -> None:
    from opsloop.cli import policyfile
    from opsloop.client import connect

    with connect(dsn, DEFAULT_SCHEMA) as client:
        documents, tests, schedules = policyfile.read_whole(policy)
        policyfile.apply(client, documents, "opsloop_policy", tests=tests, schedules=schedules)
