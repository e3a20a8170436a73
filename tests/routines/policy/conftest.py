"""A session for the routines that only compute: they need no database of their own per test."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from opsloop.testing.databases import Databases


@pytest.fixture(scope="session")
def calculator(databases: Databases, template: str) -> Iterator[psycopg.Connection[Any]]:
    """A read-only session, shared by all tests, on a database with opsloop deployed and the policies seeded."""
    options = "-c search_path=opsloop -c default_transaction_read_only=on"
    with (
        databases.make(like=template) as dsn,
        psycopg.connect(dsn, autocommit=True, options=options) as session,
    ):
        yield session
