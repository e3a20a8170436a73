"""The stage of the benchmarks: a real PostgreSQL, opsloop deployed, and policy that lets everything pass."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from opsloop import embedded, migrate
from opsloop.client import Client

HERE = Path(__file__).parent

#: As a database that matters would run: fsync and synchronous_commit are on, and so is autovacuum.
SETTINGS = {
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "shared_buffers": "512MB",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "15min",
    "max_connections": "60",
}
_TEMPLATE = "bench_template"
_BATCH = 500


@dataclass(frozen=True)
class Stage:
    """A server with a template database in which opsloop is deployed."""

    server: embedded.Server

    @contextmanager
    def database(self, name: str) -> Iterator[str]:
        """A fresh database with opsloop deployed; gives its connection string."""
        with psycopg.connect(self.server.dsn(), autocommit=True) as admin:
            admin.execute(f"drop database if exists {name} with (force)")
            admin.execute(f"create database {name} template {_TEMPLATE}")
        yield self.server.dsn(name)
        with psycopg.connect(self.server.dsn(), autocommit=True) as admin:
            admin.execute(f"drop database {name} with (force)")


@contextmanager
def open_stage() -> Iterator[Stage]:
    """Start the server and deploy opsloop into the template."""
    with embedded.server(settings=SETTINGS) as server:
        with psycopg.connect(server.dsn(), autocommit=True) as admin:
            admin.execute(f"create database {_TEMPLATE}")
        dsn = server.dsn(_TEMPLATE)
        migrate.migrate(dsn, "opsloop")
        migrate.seed(dsn, "opsloop")
        with connect(dsn) as conn:
            client = Client(conn)
            caps = {**client.get_policy("proposal_caps"), "daily_limit": 100_000_000, "hourly_limit": None}
            client.set_policy("proposal_caps", caps)
            allowed = {**client.get_policy("auto_approve"), "allowed_step_kinds": ["noop", "stamp"]}
            client.set_policy("auto_approve", allowed)
        yield Stage(server)


def connect(dsn: str) -> psycopg.Connection[Any]:
    """A session in autocommit mode with opsloop's schema on the search_path."""
    return psycopg.connect(dsn, autocommit=True, options="-c search_path=opsloop")


def enqueue(dsn: str, number: int) -> None:
    """Propose `number` missions of one noop step; policy approves them, and their steps are queued."""
    template = {"title": "bench", "steps": [{"kind": "noop"}]}
    with connect(dsn) as conn:
        client = Client(conn)
        for start in range(0, number, _BATCH):
            client.create_proposals([{"template": template}] * min(_BATCH, number - start))


def worker(dsn: str, *arguments: str) -> subprocess.Popen[bytes]:
    """Start a worker process, as an operator would."""
    return subprocess.Popen(
        [sys.executable, "-m", "opsloop.worker", "--log-level", "warning", *arguments],
        env={**os.environ, "DATABASE_URL": dsn, "PYTHONPATH": str(HERE)},
        stdout=subprocess.DEVNULL,
    )
