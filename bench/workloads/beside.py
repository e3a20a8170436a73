"""What the past costs: the rate with millions of finished rows beside, against none."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import psycopg
from psycopg import sql

from harness import engine, fleet
from harness.figures import Entrant, Figure
from harness.progress import say
from harness.workload import Bench, Turn, Workload
from opsloop import Client
from workloads.loop import loops

#: Loops that are really run; their rows are multiplied.
_SEED = (1_000, 400)
#: The history: what keeps rows of what is finished. The order is that of the references.
_TABLES = (
    "ops_agent_events",
    "ops_agent_reactions",
    "ops_mission_proposals",
    "ops_missions",
    "ops_mission_steps",
    "ops_action_runs",
)
_WORKERS = 2
_COLUMNS = """
  select attname, atttypid::regtype::text from pg_attribute
   where attrelid = %s::regclass and attnum > 0 and not attisdropped and attgenerated = '' order by attnum"""


class Beside(Workload):
    """Steps per second of one-step missions, from the first claim to the last completion."""

    name = "beside"
    measures = "one-step missions drained by two workers, with millions of finished rows beside and with none"
    #: Short ones and many: what else the machine does swings within seconds, and the question is one of a few per cent.
    rounds = (25, 1)

    def entrants(self, quick: bool = False) -> Sequence[Entrant]:
        """Opsloop without and with a past."""
        return [Entrant("opsloop", "none"), Entrant("opsloop", "finished rows")]

    @contextmanager
    def prepared(self, bench: Bench) -> Iterator[Turn]:
        """Two databases that are kept for all rounds; the past of one is made before."""
        rows, missions = bench.size(10_000_000, 200_000), bench.size(20_000, 6_000)
        with (
            bench.stage.database("none", engine.TEMPLATE) as none,
            bench.stage.database("finished", engine.TEMPLATE) as past,
        ):
            loops(past, bench.size(*_SEED))
            with engine.connect(past) as conn:
                Client(conn).set_policy("reaction_matrix", {"patterns": []})
                made = multiply(conn, rows)
            for dsn in (none, past):
                engine.settle(dsn)
                engine.checkpoint(dsn)
            say(f"beside: {made:,} finished rows are there")

            def turn(entrant: Entrant) -> list[Figure]:
                dsn = past if entrant.variant == "finished rows" else none
                engine.propose(dsn, [engine.NOOP] * missions)
                since = engine.now(dsn)
                fleet.drain(dsn, _WORKERS, "--no-heartbeat")
                seconds = engine.seconds_of_work(dsn, missions, missions, since)
                beside = made if dsn == past else 0
                return [
                    Figure("rate", missions / seconds, "steps/s", {"n": missions, "finished_rows": beside})
                ]

            yield turn


def multiply(conn: psycopg.Connection[object], rows: int) -> int:
    """Copy all finished loops, with ids of their own, until there are about so many rows; returns how many."""
    there = sum(engine.number(conn, f"select count(*) from {table}") for table in _TABLES)
    times = max(0, round(rows / there) - 1)
    conn.execute("set session_replication_role = replica")  # the references hold: all ids are changed alike
    conn.execute("set synchronous_commit = off")
    for table in _TABLES:
        say(f"beside: {table} × {times + 1:,}")
        columns: list[tuple[str, str]] = conn.execute(_COLUMNS, (table,)).fetchall()  # type: ignore[assignment]
        names = sql.SQL(", ").join(sql.Identifier(name) for name, _ in columns)
        values = sql.SQL(", ").join(_copied(name, kind) for name, kind in columns)
        statement = sql.SQL(
            "insert into {table} ({names}) select {values} from {table} t, generate_series(1, %s) copy"
        )
        with _full_pages(conn, table):
            # In the order of the ids: so it was written, and an index that grows at its end is made faster.
            conn.execute(
                sql.SQL("{} order by copy, t.id").format(
                    statement.format(table=sql.Identifier(table), names=names, values=values)
                ),
                (times,),
            )
    return there * (times + 1)


@contextmanager
def _full_pages(conn: psycopg.Connection[object], table: str) -> Iterator[None]:
    """Pages are filled up while the block runs.

    All copies are of one length. Were room left as the table has it, each of a hundred thousand pages would take one of
    the new, shorter rows: new missions would be written all over the past, as no past of many lengths makes it.
    """
    own = engine.number(
        conn,
        "select coalesce((select o.option_value::integer from pg_options_to_table(c.reloptions) o"
        " where o.option_name = 'fillfactor'), 100) from pg_class c where c.oid = %(table)s::regclass",
        {"table": table},
    )
    fill = sql.SQL("alter table {} set (fillfactor = {})")
    conn.execute(fill.format(sql.Identifier(table), sql.Literal(100)))
    yield
    conn.execute(fill.format(sql.Identifier(table), sql.Literal(own)))


def _copied(name: str, kind: str) -> sql.Composable:
    """A column's value in a copy: ids begin with the number of the copy, keys end with it, the rest is the same."""
    column = sql.SQL("t.{}").format(sql.Identifier(name))
    if kind == "uuid":
        return sql.SQL("overlay({}::text placing lpad(to_hex(copy), 8, '0') from 1 for 8)::uuid").format(
            column
        )
    if name == "dedupe_key":
        return sql.SQL("{} || '-' || copy").format(column)
    return column
