"""One server for the session, opsloop deployed once into a template database, a clone of it for each test.

The server is the embedded PostgreSQL (OPSLOOP_TEST_PG_VERSION: 18 or 16), or any other by OPSLOOP_TEST_DSN, whose
role must be allowed to create databases.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
import structlog
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from pytest_postgresql import factories
from pytest_postgresql.executors import NoopExecutor
from pytest_postgresql.janitor import DatabaseJanitor

from opsloop import embedded, migrate, sqlfiles

SCHEMA = "opsloop"


@pytest.fixture(scope="session")
def embedded_server() -> Iterator[embedded.Server | None]:
    """The embedded server, or None when OPSLOOP_TEST_DSN names another one."""
    if "OPSLOOP_TEST_DSN" in os.environ:
        yield None
        return
    version = int(os.environ.get("OPSLOOP_TEST_PG_VERSION", embedded.DEFAULT_VERSION))
    settings = {**embedded.THROWAWAY, "max_prepared_transactions": "5"}
    with embedded.server(version=version, settings=settings) as running:
        yield running


class BareServer(NoopExecutor):
    """A server that others start, whose new databases have nothing in them."""

    template_dbname = "template0"


@pytest.fixture(scope="session")
def server(embedded_server: embedded.Server | None) -> NoopExecutor:
    """Where the tests' databases are: host, port, user and password."""
    given = conninfo_to_dict(embedded_server.dsn() if embedded_server else os.environ["OPSLOOP_TEST_DSN"])
    return BareServer(
        host=str(given.get("host", "")),
        port=str(given.get("port", 5432)),
        user=str(given.get("user", "postgres")),
        password=str(given["password"]) if "password" in given else None,
        options="",
        dbname="opsloop_test",
        maintenance_dbname=str(given.get("dbname", "postgres")),
    )


@pytest.fixture(scope="session")
def programs(embedded_server: embedded.Server | None, server: NoopExecutor) -> Path:
    """Directory with psql and pg_dump of the server's version."""
    if embedded_server:
        return embedded_server.programs
    debian = Path(f"/usr/lib/postgresql/{str(server.version).split('.')[0]}/bin")
    found = debian if debian.is_dir() else Path(shutil.which("pg_dump") or "pg_dump").parent
    assert (found / "pg_dump").exists(), "the tests need psql and pg_dump of the server's version"
    return found


@pytest.fixture(autouse=True)
def _logging_as_at_first() -> Iterator[None]:
    """Undoes what a command run in this process set up: it logs to a stderr that pytest closes after the test."""
    yield
    structlog.reset_defaults()


def _deploy(**where: Any) -> None:
    """Fills the template database."""
    where.pop("autocommit", None)
    dsn = make_conninfo("", **{name: value for name, value in where.items() if value is not None})
    migrate.migrate(dsn, SCHEMA)
    if (sqlfiles.sql_root() / "seed/policies.sql").exists():
        migrate.seed(dsn, SCHEMA)


template = factories.postgresql_noproc(depends_on="server", dbname="opsloop_test", load=[_deploy])


def dsn_for(where: NoopExecutor, database: str) -> str:
    """The connection string of one database on that server."""
    parts = {"host": where.host, "port": where.port, "user": where.user, "dbname": database}
    return make_conninfo("", **parts, **({"password": where.password} if where.password else {}))


@pytest.fixture
def dsn(template: NoopExecutor) -> Iterator[str]:
    """Connection string of this test's own database, with opsloop deployed and the policies seeded."""
    with _database(template, "opsloop_test", template.template_dbname) as own:
        yield own


@pytest.fixture(scope="session")
def shared_dsn(template: NoopExecutor) -> Iterator[str]:
    """Connection string of a database for all tests that roll back whatever they do."""
    with _database(template, "opsloop_shared", template.template_dbname) as shared:
        yield shared


@pytest.fixture
def empty_dsn(server: NoopExecutor) -> Iterator[str]:
    """Connection string of a database of this test's own that has nothing in it."""
    with _database(server, "opsloop_empty", server.template_dbname) as own:
        yield own


@contextmanager
def _database(where: NoopExecutor, name: str, like: str) -> Iterator[str]:
    janitor = DatabaseJanitor(
        user=where.user,
        host=where.host,
        port=where.port,
        password=where.password,
        dbname=name,
        template_dbname=like,
        maintenance_dbname=where.maintenance_dbname,
    )
    janitor.drop()
    with janitor:
        yield dsn_for(where, name)


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
