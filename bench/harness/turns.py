"""Takes the turns of opsloop's entrants with the package that this interpreter imports: `python -m harness.turns`.

The other side is `harness.host`. On stdin come lines of JSON, each is answered by one on stdout, with `error` when it
could not be done: first the circumstances; then for each workload `prepare`, any number of `turn`, and `end`.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator
from dataclasses import asdict
from typing import IO, Any

from harness import engine, machine, progress
from harness.figures import OWN_SYSTEM, Entrant
from harness.rounds import sentence
from harness.stage import Stage
from harness.workload import Bench, Turn
from peers import Peers
from workloads import ALL

_WORKLOADS = {workload.name: workload for workload in ALL}

Questions = Iterator[dict[str, Any]]


class Answers:
    """Where answers go."""

    def __init__(self, out: IO[str]) -> None:
        self._out = out

    def give(self, **answer: Any) -> None:
        """Answer the question that was asked."""
        print(json.dumps(answer), file=self._out, flush=True)


def main() -> None:
    """Serve until stdin ends."""
    # What is started from here gets neither end of the conversation.
    questions = map(json.loads, os.fdopen(os.dup(0)))
    answers = Answers(os.fdopen(os.dup(1), "w"))
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    given = next(questions)
    progress.carry_on(given["began"], given["name"])
    stage = Stage(given["admin"])
    try:
        with engine.installed(stage):
            answers.give(packages=machine.packages())
            for question in questions:
                _workload(Bench(stage, Peers(), given["quick"]), question["prepare"], questions, answers)
    except Exception as error:  # noqa: BLE001 - told to those who asked
        answers.give(error=sentence(error))


def _workload(bench: Bench, name: str, questions: Questions, answers: Answers) -> None:
    """Prepare a workload, take its turns, take it down."""
    try:
        with _WORKLOADS[name].prepared(bench) as turn:
            answers.give()
            for question in questions:
                if "turn" not in question:
                    break
                _turn(turn, question["turn"], answers)
        answers.give()
    except Exception as error:  # noqa: BLE001 - told to those who asked
        answers.give(error=sentence(error))


def _turn(turn: Turn, variant: str, answers: Answers) -> None:
    try:
        answers.give(figures=[asdict(figure) for figure in turn(Entrant(OWN_SYSTEM, variant))])
    except Exception as error:  # noqa: BLE001 - told to those who asked
        answers.give(error=sentence(error))


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # it drops its databases, then
    main()
