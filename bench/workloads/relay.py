"""Webhooks out of the outbox, beside the same posts from a bare loop."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from harness import engine
from harness.figures import Entrant, Figure
from harness.receiver import receiver
from harness.workload import Bench, Fresh
from opsloop import Client

_AGGREGATES = 1_000
_PUBLISH = """
  select count(fn_publish_outbox('account', (n %% %s)::text, 'changed', jsonb_build_object('n', n)))
    from generate_series(1, %s::int) n"""
_SECONDS = """
  select count(*) filter (where not dead and retry_count = 0),
         extract(epoch from max(processed_at) - min(processed_at))
    from outbox where processed_at is not null"""
_LOOPS = {"bare loop": "own", "aiohttp loop": "aiohttp"}


class Relay(Fresh):
    """Deliveries per second of one relay process, and of loops that do nothing but post."""

    name = "relay"
    measures = "webhooks per second from one process to a local server in another"
    rounds = (5, 1)
    controls = frozenset(_LOOPS)

    def entrants(self, quick: bool = False) -> Sequence[Entrant]:
        """The relay, its client without a database, and aiohttp with nothing of ours around it."""
        return [Entrant("opsloop", variant) for variant in ("relay", *_LOOPS)]

    def turn(self, bench: Bench, entrant: Entrant) -> list[Figure]:
        """Post them all; the receiver must have seen each."""
        number = bench.size(40_000, 5_000)
        with receiver() as hooks:
            if entrant.variant == "relay":
                seconds = _relay(bench, hooks.url, number)
            else:
                seconds = _loop(hooks.url, number, _LOOPS[entrant.variant])
            seen = hooks.figures()["requests"]
        if seen != number:
            raise AssertionError(f"{seen} requests came of {number}")
        return [Figure("rate", number / seconds, "deliveries/s", {"n": number})]


def _loop(url: str, number: int, which: str) -> float:
    command = [sys.executable, "-m", "harness.poster", url, str(number), which]
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    return float(subprocess.run(command, env=env, check=True, capture_output=True, text=True).stdout)


def _relay(bench: Bench, url: str, number: int) -> float:
    """From the first record of a delivery to the last, by the database's clock."""
    with bench.stage.database("relay", engine.TEMPLATE) as dsn, engine.connect(dsn) as conn:
        route = {"event_type": "changed", "sink": "http", "url": url}
        Client(conn).set_policy("outbox", {"routes": [route], "allow_private": True})
        conn.execute(_PUBLISH, (_AGGREGATES, number))
        engine.settle(dsn)
        subprocess.run(
            [sys.executable, "-m", "opsloop.relay", "--drain", "--log-level", "error"],
            env={**os.environ, "DATABASE_URL": dsn},
            check=True,
            capture_output=True,
        )
        row = conn.execute(_SECONDS).fetchone()
    assert row is not None
    if row[0] != number:
        raise AssertionError(f"{row[0]} delivered at the first try of {number}")
    return float(row[1])
