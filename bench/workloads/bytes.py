"""What a finished mission leaves behind: bytes on the disk, table by table, and bytes of WAL on the way there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg

from harness import engine, fleet
from harness.figures import Entrant, Figure
from harness.workload import Bench, Fresh

_SIZES = """
  select c.relname, pg_table_size(c.oid), pg_indexes_size(c.oid) from pg_class c
   where c.relkind = 'r' and c.relnamespace = %s::regnamespace"""
_WAL = "select pg_current_wal_insert_lsn() - '0/0'"


class Bytes(Fresh):
    """Sizes of files before and after, and the position in the log: one session enqueues, one worker works off."""

    name = "bytes"
    measures = "bytes on the disk and bytes of WAL per finished one-step mission"
    rounds = (3, 1)
    higher_is_better = False

    def entrants(self, quick: bool = False) -> Sequence[Entrant]:
        """Opsloop alone."""
        return [Entrant("opsloop")]

    def turn(self, bench: Bench, entrant: Entrant) -> list[Figure]:
        """Measure an empty loop, and the same with finished missions; after a checkpoint, as pages are logged whole."""
        missions = bench.size(50_000, 10_000)
        with bench.stage.database("bytes", engine.TEMPLATE) as dsn:
            engine.settle(dsn)
            engine.checkpoint(dsn)
            with engine.connect(dsn) as conn:
                before, log = _sizes(conn), engine.number(conn, _WAL)
            engine.propose(dsn, [engine.NOOP] * missions, sessions=1)
            fleet.drain(dsn, 1)
            engine.seconds_of_work(dsn, missions, missions)
            with engine.connect(dsn) as conn:
                written = engine.number(conn, _WAL) - log
            engine.settle(dsn)
            with engine.connect(dsn) as conn:
                after = _sizes(conn)
        each = {
            name: {"table": round(table / missions), "indexes": round(indexes / missions)}
            for name, (table, indexes) in _grown(before, after).items()
            if (table + indexes) / missions >= 1
        }
        disk = sum(table + indexes for table, indexes in _grown(before, after).values())
        return [
            Figure("disk", disk / missions, "bytes/mission", each),
            Figure("WAL", written / missions, "bytes/mission"),
            *(
                Figure(f"disk: {name}", float(sum(sizes.values())), "bytes/mission", sizes)
                for name, sizes in each.items()
            ),
        ]


def _sizes(conn: psycopg.Connection[Any]) -> dict[str, tuple[int, int]]:
    """Bytes of each table, and of its indexes."""
    return {
        name: (table, indexes) for name, table, indexes in conn.execute(_SIZES, (engine.SCHEMA,)).fetchall()
    }


def _grown(
    before: dict[str, tuple[int, int]], after: dict[str, tuple[int, int]]
) -> dict[str, tuple[int, int]]:
    """What came, the table that grew most first."""
    none = (0, 0)
    grown = {
        name: (table - before.get(name, none)[0], indexes - before.get(name, none)[1])
        for name, (table, indexes) in after.items()
    }
    return dict(sorted(grown.items(), key=lambda one: -sum(one[1])))
