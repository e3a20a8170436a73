"""How long a person waits for the commands that tell what is wrong: 5,000 missions in odd states, and a past beside."""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence

from harness import engine, odd
from harness.figures import Entrant, Figure
from harness.progress import say
from harness.workload import Bench, Fresh
from opsloop import Client
from workloads.retention import finished

#: By the name that a figure gets. `nothing` and `nobody` never match: so bulk commands look at everything they may.
COMMANDS = {
    "--version": ["--version"],
    "ps": ["ps"],
    "ps --stuck": ["ps", "--stuck"],
    "inbox": ["inbox", "--list"],
    "show": ["show", "MISSION"],
    "explain": ["explain", "MISSION"],
    "health": ["health"],
    "stats": ["stats"],
    "metrics": ["metrics"],
    "dead list": ["dead", "list"],
    "dead list --by reason": ["dead", "list", "--by", "reason"],
    "retry, none fit": ["retry", "--executor", "nothing"],
    "resolve, none fit": ["resolve", "failed", "--executor", "nothing"],
    "cancel, none fit": ["cancel", "--executor", "nothing"],
    "approve, none fit": ["approve", "--source", "nobody"],
    "dead redrive, none fit": ["dead", "redrive", "--executor", "nothing"],
}


class Commands(Fresh):
    """Seconds from the start of a command to its end, its output in a pipe."""

    name = "commands"
    measures = (
        "commands on 5,000 missions in odd states, with a million finished missions beside and with none"
    )
    rounds = (1, 1)
    higher_is_better = False

    def entrants(self, quick: bool = False) -> Sequence[Entrant]:
        """Opsloop without and with a past."""
        return [Entrant("opsloop", "none"), Entrant("opsloop", "finished missions")]

    def turn(self, bench: Bench, entrant: Entrant) -> list[Figure]:
        """Make the missions, and ask."""
        past = bench.size(1_000_000, 20_000) if entrant.variant == "finished missions" else 0
        times = bench.size(5, 3)
        with bench.stage.database("commands", engine.TEMPLATE) as dsn:
            with engine.connect(dsn) as conn:
                if past:
                    say(f"commands: {finished(dsn, conn, past):,} finished missions are there")
                client = Client(conn)
                odd.missions(client, bench.size(5_000, 1_000) // odd.STATES)
                failed = str(client.list_missions(1, "failed")[0].mission_id)
            engine.settle(dsn)
            words = {
                name: [failed if word == "MISSION" else word for word in COMMANDS[name]] for name in COMMANDS
            }
            return [_taken(dsn, times, name, words[name]) for name in COMMANDS]


def _taken(dsn: str, times: int, name: str, words: list[str]) -> Figure:
    """The median of a few runs, with the CPU time of the command itself."""
    taken, burnt = [], []
    for _ in range(times):
        began, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(
            [sys.executable, "-m", "opsloop", *words],
            env={**os.environ, "DATABASE_URL": dsn},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
        taken.append(time.perf_counter() - began)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        burnt.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        # 1 is the answer of `health` where something is wrong.
        if done.returncode > 1 or not done.stdout:
            raise AssertionError(f"opsloop {' '.join(words)}: {done.stderr.decode()}")
    return Figure(name, statistics.median(taken), "s", {"cpu": round(statistics.median(burnt), 3)})
