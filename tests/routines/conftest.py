"""The loop on a session whose transaction is rolled back after the test: nothing a test does is seen by another."""

from collections.abc import Iterator

import psycopg
import pytest

from looping import Loop


@pytest.fixture
def loop(shared_dsn: str) -> Iterator[Loop]:
    """The loop, with opsloop deployed and the default policies; whatever the test does is rolled back."""
    with psycopg.connect(shared_dsn, options="-c search_path=opsloop") as conn:
        yield Loop(conn)
        conn.rollback()
