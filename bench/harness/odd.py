"""Missions in all the states a person may find them in, made as workers and people make them."""

from __future__ import annotations

import time
from typing import Any

from opsloop import Client
from opsloop.results import ClaimedStep

TITLE = "Größe 二行: a title longer than any column of a table has room for, number"
#: How many states there are.
STATES = 10
_WORKER = "w1"
_BATCH = 500


def missions(client: Client, each: int) -> None:
    """Make `each` missions that are failed, done, held, at work, cancelled, ready, unserved, paused, and asked for.

    In a loop in which nothing else is open; policy is opened for it.
    """
    client.set_policy("proposal_caps", {})
    allowed = {**client.get_policy("auto_approve"), "allowed_step_kinds": ["*"]}
    client.set_policy("auto_approve", allowed)
    client.register_worker(_WORKER, executors={"noop": {}})

    _propose(client, each, "failed", [{"key": "a", "kind": "noop"}, {"key": "b", "kind": "noop"}])
    client.fail_steps(
        [
            _report(
                step, error=f"connection to 10.0.0.{n % 250}:5432 refused after {n} tries\nand a second line"
            )
            | {"retryable": False}
            for n, step in enumerate(_claim(client, each))
        ]
    )
    _propose(client, each, "done", [{"kind": "noop"}])
    client.complete_steps([_report(step, result={"n": n}) for n, step in enumerate(_claim(client, each))])
    _propose(client, each, "held", [{"kind": "noop", "on_lease_lost": "hold"}])
    _claim(client, each, lease_seconds=1)
    while client.list_running(limit=1):
        client.recover_expired_leases()
        time.sleep(0.1)
    _propose(client, each, "runs", [{"kind": "noop"}])
    _claim(client, each, lease_seconds=3600)
    _propose(client, each, "cancelled", [{"kind": "noop"}])
    while client.cancel_missions({"title": "cancelled*"}, 1000, dry_run=False):
        pass
    _propose(client, each, "waits", [{"key": "a", "kind": "noop"}, {"key": "b", "kind": "noop"}])
    _propose(client, each, "nobody", [{"kind": "http", "params": {"url": "https://example.org"}}])
    _propose(client, each, "paused", [{"kind": "radar", "params": {"title": "x"}}])
    client.pause("executor", "radar", actor="bob", reason="why not")
    _propose(client, each, "asks", [{"kind": "noop"}], risk_level="high")
    _propose(client, each, "approves", [{"kind": "approval"}])


def _propose(client: Client, number: int, which: str, steps: list[dict[str, Any]], **fields: Any) -> None:
    rows = [
        {"template": {"title": f"{which} {TITLE} {n}", "steps": steps, **fields}, "source": "robot"}
        for n in range(number)
    ]
    for start in range(0, number, _BATCH):
        client.create_proposals(rows[start : start + _BATCH])


def _claim(client: Client, number: int, lease_seconds: int | None = None) -> list[ClaimedStep]:
    work = client.claim_steps(_WORKER, number, lease_seconds)
    assert len(work) == number
    return work


def _report(step: ClaimedStep, **said: Any) -> dict[str, Any]:
    return {"step_id": str(step.step_id), "lease_token": str(step.lease_token), **said}
