"""A session for the routines that only compute: they need no database of their own per test."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest


@pytest.fixture(scope="session")
def calculator(shared_dsn: str) -> Iterator[psycopg.Connection[Any]]:
    """A read-only session, shared by all tests."""
    options = "-c search_path=opsloop -c default_transaction_read_only=on"
    with psycopg.connect(shared_dsn, autocommit=True, options=options) as session:
        yield session
