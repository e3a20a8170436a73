"""The loop on a session whose transaction is rolled back after the test, and a read-only session to compute with."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from looping import Loop


@pytest.fixture
def loop(shared_dsn: str) -> Iterator[Loop]:
    """The loop, with opsloop deployed and the default policies; whatever the test does is rolled back."""
    with psycopg.connect(shared_dsn, options="-c search_path=opsloop") as conn:
        yield Loop(conn)
        conn.rollback()


@pytest.fixture(scope="session")
def calculator(shared_dsn: str) -> Iterator[psycopg.Connection[Any]]:
    """A read-only session for the routines that only compute, shared by all tests."""
    options = "-c search_path=opsloop -c default_transaction_read_only=on"
    with psycopg.connect(shared_dsn, autocommit=True, options=options) as session:
        yield session
