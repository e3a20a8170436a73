"""A fleet for all tests of this folder; each leaves it as it found it, but for rows."""

from collections.abc import Iterator

import pytest

from fleet.servers import PRESENT, Servers, servers
from support import require


@pytest.fixture(scope="session")
def _shared_fleet() -> Iterator[Servers]:
    require("plproxy", PRESENT)
    with servers() as made:
        yield made


@pytest.fixture
def fleet(_shared_fleet: Servers) -> Iterator[Servers]:
    """Three nodes, all up and told, nothing paused."""
    yield _shared_fleet
    _shared_fleet.clean()
