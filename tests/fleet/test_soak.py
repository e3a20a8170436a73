"""The soak in short; `make fleet-soak` is the whole of it."""

import pytest

from fleet.servers import PRESENT
from fleet.soak import soak
from support import require


@pytest.mark.timeout(300)
def test_each_acknowledged_mission_ends_once_while_nodes_are_killed() -> None:
    require("plproxy", PRESENT)
    assert soak(missions=600, producers=10, restarts=2, seed=1) == []
