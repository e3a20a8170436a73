"""The loop on a session whose transaction is rolled back after the test, and a read-only session to compute with."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from looping import Loop
from opsloop.testing.databases import Databases


@pytest.fixture
def loop(shared_dsn: str) -> Iterator[Loop]:
    """The loop, with opsloop deployed and the default policies; whatever the test does is rolled back."""
    with psycopg.connect(shared_dsn, options="-c search_path=opsloop") as conn:
        yield Loop(conn)
        conn.rollback()


@pytest.fixture(scope="session")
def calculator(databases: Databases, template: str) -> Iterator[psycopg.Connection[Any]]:
    """A read-only session, shared by all tests, on a database with opsloop deployed and the policies seeded."""
    options = "-c search_path=opsloop -c default_transaction_read_only=on"
    with (
        databases.make(like=template) as dsn,
        psycopg.connect(dsn, autocommit=True, options=options) as session,
    ):
        yield session
