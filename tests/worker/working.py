"""How the tests of the worker make work, and run workers on it in processes of their own."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg

from opsloop.client import Client
from support import DEADLINE_SECONDS, wait_until

HERE = Path(__file__).parent


class Work:
    """Makes one-mission proposals that policy lets through, and looks at what becomes of their steps."""

    def __init__(self, conn: psycopg.Connection[Any]) -> None:
        self.conn = conn
        self.client = Client(conn)
        self.allow("noop", "radar", "sql", "http", "command", "own", "other", "unknown", "openclaw")
        self.set_policy("proposal_caps", daily_limit=1_000_000, hourly_limit=None, per_source={})
        # Retries at once: tests do not wait for a backoff.
        self.set_policy("worker_policy", backoff={"base_seconds": 0})

    def set_policy(self, key: str, **values: Any) -> None:
        """Change some values of a policy document."""
        self.client.set_policy(key, {**self.client.get_policy(key), **values})

    def allow(self, *kinds: str) -> None:
        """Let steps of these kinds run by themselves."""
        self.set_policy("auto_approve", allowed_step_kinds=list(kinds), max_risk_level="high", risk_rules=[])

    def mission(self, *steps: dict[str, Any]) -> str:
        """A mission of these steps, one after the other; returns its id."""
        made = self.client.create_proposal({"title": "test", "steps": list(steps)})
        assert made.mission_id is not None, made
        return str(made.mission_id)

    def step(self, executor: str, params: Any = None, **more: Any) -> str:
        """A mission of one step; returns the id of the step."""
        mission = self.mission({"kind": executor, "params": params or {}, **more})
        row = self.conn.execute(
            "select id from ops_mission_steps where mission_id = %s", (mission,)
        ).fetchone()
        assert row is not None
        return str(row[0])

    def of(self, step_id: str, column: str) -> Any:
        """The value of one column of a step."""
        row = self.conn.execute(
            f"select {column} from ops_mission_steps where id = %s", (step_id,)
        ).fetchone()
        assert row is not None
        return row[0]

    def statuses(self) -> dict[str, int]:
        """How many steps have which status."""
        return dict(self.conn.execute("select status, count(*) from ops_mission_steps group by 1").fetchall())

    def runs(self, step_id: str) -> list[str]:
        """How the attempts at a step ended, in order."""
        query = "select status from ops_action_runs where step_id = %s order by completed_at"
        return [row[0] for row in self.conn.execute(query, (step_id,)).fetchall()]

    def wait_for(self, step_id: str, *statuses: str, seconds: float = DEADLINE_SECONDS) -> None:
        """Returns when the step has one of these statuses."""
        wait_until(lambda: self.of(step_id, "status") in statuses, f"step is {statuses}", seconds)


class Process:
    """A worker in a process of its own; its log is in a file."""

    def __init__(self, dsn: str, home: Path, *arguments: str, **env: str) -> None:
        self.log = home / f"worker-{len(list(home.glob('worker-*')))}.log"
        with self.log.open("w") as log:
            self.popen = subprocess.Popen(
                [sys.executable, "-W", "default", "-m", "opsloop.worker", *arguments],
                env={**os.environ, "DATABASE_URL": dsn, "PYTHONPATH": str(HERE), **env},
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )

    def lines(self) -> list[dict[str, Any]]:
        """What it has logged so far."""
        return [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]

    def logged(self, event: str) -> bool:
        """Whether a line of that event is in its log."""
        return any(line["event"] == event for line in self.lines())

    def said(self) -> str:
        """The only sentence with a code that it ended with."""
        (only,) = [line for line in self.log.read_text().splitlines() if line.startswith("OPS_")]
        return only

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self.popen.send_signal(number)

    def end(self, seconds: float = DEADLINE_SECONDS) -> tuple[int, str]:
        """Wait for its end; returns exit code and stdout."""
        out, _ = self.popen.communicate(timeout=seconds)
        assert not re.search("Traceback|RuntimeWarning|ResourceWarning", self.log.read_text()), (
            self.log.read_text()
        )
        return self.popen.returncode, out
