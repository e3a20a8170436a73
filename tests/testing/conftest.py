"""A loop as users of opsloop.testing have it, on this test's own database."""

from collections.abc import Iterator

import pytest

from opsloop.executors import builtin
from opsloop.testing import Loop


@pytest.fixture
def loop(dsn: str) -> Iterator[Loop]:
    with Loop.open(dsn, builtin(None)) as own:
        yield own
        assert own.client.check_invariants() == []
