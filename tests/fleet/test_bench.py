"""`make bench ARGS='--only fleet'` in very small: that it measures what it says."""

from pathlib import Path

import pytest

from fleet.servers import PRESENT
from harness.figures import Entrant
from harness.stage import Stage
from harness.workload import Bench
from peers import Peers
from support import require
from workloads.fleet import Fleet


class Tiny(Bench):
    """Circumstances in which everything is small."""

    def size(self, full: int, quick: int) -> int:
        """A tenth of a quick run."""
        return quick // 10


@pytest.mark.timeout(400)
def test_calls_drains_and_connections_are_measured() -> None:
    require("plproxy", PRESENT)
    require("pgbouncer", Path("/usr/sbin/pgbouncer").exists())
    with Fleet().prepared(Tiny(Stage(""), Peers(Path("/nowhere")))) as turn:
        direct, front, rate, connections = (
            turn(Entrant("opsloop", variant))[0]
            for variant in ("emit direct", "emit front", "two nodes", "producers")
        )
    assert direct.metric == front.metric == "p50"
    assert direct.value > 0
    assert front.value > 0
    assert rate.value > 0
    assert 0 < connections.value <= 2
