"""What other people's sessions hold: row locks, transactions, snapshots, and the work of a DBA."""

from random import Random
from typing import Any

import psycopg

from chaos.kinds import Missed, Scene, fault

_TABLES = """
  select relname from pg_class where relkind = 'r' and relnamespace = 'opsloop'::regnamespace
     and relname not like '%yoyo%' order by relname"""
#: Of tables that grow, the rows that the loop may be about to write.
_LIVE = {
    "ops_mission_steps": "where status in ('queued', 'running', 'blocked', 'waiting')",
    "ops_missions": "where status in ('approved', 'running')",
    "outbox": "where processed_at is null",
    "ops_agent_events": "where processed_at is null",
    "ops_mission_proposals": "order by id desc limit 50",
    "ops_action_runs": "order by id desc limit 50",
    "ops_audit_log": "order by id desc limit 50",
}


def _table(conn: psycopg.Connection[Any], draw: Random) -> str:
    """A table of the loop: the ones in the midst of it as often as all others together."""
    names = [row[0] for row in conn.execute(_TABLES).fetchall()]
    if not names:
        raise Missed("the loop is away")
    hot = [
        "ops_mission_steps",
        "ops_missions",
        "ops_workers",
        "ops_ready",
        "outbox",
        "outbox_heads",
        "ops_lanes",
    ]
    return str(draw.choice(hot if draw.random() < 0.5 else names))


@fault("rows locked", "locks", excuses=None, weight=6)
def rows_locked(scene: Scene, draw: Random) -> dict[str, Any]:
    """Somebody holds the rows of one table of the loop, for just under half a lease."""
    seconds = draw.uniform(0.5, 0.45 * scene.lease)
    with scene.server.connect(autocommit=False) as conn:
        table = _table(conn, draw)
        conn.execute("set local lock_timeout = '2s'")
        rows = conn.execute(
            f"select 1 from opsloop.{table} {_LIVE.get(table, 'limit 500')} for update"
        ).rowcount
        scene.wait(seconds)
        conn.rollback()
    return {"table": table, "rows": rows, "seconds": round(seconds, 1)}


@fault("table locked", "locks", excuses=None)
def table_locked(scene: Scene, draw: Random) -> dict[str, Any]:
    """lock table, in a mode that lets nobody write, for a second."""
    seconds = draw.uniform(0.2, 0.12 * scene.lease)
    with scene.server.connect(autocommit=False) as conn:
        table = _table(conn, draw)
        mode = draw.choice(["share row exclusive", "exclusive", "access exclusive"])
        conn.execute("set local lock_timeout = '1s'")
        conn.execute(f"lock table opsloop.{table} in {mode} mode")
        scene.wait(seconds)
        conn.rollback()
    return {"table": table, "mode": mode, "seconds": round(seconds, 1)}


@fault("transaction left open", "locks", excuses=None, weight=3)
def open_transaction(scene: Scene, draw: Random) -> dict[str, Any]:
    """Somebody proposes, publishes or emits, and commits or takes back only much later."""
    seconds = draw.uniform(1, 1.5 * scene.lease)
    with scene.server.connect(autocommit=False) as conn:
        template = '{"title": "left open", "steps": [{"kind": "noop"}]}'
        conn.execute(f"select fn_create_proposal('{template}')")
        conn.execute("select fn_publish_outbox('shared', 'left open', 'chaos.fact', '{}')")
        conn.execute("select fn_emit_event('chaos:left-open', '{}')")
        scene.wait(seconds)
        ends = draw.choice(["commit", "rollback"])
        conn.execute(ends)
    return {"seconds": round(seconds, 1), "ends": ends}


@fault("claim left open", "locks", excuses=None)
def open_claim(scene: Scene, draw: Random) -> dict[str, Any]:
    """Somebody claims steps in a transaction, holds it open, and takes it back."""
    seconds = draw.uniform(0.5, 0.4 * scene.lease)
    with scene.server.connect(autocommit=False) as conn:
        conn.execute(
            "select fn_register_worker('chaos:claims', p_executors => '{\"touch\": {}, \"once\": {}}')"
        )
        rows = conn.execute("select 1 from fn_claim_steps('chaos:claims', 20, 60, '{touch,once}')").rowcount
        scene.wait(seconds)
        conn.rollback()
    return {"steps": rows, "seconds": round(seconds, 1)}


@fault("snapshot held", "locks", excuses=None)
def snapshot(scene: Scene, draw: Random) -> dict[str, Any]:
    """A report reads for a long time: nothing that was deleted meanwhile can be cleaned away."""
    seconds = draw.uniform(5, 20)
    with scene.server.connect(autocommit=False) as conn:
        conn.execute("set transaction isolation level repeatable read")
        conn.execute("select count(*) from opsloop.ops_missions")
        scene.wait(seconds)
        conn.rollback()
    return {"seconds": round(seconds, 1)}


def _maintain(scene: Scene, draw: Random, *statements: str) -> dict[str, Any]:
    with scene.server.connect() as conn:
        table = _table(conn, draw)
        conn.execute("set lock_timeout = '2s'")
        conn.execute("set statement_timeout = '4s'")
        for statement in statements:
            conn.execute(statement.format(table=f"opsloop.{table}"))
    return {"table": table}


@fault("vacuum full", "locks", excuses=None)
def vacuum_full(scene: Scene, draw: Random) -> dict[str, Any]:
    """vacuum full of a table of the loop, with a lock_timeout."""
    return _maintain(scene, draw, "vacuum full {table}")


@fault("reindex", "locks", excuses=None)
def reindex(scene: Scene, draw: Random) -> dict[str, Any]:
    """reindex of a table of the loop, at times concurrently."""
    how = draw.choice(["reindex table {table}", "reindex table concurrently {table}"])
    return _maintain(scene, draw, how)


@fault("analyze and checkpoint", "locks", excuses=None, weight=1)
def analyzed(scene: Scene, draw: Random) -> dict[str, Any]:
    """New statistics, new plans, and all that is dirty is written."""
    return _maintain(scene, draw, "vacuum (analyze) {table}", "analyze", "checkpoint")


@fault("table altered", "locks", excuses=None)
def altered(scene: Scene, draw: Random) -> dict[str, Any]:
    """The steps get a column called metadata, as in the runbook, and lose it; kept plans must be made anew."""
    with scene.server.connect() as conn:
        conn.execute("set lock_timeout = '2s'")
        conn.execute("alter table opsloop.ops_mission_steps add column if not exists metadata jsonb")
        scene.wait(draw.uniform(0.2, 3))
        conn.execute("alter table opsloop.ops_mission_steps drop column if exists metadata")
    return {}


@fault("index made", "locks", excuses=None)
def index_made(scene: Scene, draw: Random) -> dict[str, Any]:
    """create index concurrently, which waits for all that write, and drop index."""
    column = draw.choice(["created_at", "updated_at", "worker_id"])
    with scene.server.connect() as conn:
        conn.execute("set statement_timeout = '10s'")
        conn.execute("drop index if exists opsloop.chaos_index")
        try:
            conn.execute(f"create index concurrently chaos_index on opsloop.ops_mission_steps ({column})")
        finally:
            conn.execute("set lock_timeout = '2s'")
            conn.execute("drop index if exists opsloop.chaos_index")
    return {"column": column}
