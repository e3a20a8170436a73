"""The loop on a session whose transaction is rolled back after the test, and a read-only session to compute with."""

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from looping import Loop


@pytest.fixture(scope="session")
def one_session(shared_dsn: str) -> Iterator[Callable[[], psycopg.Connection[Any]]]:
    """The session of all tests, as that of a worker is: what a routine needs is loaded and compiled once."""
    opened: list[psycopg.Connection[Any]] = []

    def take() -> psycopg.Connection[Any]:
        if not opened or opened[-1].closed:
            opened.append(psycopg.connect(shared_dsn, options="-c search_path=opsloop"))
        return opened[-1]

    yield take
    for conn in opened:
        conn.close()


@pytest.fixture
def loop(one_session: Callable[[], psycopg.Connection[Any]]) -> Iterator[Loop]:
    """The loop, with opsloop deployed and the default policies; whatever the test does is rolled back."""
    conn = one_session()
    yield Loop(conn)
    conn.rollback()


@pytest.fixture(scope="session")
def calculator(shared_dsn: str) -> Iterator[psycopg.Connection[Any]]:
    """A read-only session for the routines that only compute, shared by all tests."""
    options = "-c search_path=opsloop -c default_transaction_read_only=on"
    with psycopg.connect(shared_dsn, autocommit=True, options=options) as session:
        yield session
