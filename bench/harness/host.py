"""Processes that take opsloop's turns: one for each commit that is compared, with its own interpreter and template.

What a host does is in `harness.turns`. The harness and the workloads are those of this tree, in both; the package, its
command line and its SQL are each commit's own.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

from harness import progress
from harness.figures import OWN_SYSTEM, Entrant, Figure
from harness.revision import Revision
from harness.stage import Stage

_BENCH = Path(__file__).parents[1]
#: Time to drop its databases once it is told to end.
_PATIENCE = 60.0


class HostFailed(Exception):  # noqa: N818 - says what is the case
    """A turn failed, or the process that took it ended; the message says which."""


class Host:
    """One such process. It answers each line of JSON with one, and does nothing in between."""

    def __init__(self, system: str, python: Path, stage: Stage, quick: bool) -> None:
        self.system = system
        # Neither directory may hold another opsloop: modules are looked for in both before the environment's own.
        env = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        self._process = subprocess.Popen(
            [str(python), "-m", "harness.turns"],
            cwd=_BENCH,
            env={**env, "PYTHONPATH": str(_BENCH)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,  # Ctrl-C is for the other side, which then ends this one
        )
        self._busy = False
        self._given = {"admin": stage.admin, "quick": quick, "began": progress.began(), "name": system}
        #: The versions of the packages that it runs on.
        self.packages: dict[str, str] = {}

    def begin(self) -> None:
        """Have opsloop installed into its template. Raises HostFailed."""
        self.packages = self._ask(self._given)["packages"]

    @contextmanager
    def prepared(self, workload: str) -> Iterator[Host]:
        """Have a workload prepared while the block runs. Raises HostFailed."""
        self._ask({"prepare": workload})
        try:
            yield self
        finally:
            if self._process.poll() is None and not self._busy:
                try:
                    self._ask({"end": workload})
                except HostFailed as error:
                    progress.say(f"{workload} {self.system}: not taken down: {error}")

    def turn(self, entrant: Entrant) -> list[Figure]:
        """Run an entrant once. Raises HostFailed."""
        return [Figure(**figure) for figure in self._ask({"turn": entrant.variant})["figures"]]

    def close(self) -> None:
        """Let it end, or end it where it still works on an answer."""
        with suppress(BrokenPipeError):
            assert self._process.stdin is not None
            self._process.stdin.close()
        if self._busy:
            self._process.terminate()
        try:
            self._process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def _ask(self, question: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._busy = True
        with suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(question) + "\n")
            self._process.stdin.flush()
        line = self._process.stdout.readline()
        self._busy = False
        if not line:
            raise HostFailed(f"its process has ended with {self._process.wait()}")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise HostFailed(answer["error"])
        return answer


@contextmanager
def hosts(stage: Stage, other: Revision | None, quick: bool) -> Iterator[tuple[Host, Host] | None]:
    """Hosts of this tree and of another commit while the block runs; none without another commit."""
    if other is None:
        yield None
        return
    with (
        closing(Host(OWN_SYSTEM, Path(sys.executable), stage, quick)) as own,
        closing(Host(other.system, other.python, stage, quick)) as theirs,
    ):
        own.begin()
        theirs.begin()
        yield own, theirs
