"""What a worker with nothing to do costs the database: transactions a second, awake, and asleep by `--idle-after`."""

from __future__ import annotations

import time
from collections.abc import Sequence

from harness import engine, fleet
from harness.figures import Entrant, Figure
from harness.workload import Bench, Fresh

_ASLEEP = "select count(*) from ops_workers where asleep_until is not null"
#: An idle session tells the counters what it did after ten seconds at the latest.
_TOLD = 11.0
_COMMITS = """
  select xact_commit from pg_stat_database where datname = current_database()"""
_SESSIONS = """
  select count(*) from pg_stat_activity
   where datname = current_database() and backend_type = 'client backend' and pid <> pg_backend_pid()"""


class Idle(Fresh):
    """Counted by the server, over a minute in which one worker has nothing to do."""

    name = "idle"
    measures = "transactions a second and connections of one worker that has nothing to do"
    rounds = (1, 1)
    higher_is_better = False

    def entrants(self, quick: bool = False) -> Sequence[Entrant]:
        """Opsloop awake, and asleep."""
        return [Entrant("opsloop"), Entrant("opsloop", "asleep")]

    def turn(self, bench: Bench, entrant: Entrant) -> list[Figure]:
        """Count before and after."""
        sleeps = entrant.variant == "asleep"
        seconds = bench.size(60, 10)
        with (
            bench.stage.database("idle", engine.TEMPLATE) as dsn,
            fleet.idle_workers(dsn, 1, *(("--idle-after", "1") if sleeps else ())) as running,
            engine.connect(dsn) as conn,
        ):
            if sleeps:
                fleet.until("it is asleep", lambda: engine.number(conn, _ASLEEP) == 1, running)
            time.sleep(_TOLD)
            before = engine.number(conn, _COMMITS)
            time.sleep(seconds)
            after = engine.number(conn, _COMMITS)
            sessions = engine.number(conn, _SESSIONS)
        # One of them is the question itself.
        return [
            Figure("transactions", (after - before - 1) / seconds, "per second"),
            Figure("connections", sessions, "open"),
        ]
