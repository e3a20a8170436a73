"""A session for the routines that only compute: they need no database of their own per test."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from pytest_postgresql.executors import NoopExecutor
from pytest_postgresql.janitor import DatabaseJanitor


@pytest.fixture(scope="session")
def calculator(template: NoopExecutor) -> Iterator[psycopg.Connection[Any]]:
    """A read-only session, shared by all tests, on a database with opsloop deployed and the policies seeded."""
    where = {"host": template.host, "port": template.port, "user": template.user}
    if template.password:
        where["password"] = template.password
    janitor = DatabaseJanitor(
        **where,
        dbname="opsloop_calculator",
        template_dbname=template.template_dbname,
        maintenance_dbname=template.maintenance_dbname,
    )
    janitor.drop()
    dsn = make_conninfo(
        "",
        dbname="opsloop_calculator",
        options="-c search_path=opsloop -c default_transaction_read_only=on",
        **where,
    )
    with janitor, psycopg.connect(dsn, autocommit=True) as session:
        yield session
