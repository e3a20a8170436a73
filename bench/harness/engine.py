"""opsloop as the workloads use it: installed in a template, fed by its client, and asked what has been done."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg

from harness.progress import say
from harness.stage import Stage
from opsloop import Client
from peers.installing import do

#: The template database in which opsloop is installed and policy lets everything of the benchmark pass.
TEMPLATE = "opsloop"
SCHEMA = "opsloop"
NOOP: dict[str, Any] = {"title": "bench", "steps": [{"kind": "noop"}]}
#: Proposals in one call: more bring nothing, and one transaction stays short.
BATCH = 1_000
_SAY_EVERY = 100_000
#: The kinds of steps that policy approves: `stamp` is in workloads/stamp.py, `unserved` no worker offers.
_KINDS = ["noop", "stamp", "unserved"]


@contextmanager
def installed(stage: Stage) -> Iterator[None]:
    """The template database, while the block runs. Raises NotInstalled where opsloop's own commands fail."""
    with stage.database(TEMPLATE) as dsn:
        for command in ("migrate", "seed"):
            opsloop = [sys.executable, "-m", "opsloop", command, "--schema", SCHEMA]
            do(opsloop, Path.cwd(), {**os.environ, "DATABASE_URL": dsn})
        with connect(dsn) as conn:
            client = Client(conn)
            # A cap that policy does not name costs nothing; one that it names, proposers would wait for in turn.
            caps = {**client.get_policy("proposal_caps"), "daily_limit": None, "hourly_limit": None}
            client.set_policy("proposal_caps", caps)
            allowed = {**client.get_policy("auto_approve"), "allowed_step_kinds": _KINDS}
            client.set_policy("auto_approve", allowed)
        yield


def connect(dsn: str) -> psycopg.Connection[Any]:
    """A session in autocommit mode with opsloop's schema on the search_path."""
    return psycopg.connect(dsn, autocommit=True, options=f"-c search_path={SCHEMA}")


def propose(dsn: str, templates: Sequence[dict[str, Any]], sessions: int = 2, batch: int = BATCH) -> None:
    """Propose a mission of each template, in batches over some sessions; policy approves them."""
    with ThreadPoolExecutor(sessions) as threads:
        for first in range(0, len(templates), _SAY_EVERY):
            if first:
                say(f"… {first:,} of {len(templates):,} missions")
            part = templates[first : first + _SAY_EVERY]
            batches = [part[start : start + batch] for start in range(0, len(part), batch)]
            list(threads.map(partial(_propose, dsn), [batches[n::sessions] for n in range(sessions)]))


def propose_at_once(dsn: str, templates: Sequence[dict[str, Any]]) -> None:
    """Propose missions in one transaction: they appear together when it commits, and wake all that sleep."""
    with connect(dsn) as conn, conn.transaction():
        for start in range(0, len(templates), BATCH):
            propose_batch(Client(conn), templates[start : start + BATCH])


def propose_batch(client: Client, templates: Sequence[dict[str, Any]]) -> UUID:
    """One call; gives the id of the last mission, and raises unless policy approves all."""
    made = client.create_proposals([{"template": template} for template in templates])
    refused = next((proposal for proposal in made if proposal.mission_id is None), None)
    if refused is not None:
        raise AssertionError(f"not approved: {refused}")
    last = made[-1].mission_id
    assert last is not None
    return last


def _propose(dsn: str, batches: Sequence[Sequence[dict[str, Any]]]) -> None:
    with connect(dsn) as conn:
        for templates in batches:
            propose_batch(Client(conn), templates)


def settle(dsn: str) -> None:
    """Vacuum and analyze, so that nothing begins with another one's housekeeping due."""
    with connect(dsn) as conn:
        conn.execute("vacuum analyze")


def checkpoint(dsn: str) -> None:
    """Write everything down, so that nobody pays for what was prepared; left out where the role may not."""
    with connect(dsn) as conn, suppress(psycopg.errors.InsufficientPrivilege):
        conn.execute("checkpoint")


def now(dsn: str) -> datetime:
    """The time by the database's clock."""
    with connect(dsn) as conn:
        row = conn.execute("select clock_timestamp()").fetchone()
    assert row is not None
    moment: datetime = row[0]
    return moment


def number(conn: psycopg.Connection[Any], query: str, values: dict[str, Any] | None = None) -> int:
    """The one whole number that a query gives."""
    row = conn.execute(query, values).fetchone()
    assert row is not None
    return int(row[0])


def seconds_of_work(dsn: str, missions: int, steps: int, since: datetime | None = None) -> float:
    """Seconds from the first claim to the last completion, by the database's clock, counting what began after `since`.

    Raises unless exactly that many steps were done, each once, and exactly that many missions have succeeded.
    """
    with connect(dsn) as conn:
        runs = conn.execute(
            "select count(*) filter (where status = 'succeeded'), count(distinct step_id), count(*), "
            "extract(epoch from max(completed_at) - min(started_at)) from ops_action_runs "
            "where started_at >= coalesce(%s, '-infinity'::timestamptz)",
            (since,),
        ).fetchone()
        ended = conn.execute(
            "select count(*) from ops_missions "
            "where status = 'succeeded' and started_at >= coalesce(%s, '-infinity'::timestamptz)",
            (since,),
        ).fetchone()
    assert runs is not None
    if runs[:3] != (steps, steps, steps) or ended != (missions,):
        raise AssertionError(
            f"not everything was done exactly once: succeeded, distinct, all runs {runs[:3]} of {steps}, "
            f"missions {ended} of {missions}"
        )
    return float(runs[3])


def all_succeeded(conn: psycopg.Connection[Any]) -> bool:
    """Whether no mission is still open; the first open one ends the search."""
    return (
        conn.execute("select from ops_missions where status in ('approved', 'running') limit 1").fetchone()
        is None
    )
