"""A template database with opsloop in it, deployed once, and clones of it."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any, Self

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from opsloop import embedded, migrate
from opsloop.config import DEFAULT_SCHEMA, check_dsn
from opsloop.errors import translate


class Databases:
    """Databases on one server: nobody else's, gone at the end."""

    def __init__(self, admin: psycopg.Connection[Any], dsn: str) -> None:
        self._admin = admin
        self._dsn = dsn
        self._template = f"opsloop_test_{secrets.token_hex(4)}"
        self._numbers = count(1)

    @classmethod
    @contextmanager
    def open(cls, policy: Path | None, prepare: Callable[[str], None]) -> Iterator[Self]:
        """Start the embedded server, unless OPSLOOP_TEST_DSN names another one, and make the template.

        Raises OpsError: DatabaseUnavailable (OPS_001) without a server, NotAllowed (OPS_015) when its login may not
        create databases.
        """
        given = os.environ.get("OPSLOOP_TEST_DSN")
        if given:
            with cls._on(check_dsn(given, "OPSLOOP_TEST_DSN"), policy, prepare) as databases:
                yield databases
            return
        with (
            embedded.server(settings=embedded.THROWAWAY) as server,
            cls._on(server.dsn(), policy, prepare) as databases,
        ):
            yield databases

    @classmethod
    @contextmanager
    def _on(cls, dsn: str, policy: Path | None, prepare: Callable[[str], None]) -> Iterator[Self]:
        with translate():
            admin = psycopg.connect(dsn, autocommit=True)
        with admin:
            databases = cls(admin, dsn)
            with databases._database(databases._template, "template0") as template:
                migrate.migrate(template)
                migrate.seed(template)
                if policy is not None:
                    _apply(policy, template)
                prepare(template)
                yield databases

    @contextmanager
    def clone(self) -> Iterator[str]:
        """A new database like the template; gives its connection string."""
        with self._database(f"{self._template}_{next(self._numbers)}", self._template) as dsn:
            yield dsn

    @contextmanager
    def _database(self, name: str, like: str) -> Iterator[str]:
        with translate():
            self._do("create database {} template {}", name, like)
        try:
            yield make_conninfo(self._dsn, dbname=name)
        finally:
            self._do("drop database {} with (force)", name)

    def _do(self, statement: str, *names: str) -> None:
        self._admin.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


def _apply(policy: Path, dsn: str) -> None:
    from opsloop.cli import policyfile
    from opsloop.client import connect

    with connect(dsn, DEFAULT_SCHEMA) as client:
        policyfile.apply(client, policyfile.read(policy), "opsloop_policy")
