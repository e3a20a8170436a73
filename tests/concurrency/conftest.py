"""Sessions on a database of the test's own; at its end the loop must be sound."""

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from looping import Loop


@pytest.fixture
def session(connect: Callable[..., psycopg.Connection[Any]]) -> Callable[[], Loop]:
    """Opens a further session, in autocommit."""
    return lambda: Loop(connect())


@pytest.fixture
def loop(session: Callable[[], Loop]) -> Iterator[Loop]:
    """A session that watches and prepares; afterwards nothing may be broken, nobody have met a deadlock."""
    first = session()
    first.policy("proposal_caps", daily_limit=None)
    yield first
    assert first.broken() == []
