"""The whole loop: event → reaction → proposal → gate → mission → step → event, turned by the workers' own heartbeat."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any
from uuid import UUID

import psycopg

from harness import engine, fleet
from harness.churn import Plan, churn
from harness.figures import Entrant, Figure
from harness.workload import Bench, Fresh
from opsloop import Client
from workloads.holds import read_snapshot

_WORKERS = 2
_EMIT = 1_000
_REACTION = {
    "name": "signal",
    "event_type": "signal",
    "template": {
        "title": "bench {{event.data.n}}",
        "steps": [{"kind": "noop", "params": {"n": "{{event.data.n}}"}}],
    },
}
#: More at a time than by default, as operations.md advises for many events.
_HEARTBEAT = {"OPS_EVENT_BATCH_SIZE": "1000", "OPS_REACTION_BATCH_SIZE": "1000"}
_SECONDS = """
  select (select count(*) from ops_agent_reactions where status = 'done'),
         (select count(*) from ops_mission_steps where status = 'succeeded'),
         extract(epoch from (select max(completed_at) from ops_missions)
                          - (select min(processed_at) from ops_agent_events where type = 'signal'))"""


class Loop(Fresh):
    """Loops per second: of events that wait, and of events that keep coming; each also beside a held snapshot."""

    name = "loop"
    measures = "whole loops per second, event to done step, with two workers that run the heartbeat"
    rounds = (3, 1)

    def entrants(self, quick: bool = False) -> Sequence[Entrant]:
        """Both forms, without and with somebody who holds a snapshot."""
        return [Entrant("opsloop", form) for form in ("batch", "batch held", "steady", "steady held")]

    def turn(self, bench: Bench, entrant: Entrant) -> list[Figure]:
        """Emit, turn, verify."""
        form, _, held = entrant.variant.partition(" ")
        with bench.stage.database("loop", engine.TEMPLATE) as dsn:
            react(dsn)
            if form == "batch":
                return [_batch(dsn, bench.size(20_000, 3_000), bool(held))]
            plan = Plan(
                feed=emit,
                stocked="select id from ops_agent_events where type = 'signal' order by id",
                taken="select processed_at is not null from ops_agent_events where id = %s",
                waiting="select count(*) from ops_agent_events where processed_at is null",
                seconds=bench.size(30, 5),
                last=bench.size(10, 2),
                workers=_WORKERS,
                env=_HEARTBEAT,
            )
            _emit_all(dsn, bench.size(20_000, 6_000))
            churned = churn(dsn, plan, read_snapshot if held else None)
            return [Figure("rate", churned.rate, "loops/s", churned.details())]


def react(dsn: str) -> None:
    """Set the pattern that makes a mission of each event."""
    with engine.connect(dsn) as conn:
        Client(conn).set_policy("reaction_matrix", {"patterns": [_REACTION]})


def loops(dsn: str, number: int) -> None:
    """Turn the loop so often."""
    react(dsn)
    _emit_all(dsn, number)
    fleet.drain(dsn, _WORKERS, env=_HEARTBEAT)
    engine.seconds_of_work(dsn, number, number)


def emit(client: Client, number: int) -> UUID:
    """Emit events that the pattern reacts to; gives the id of the last."""
    return client.emit_events([{"type": "signal", "data": {"n": n}} for n in range(number)])[-1]


def _emit_all(dsn: str, events: int) -> None:
    with engine.connect(dsn) as conn:
        for start in range(0, events, _EMIT):
            emit(Client(conn), min(_EMIT, events - start))


def _batch(dsn: str, events: int, held: bool) -> Figure:
    """Events that were all there before: from the first one looked at to the end of the last mission."""
    _emit_all(dsn, events)
    with engine.connect(dsn) as conn:
        engine.settle(dsn)
        with read_snapshot(dsn) if held else nullcontext():
            fleet.drain(dsn, _WORKERS, env=_HEARTBEAT)
        engine.seconds_of_work(dsn, events, events)
        return Figure("rate", events / _seconds(conn, events), "loops/s", {"n": events})


def _seconds(conn: psycopg.Connection[Any], events: int) -> float:
    row = conn.execute(_SECONDS).fetchone()
    assert row is not None
    if row[:2] != (events, events):
        raise AssertionError(f"reactions done and steps succeeded: {row[:2]} of {events}")
    return float(row[2])
