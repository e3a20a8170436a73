"""An agent with a producer's login, a worker that would run what it is given, and a command that leaves a mark.

What the agent must not bring about is that the mark is there, unless a person approved the command that leaves it.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest

from logins import Logins, logins
from looping import Loop, Row, step
from opsloop.cli import run


class Scene:
    """Who is there, and what the attack is after."""

    def __init__(self, loop: Loop, people: Logins, mark: Path) -> None:
        self.loop = loop
        self.people = people
        self.mark = mark
        self.agent_login = people.make("producer")
        self.agent = Loop(people.open(self.agent_login))
        self.operator = Loop(people.session("operator"))
        self._worker = people.make("worker")

    def command(self, key: str = "a", **fields: Any) -> Row:
        """The step that leaves the mark."""
        return step(key, "command", params={"argv": ["touch", str(self.mark)]}, **fields)

    def propose(self, **fields: Any) -> UUID:
        """The agent proposes it, and it has to wait for a person; returns the proposal's id."""
        made = self.agent.propose(self.command(**fields))
        assert (made["status"], made["mission_id"]) == ("pending", None)
        assert isinstance(made["proposal_id"], UUID)
        return made["proposal_id"]

    def work(self) -> None:
        """A real worker runs whatever it gets, and the heartbeat with it, until nothing is left."""
        dsn = self.people.dsn_of(self._worker)
        assert run(["worker", "--drain", "--dsn", dsn, "--log-level", "error"]) == 0

    def nothing_ran(self) -> None:
        """Lets the worker work; the mark must not be there, and the loop must be sound."""
        self.work()
        assert not self.mark.exists()
        assert self.loop.broken() == []


@pytest.fixture
def scene(conn: psycopg.Connection[Any], dsn: str, tmp_path: Path) -> Iterator[Scene]:
    """The agent's command is one that a person may approve, and that policy does not."""
    loop = Loop(conn)
    loop.policy("worker_policy", command_allow=[["touch", "..."]], backoff={"base_seconds": 0})
    with logins(dsn) as people:
        yield Scene(loop, people, tmp_path / "mark")


@pytest.fixture
def agent(scene: Scene) -> Loop:
    """The agent's own session."""
    return scene.agent


@pytest.fixture
def loop(scene: Scene) -> Loop:
    """The owner's session."""
    return scene.loop
