"""Missions by many producers over the front, while nodes are killed: each acknowledged one ends once, on one node.

Usage: PYTHONPATH=tests python -m fleet.soak [--missions 10000] [--producers 50] [--restarts 6]. Prints what was done
and what was found; exit code 1 when something is wrong.
"""

import argparse
import os
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb

from fleet.servers import Node, Servers, servers
from opsloop.fleet import Fleet
from support import wait_until

TEMPLATE = {
    "title": "soak",
    "steps": [{"key": "a", "kind": "noop"}, {"key": "b", "kind": "noop", "depends_on": ["a"]}],
}
CAPS = {"daily_limit": 1_000_000}


@dataclass
class Tally:
    """What the producers were told."""

    wanted: int
    taken: int = 0
    acknowledged: dict[str, UUID] = field(default_factory=dict)
    refusals: Counter[str] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def next(self) -> str | None:
        """A key, until there are enough."""
        with self.lock:
            if self.taken == self.wanted:
                return None
            self.taken += 1
            return f"soak-{self.taken}"


def produce(fleet: Servers, tally: Tally) -> None:
    """Propose under a key until it is acknowledged, then the next: what was refused may be there all the same."""
    key = tally.next()
    while key is not None:
        try:
            with fleet.front("one_producer") as conn:
                while key is not None:
                    made = conn.execute(
                        "select proposal_id from fn_create_proposal(%s, 'soak', %s)", (Jsonb(TEMPLATE), key)
                    ).fetchone()
                    assert made is not None
                    with tally.lock:
                        tally.acknowledged[key] = made[0]
                    key = tally.next()
        except psycopg.Error as error:
            with tally.lock:
                tally.refusals[str(error.sqlstate)] += 1
            time.sleep(0.05)


def keep_in_step(fleet: Servers, over: threading.Event) -> None:
    """What cron does: the front tells the nodes that are back."""
    while not over.wait(0.5):
        with Fleet.open(fleet.front_dsn) as front:
            front.sync()


@dataclass
class Worker:
    """A worker of one node, as a process."""

    node: Node
    process: subprocess.Popen[bytes]
    log: Path

    def fault(self) -> str | None:
        """Why it cannot do any work: it ended, though it was to outlast every outage."""
        code = self.process.poll()
        return (
            None
            if code is None
            else f"the worker of node {self.node.number} ended with {code}: {self.log.read_text()}"
        )

    def is_at_work(self) -> bool:
        """Whether its node knows it. Before that it ends when the node is away, as its start is not repeated."""
        assert self.fault() is None, self.fault()
        return bool(self.node.rows("select from ops_workers where pid = %s", self.process.pid))


@contextmanager
def workers(fleet: Servers) -> Iterator[list[Worker]]:
    """One for each node, at work, for as long as the block runs."""
    with TemporaryDirectory() as logs:
        started: list[Worker] = []
        try:
            for node in fleet.nodes:
                log = Path(logs, str(node.number))
                with log.open("wb") as stderr:
                    process = subprocess.Popen(
                        [sys.executable, "-m", "opsloop", "worker", "--log-level", "error"],
                        env={**os.environ, "DATABASE_URL": node.dsn},
                        stderr=stderr,
                    )
                started.append(Worker(node, process, log))
            wait_until(lambda: all(one.is_at_work() for one in started), "the workers are at work")
            yield started
        finally:
            for one in started:
                one.process.kill()
                one.process.wait()


def is_done(fleet: Servers, started: list[Worker]) -> bool:
    """Whether nothing is open on any node; an error when a worker ended, as its node then never gets done."""
    faults = [fault for one in started if (fault := one.fault())]
    assert faults == [], faults
    return not any(map(open_work, fleet.nodes))


def open_work(node: Node) -> int:
    """Proposals that wait, and missions that have not ended."""
    query = """
      select (select count(*) from ops_missions where status in ('approved', 'running'))
           + (select count(*) from ops_mission_proposals where status = 'pending')"""
    return int(node.rows(query)[0][0])


def what_is_open(fleet: Servers) -> list[object]:
    """How the front sees its nodes, and why a mission on each is open."""
    query = """
      select m.id, fn_explain_mission(m.id) from ops_missions m
       where m.status in ('approved', 'running') order by m.id limit 1"""
    with Fleet.open(fleet.front_dsn) as front:
        return [*front.status(), *(node.rows(query) for node in fleet.nodes)]


def faults_of(fleet: Servers, tally: Tally) -> list[str]:
    """What is not as it must be."""
    found: dict[str, list[tuple[Any, ...]]] = {}
    faults = []
    for node in fleet.nodes:
        for key, proposal, status in node.rows(
            "select p.dedupe_key, p.id, m.status from ops_mission_proposals p"
            " join ops_missions m on m.proposal_id = p.id"
        ):
            found.setdefault(key, []).append((node.number, proposal, status))
        faults += [f"node {node.number}: {row}" for row in node.rows("select * from fn_check_invariants()")]
        twice = (
            "select step_id from ops_action_runs where status = 'succeeded' group by 1 having count(*) > 1"
        )
        faults += [f"node {node.number}: step {row[0]} succeeded twice" for row in node.rows(twice)]
    faults += [f"{key} is there {len(rows)} times: {rows}" for key, rows in found.items() if len(rows) > 1]
    for key, proposal in tally.acknowledged.items():
        rows = [row for row in found.get(key, []) if row[1] == proposal]
        if [row[2] for row in rows] != ["succeeded"] or rows[0][0] != fleet.of(proposal).number:
            faults.append(f"{key} was acknowledged as {proposal}, and is {rows}")
    return faults


def soak(missions: int, producers: int, restarts: int, seed: int) -> list[str]:
    """Run it; returns the faults."""
    chance = random.Random(seed)
    tally = Tally(missions)
    over = threading.Event()
    with servers() as fleet, workers(fleet) as started:
        with fleet.front() as conn:
            conn.execute("select fn_set_policy('proposal_caps', %s)", (Jsonb(CAPS),))
        threads = [threading.Thread(target=produce, args=(fleet, tally)) for _ in range(producers)]
        keeper = threading.Thread(target=keep_in_step, args=(fleet, over))
        begun = time.monotonic()
        for thread in [*threads, keeper]:
            thread.start()
        try:
            for n in range(1, restarts + 1):
                # The front shares the first node's server, and its own restarts are another matter.
                node = fleet.node(chance.choice([2, 3]))
                share = missions * n // (restarts + 1)
                wait_until(lambda share=share: len(tally.acknowledged) >= share, "producers go on", 600)  # type: ignore[misc]
                node.stop()
                time.sleep(chance.uniform(0.1, 2.0))  # an outage of some length, which is what is tried
                node.start()
            for thread in threads:
                thread.join(600)
            try:
                wait_until(lambda: is_done(fleet, started), "all is done", 200)
            except AssertionError as error:
                raise AssertionError(f"{error}: {what_is_open(fleet)}") from error
        finally:
            tally.wanted = tally.taken
            over.set()
            keeper.join()
        seconds = time.monotonic() - begun
        faults = faults_of(fleet, tally)
        homes = Counter(fleet.of(one).number for one in tally.acknowledged.values())
    if len(tally.acknowledged) != missions:
        faults.append(f"{len(tally.acknowledged)} of {missions} were acknowledged")
    print(
        f"fleet-soak: {len(tally.acknowledged)} missions by {producers} producers, {restarts} nodes killed, in "
        f"{seconds:.0f} s; on nodes {dict(sorted(homes.items()))}; refused: {dict(tally.refusals)}; "
        f"{len(faults)} faults"
    )
    for fault in faults[:50]:
        print(f"  {fault}")
    return faults


def main() -> int:
    """Runs it; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--missions", type=int, default=10_000)
    parser.add_argument("--producers", type=int, default=50)
    parser.add_argument("--restarts", type=int, default=6)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    return int(bool(soak(given.missions, given.producers, given.restarts, given.seed)))


if __name__ == "__main__":
    sys.exit(main())
