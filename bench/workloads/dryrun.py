"""A dry run of policy over what was recorded: the same documents again, and changed ones."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

from harness import engine
from harness.figures import Entrant, Figure
from harness.workload import Bench, Fresh
from opsloop import Client

_EMIT = 1_000
_TURN = 5_000
_HOSTS = 100
_LOOK = {
    "name": "look",
    "event_type": "disk",
    "template": {"title": "look at {{event.data.host}}", "steps": [{"kind": "noop"}]},
}
_CALL = {
    "name": "call",
    "event_type": "mail",
    "template": {"title": "call", "steps": [{"kind": "http", "params": {"url": "https://example.com/"}}]},
}
#: Of five events: two that policy answers by itself, one that a person decides about, two that nothing watches.
_TYPES = ("disk", "mail", "idle", "disk", "idle")
_WAYS: dict[str, tuple[list[dict[str, Any]], list[str], dict[tuple[str, str], int]]] = {
    "unchanged": (
        [_LOOK, _CALL],
        ["noop"],
        {("auto_approved", "auto_approved"): 2, ("pending", "pending"): 1},
    ),
    "changed": (
        [{**_LOOK, "event_type": ["disk", "idle"]}, _CALL],
        ["http"],
        {("auto_approved", "pending"): 2, ("pending", "auto_approved"): 1, ("none", "pending"): 2},
    ),
}


class DryRun(Fresh):
    """Seconds that fn_dry_run_policy takes for reaction_matrix and auto_approve at once."""

    name = "dryrun"
    measures = "a dry run of reaction_matrix and auto_approve over 100,000 past events"
    rounds = (3, 1)

    def entrants(self, quick: bool = False) -> Sequence[Entrant]:
        """The documents in force, and others."""
        return [Entrant("opsloop", way) for way in _WAYS]

    def turn(self, bench: Bench, entrant: Entrant) -> list[Figure]:
        """Record a history, and try documents on it."""
        events = bench.size(100_000, 5_000)
        patterns, kinds, expected = _WAYS[entrant.variant]
        with bench.stage.database("dryrun", engine.TEMPLATE) as dsn:
            _record(dsn, events)
            engine.settle(dsn)
            with engine.connect(dsn) as conn:
                client = Client(conn)
                documents = {
                    "reaction_matrix": {"patterns": patterns},
                    "auto_approve": {
                        "enabled": True,
                        "allowed_step_kinds": kinds,
                        "max_risk_level": "medium",
                    },
                }
                began = time.perf_counter()
                rows = client.dry_run_policy(None, documents, limit=1_000)
                seconds = time.perf_counter() - began
        found = Counter({(r.old_outcome, r.new_outcome): r.decisions for r in rows if r.kind == "matrix"})
        wanted = {outcomes: share * events // len(_TYPES) for outcomes, share in expected.items()}
        if found != wanted:
            raise AssertionError(f"decided {dict(found)}, not {wanted}")
        return [Figure("seconds", seconds, "s", {"events": events})]


def _record(dsn: str, events: int) -> None:
    """Emit events, and turn the loop until all of them are looked at and proposed."""
    with engine.connect(dsn) as conn:
        client = Client(conn)
        client.set_policy("reaction_matrix", {"patterns": [_LOOK, _CALL]})
        for start in range(0, events, _EMIT):
            client.emit_events(
                [
                    {"type": _TYPES[n % len(_TYPES)], "data": {"host": f"h{n % _HOSTS}"}}
                    for n in range(start, min(start + _EMIT, events))
                ]
            )
            if (start // _EMIT) % (_TURN // _EMIT) == 0:
                client.heartbeat(_TURN, _TURN)
        while True:
            done = client.heartbeat(_TURN, _TURN)
            if not done["ok"]:
                raise AssertionError(f"a heartbeat failed: {done}")
            if not done["triggerResult"]["events"] and not done["reactionResult"]["processed"]:
                return
