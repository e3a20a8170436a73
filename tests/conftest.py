"""One server for the session, opsloop deployed once into a template database, a clone of it for each test.

The server is the embedded PostgreSQL (OPSLOOP_TEST_PG_VERSION: 18 or 16), or any other by OPSLOOP_TEST_DSN, whose
role must be allowed to create databases.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import structlog

from opsloop import embedded
from opsloop.testing.databases import Databases

SCHEMA = "opsloop"


@pytest.fixture(scope="session")
def databases() -> Iterator[Databases]:
    """The server, where a test can have databases."""
    version = int(os.environ.get("OPSLOOP_TEST_PG_VERSION", embedded.DEFAULT_VERSION))
    with Databases.open(version, {"max_prepared_transactions": "5"}) as server:
        yield server


@pytest.fixture(scope="session")
def programs(databases: Databases) -> Path:
    """Directory with psql and pg_dump of the server's version."""
    if databases.embedded:
        return databases.embedded.programs
    with psycopg.connect(databases.dsn) as conn:
        debian = Path(f"/usr/lib/postgresql/{conn.info.server_version // 10_000}/bin")
    found = debian if debian.is_dir() else Path(shutil.which("pg_dump") or "pg_dump").parent
    assert (found / "pg_dump").exists(), "the tests need psql and pg_dump of the server's version"
    return found


@pytest.fixture(autouse=True)
def _logging_as_at_first() -> Iterator[None]:
    """Undoes what a command run in this process set up: it logs to a stderr that pytest closes after the test."""
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def template(databases: Databases) -> Iterator[str]:
    """Connection string of the template: opsloop deployed, the policies seeded. To be copied, never connected to."""
    with databases.template() as dsn:
        yield dsn


@pytest.fixture
def dsn(databases: Databases, template: str) -> Iterator[str]:
    """Connection string of this test's own database, with opsloop deployed and the policies seeded."""
    with databases.make(like=template) as own:
        yield own


@pytest.fixture(scope="session")
def shared_dsn(databases: Databases, template: str) -> Iterator[str]:
    """Connection string of a database for all tests that roll back whatever they do."""
    with databases.make(like=template) as shared:
        yield shared


@pytest.fixture
def empty_dsn(databases: Databases) -> Iterator[str]:
    """Connection string of a database of this test's own that has nothing in it."""
    with databases.make() as own:
        yield own


@pytest.fixture
def connect(dsn: str) -> Iterator[Callable[..., psycopg.Connection[Any]]]:
    """Opens further sessions on this test's database: autocommit, search_path set, closed at the end."""
    opened: list[psycopg.Connection[Any]] = []

    def open_session(**settings: Any) -> psycopg.Connection[Any]:
        conn = psycopg.connect(dsn, **{"autocommit": True, "options": f"-c search_path={SCHEMA}", **settings})
        opened.append(conn)
        return conn

    yield open_session
    for conn in opened:
        conn.close()


@pytest.fixture
def conn(connect: Callable[..., psycopg.Connection[Any]]) -> psycopg.Connection[Any]:
    """A session on this test's database: autocommit, search_path set to opsloop."""
    return connect()
