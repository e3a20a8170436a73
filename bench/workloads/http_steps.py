"""Steps that send a request each, worked off by two worker processes."""

from __future__ import annotations

from collections.abc import Sequence

from harness import engine, fleet
from harness.figures import Entrant, Figure
from harness.receiver import receiver
from harness.workload import Bench, Fresh
from opsloop.client import Client
from workloads.drain import WORKERS


class HttpSteps(Fresh):
    """Steps of the executor `http` per second, from the start of the first to the record of the last as done."""

    name = "http"
    measures = (
        "one-step missions of the executor http, each a POST to a local server, per second by two workers"
    )
    rounds = (5, 1)

    def entrants(self, quick: bool = False) -> Sequence[Entrant]:
        """No other system brings an executor for requests."""
        return [Entrant("opsloop")]

    def turn(self, bench: Bench, entrant: Entrant) -> list[Figure]:
        """Enqueue, drain, verify; the receiver must have seen each step once."""
        number = bench.size(10_000, 1_000)
        with receiver() as hooks, bench.stage.database("http", engine.TEMPLATE) as dsn:
            _allow(dsn)
            step = {"kind": "http", "params": {"url": hooks.url, "json": {"n": 1}}}
            engine.propose(dsn, [{"title": "bench", "steps": [step]}] * number)
            engine.settle(dsn)
            fleet.drain(dsn, WORKERS, "--no-heartbeat")
            seconds = engine.seconds_of_work(dsn, number, number)
            seen = hooks.figures()["requests"]
        if seen != number:
            raise AssertionError(f"{seen} requests came of {number}")
        return [Figure("rate", number / seconds, "steps/s", {"n": number})]


def _allow(dsn: str) -> None:
    """Policy lets requests to this machine pass, beside what the template's lets pass."""
    with engine.connect(dsn) as conn:
        client = Client(conn)
        approve, worker = client.get_policy("auto_approve"), client.get_policy("worker_policy")
        kinds = [*approve["allowed_step_kinds"], "http"]
        # A POST is of medium risk.
        allowed = {**approve, "allowed_step_kinds": kinds, "max_risk_level": "medium"}
        client.set_policy("auto_approve", allowed)
        client.set_policy("worker_policy", {**worker, "http_allow_private": True})
