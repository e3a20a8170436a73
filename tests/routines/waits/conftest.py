"""Which event was committed when decides here: each statement is a transaction, in a database of the test's own."""

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from looping import Loop


@pytest.fixture
def loop(connect: Callable[..., psycopg.Connection[Any]]) -> Iterator[Loop]:
    """A session in autocommit; afterwards nothing may be broken."""
    first = Loop(connect())
    yield first
    assert first.broken() == []
