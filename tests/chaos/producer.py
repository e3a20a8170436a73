"""A producer in a process of its own: proposes and publishes, says it again until it is told yes, and then notes it.

`python -m chaos.producer NAME SEED RATE GATE`: it makes RATE missions a second for as long as the file GATE is there.
The database is DATABASE_URL's.
"""

import itertools
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import psycopg

import opsloop
from chaos.witness import PLACE, Witness
from opsloop.client import Client
from opsloop.errors import OpsError

#: Failed attempts that a step survives: vanished workers count as such, and here many vanish.
_TRIES = 12


def template(draw: Random, number: int) -> dict[str, Any]:
    """A mission: one step, a chain, a fan, of all executors that there are."""

    def step(key: str, executor: str, *after: str, **more: Any) -> dict[str, Any]:
        # Most are short; some are still at it when the next fault comes.
        ms = draw.choice([0, 0, 5, 20, 50]) if draw.random() < 0.93 else draw.randint(500, 5000)
        params = {"ms": ms, "n": number, "publish": draw.random() < 0.15, **more}
        return {
            "key": key,
            "kind": executor,
            "params": params,
            "depends_on": list(after),
            "max_retries": _TRIES,
            "timeout_seconds": 300,
        }

    shape = draw.random()
    if shape < 0.35:
        steps = [step("a", draw.choice(["touch", "touch", "once"]))]
    elif shape < 0.60:
        chain = [step("a", "touch", publish=True), step("b", "once", "a", publish=True)]
        steps = [*chain, step("c", "touch", "b", publish=True, n="{{steps.a.result.n}}")]
    elif shape < 0.80:
        wide = [step(f"w{n}", draw.choice(["touch", "once"]), "a") for n in range(3)]
        steps = [step("a", "touch"), *wide, step("z", "touch", "w0", "w1", "w2")]
    elif shape < 0.90:
        steps = [step("a", "leased"), step("b", "touch", "a", n="{{steps.a.result.n}}")]
    else:
        steps = [step("a", draw.choice(["flaky", "thread"]))]
    return {"title": "chaos", "steps": steps, "priority": draw.choice([0, 0, 0, 5])}


class Producer:
    """One incarnation."""

    def __init__(self, name: str, seed: int, rate: float, gate: Path) -> None:
        self._name = f"{name}-{os.getpid()}-{time.monotonic_ns()}"
        self._draw = Random(f"{seed}:{name}")
        self._rate = rate
        self._gate = gate
        self._witness = Witness(Path(os.environ[PLACE]), f"producer-{self._name}")
        self._client: Client | None = None

    def run(self) -> None:
        """Produce, for ever."""
        for number in itertools.count():
            began = time.monotonic()
            while not self._gate.exists():
                time.sleep(0.05)
            key = f"{self._name}:{number}"
            document = template(self._draw, number)
            self._until_told(
                "proposed",
                key,
                lambda c, k=key, d=document: c.create_proposal(d, source="chaos", dedupe_key=k),
            )
            if number % 2 == 0:
                # Some are this producer's own, some all producers publish about.
                own = self._draw.random() < 0.6
                aggregate = f"{self._name}-{number % 8}" if own else f"shared-{number % 6}"
                self._until_told(
                    "published",
                    key,
                    lambda c, k=key, a=aggregate: c.publish_outbox(
                        "chaos", a, "chaos.fact", {"key": k}, dedupe_key=k
                    ),
                )
            time.sleep(max(0.0, began + self._draw.uniform(0.5, 1.5) / self._rate - time.monotonic()))

    def _until_told(self, what: str, key: str, call: Callable[[Client], Any]) -> None:
        """Say it, again and again under the same key, until the database has told that it is committed."""
        start = time.monotonic()
        while True:
            try:
                told = call(self._connected())
            except (OpsError, psycopg.Error, OSError) as error:
                code = getattr(error, "sqlstate", None)
                self._witness.say("refused", key=key, code=code, error=str(error)[:200])
                self._disconnect()
                time.sleep(0.3)
            else:
                answer = told if isinstance(told, int) else told.proposal_id
                self._witness.say(what, key=key, start=start, answer=answer)
                return

    def _connected(self) -> Client:
        if self._client is None:
            self._client = opsloop.connect(os.environ["DATABASE_URL"])
        return self._client

    def _disconnect(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.close()  # type: ignore[attr-defined]


def main() -> None:
    """See above."""
    name, seed, rate, gate = sys.argv[1:]
    Producer(name, int(seed), float(rate), Path(gate)).run()


if __name__ == "__main__":
    main()
