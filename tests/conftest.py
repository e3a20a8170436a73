"""One server for the session, opsloop deployed once into a template database, a clone of it for each test."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import structlog
from psycopg.conninfo import make_conninfo
from pytest_postgresql.executors import NoopExecutor
from pytest_postgresql.factories import postgresql_noproc

from databases import Databases, unused_name
from opsloop import migrate
from proxies import Proxy

SCHEMA = "opsloop"


@pytest.fixture(scope="session")
def databases() -> Iterator[Databases]:
    """The server, where a test can have databases."""
    with Databases.open() as server:
        yield server


@pytest.fixture(scope="session")
def programs(databases: Databases) -> Path:
    """Directory with psql and pg_dump of the server's version."""
    return databases.programs


@pytest.fixture(autouse=True)
def _logging_as_at_first() -> Iterator[None]:
    """Undoes what a command run in this process set up: it logs to a stderr that pytest closes after the test."""
    yield
    structlog.reset_defaults()


def deploy(*, autocommit: bool, **where: Any) -> None:
    """opsloop and the default policies, for pytest-postgresql."""
    dsn = make_conninfo(**where)
    migrate.migrate(dsn)
    migrate.seed(dsn)


template = postgresql_noproc(depends_on="databases", dbname=unused_name(), load=[deploy])


@pytest.fixture
def dsn(databases: Databases, template: NoopExecutor) -> Iterator[str]:
    """Connection string of this test's own database, with opsloop deployed and the policies seeded."""
    with databases.make(like=template.template_dbname) as own:
        yield own


@pytest.fixture(scope="session")
def shared_dsn(databases: Databases, template: NoopExecutor) -> Iterator[str]:
    """Connection string of a database for all tests that roll back whatever they do."""
    with databases.make(like=template.template_dbname) as shared:
        yield shared


@pytest.fixture(scope="module")
def module_dsn(databases: Databases, template: NoopExecutor) -> Iterator[str]:
    """Connection string of a database for one module: pages that it counts are not those of other tests."""
    with databases.make(like=template.template_dbname) as own:
        yield own


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


@pytest.fixture
def proxy(dsn: str, tmp_path: Path) -> Iterator[Proxy]:
    """A proxy to this test's database."""
    made = Proxy(dsn, tmp_path)
    yield made
    made.close()
