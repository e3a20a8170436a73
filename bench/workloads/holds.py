"""Somebody else holds a transaction open while work goes in and out: four kinds of it, and a control without any."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import psycopg
from psycopg import sql

from harness import engine
from harness.churn import Hold, Plan, churn, nobody
from harness.figures import Entrant, Figure
from harness.progress import say
from harness.workload import Bench, Turn, Workload
from opsloop import Client

_HELD_BACK = 10
_READ = "select count(*) from ops_policy"


@contextmanager
def read_snapshot(dsn: str) -> Iterator[int]:
    """A session at repeatable read that has read once, and then idles in its transaction."""
    with engine.connect(dsn) as conn:
        conn.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        with conn.transaction():
            conn.execute(_READ)
            yield 0


@contextmanager
def dump(dsn: str) -> Iterator[int]:
    """What pg_dump does: a snapshot, and a lock in access share mode on every table of the schema."""
    with engine.connect(dsn) as conn:
        conn.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        with conn.transaction():
            tables = conn.execute(
                "select relname from pg_class where relnamespace = %s::regnamespace and relkind in ('r', 'p')",
                (engine.SCHEMA,),
            ).fetchall()
            names = sql.SQL(", ").join(sql.Identifier(engine.SCHEMA, name) for (name,) in tables)
            conn.execute(sql.SQL("lock table {} in access share mode").format(names))
            conn.execute(_READ)
            yield 0


@contextmanager
def writing(dsn: str) -> Iterator[int]:
    """A transaction that has written one row, into a table that has nothing to do with opsloop, and stays open."""
    with engine.connect(dsn) as conn:
        conn.execute("create table public.bystander (i integer)")
        with conn.transaction():
            conn.execute("insert into public.bystander values (1)")
            yield 0


@contextmanager
def enqueuer(dsn: str) -> Iterator[int]:
    """A transaction that has proposed missions and stays open; it commits at the end, and they must be done then."""
    with engine.connect(dsn) as conn, conn.transaction():
        engine.propose_batch(Client(conn), [engine.NOOP] * _HELD_BACK)
        yield _HELD_BACK


KINDS: dict[str, Hold] = {
    "control": nobody,
    "read snapshot": read_snapshot,
    "dump": dump,
    "writing": writing,
    "enqueuer": enqueuer,
}


class Holds(Workload):
    """Steps per second at the end of the hold, under saturated churn."""

    name = "holds"
    measures = (
        "steps per second in the last seconds of churn with two workers, while somebody holds a transaction"
    )
    rounds = (3, 1)

    def entrants(self, quick: bool = False) -> Sequence[Entrant]:
        """The control and the four kinds."""
        return [Entrant("opsloop", kind) for kind in KINDS]

    @contextmanager
    def prepared(self, bench: Bench) -> Iterator[Turn]:
        """A database in which the stock waits, copied for each turn."""
        plan = Plan(
            feed=lambda client, number: engine.propose_batch(client, [engine.NOOP] * number),
            stocked="select id from ops_missions order by id",
            taken="select status <> 'approved' from ops_missions where id = %s",
            waiting="select count(*) from ops_mission_steps where status = 'queued'",
            seconds=bench.size(60, 6),
            last=bench.size(10, 2),
        )
        missions = bench.size(60_000, 20_000)
        with bench.stage.database("stock", engine.TEMPLATE) as stock:
            say(f"holds: enqueueing {missions:,} missions")
            engine.propose(stock, [engine.NOOP] * missions)
            engine.settle(stock)

            def turn(entrant: Entrant) -> list[Figure]:
                with bench.stage.database("holds", "stock") as dsn:
                    churned = churn(dsn, plan, KINDS[entrant.variant])
                return [Figure("rate", churned.rate, "steps/s", churned.details())]

            yield turn
