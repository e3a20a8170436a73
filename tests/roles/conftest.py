"""The loop as an owner, and logins that are members of its roles."""

from collections.abc import Iterator

import psycopg
import pytest

from logins import Logins, logins
from looping import Loop


@pytest.fixture
def loop(conn: psycopg.Connection) -> Loop:
    """The loop, on this test's own database, by the owner."""
    return Loop(conn)


@pytest.fixture
def people(dsn: str) -> Iterator[Logins]:
    """Makes logins for this test's own database."""
    with logins(dsn) as made:
        yield made
