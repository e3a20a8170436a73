"""A server for each test, on the test's own database."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psycopg
import pytest

from logins import ROLES, Logins, logins
from serve.browsing import Served, Server, make_key, serving, serving_here


@pytest.fixture
def people(dsn: str) -> Iterator[Logins]:
    """Makes logins."""
    with logins(dsn) as made:
        yield made


@pytest.fixture
def serve(dsn: str, tmp_path: Path) -> Iterator[Callable[..., Served]]:
    """Starts servers as processes, each with options and environment of its own."""
    with ExitStack() as stack:

        def start(*options: str, **environment: str) -> Served:
            log = stack.enter_context((tmp_path / f"serve-{len(list(tmp_path.iterdir()))}.log").open("w+"))
            return stack.enter_context(serving(dsn, log, *options, **environment))

        yield start


@pytest.fixture
def run_opsloop() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs a command that ends by itself."""

    def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "opsloop", *arguments],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env={**os.environ, **environment},
        )

    return run


@pytest.fixture
def server(dsn: str) -> Iterator[Server]:
    """A server with its usual settings, in this process."""
    with serving_here(dsn) as made:
        yield made


@pytest.fixture
def key(conn: psycopg.Connection[Any], people: Logins) -> Callable[..., str]:
    """Makes keys, each for a login of its own that is a member of the role's group."""

    def make(role: str, login: str | None = None) -> str:
        return make_key(conn, role, login or people.make(role))

    return make


@pytest.fixture(scope="module")
def shared_conn(module_dsn: str) -> Iterator[psycopg.Connection[Any]]:
    """A session on the module's database."""
    with psycopg.connect(module_dsn, autocommit=True, options="-c search_path=opsloop") as made:
        yield made


@pytest.fixture(scope="module")
def shared_server(module_dsn: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server for all tests of a module, on a database of theirs."""
    with (tmp_path_factory.mktemp("served") / "log").open("w+") as log, serving(module_dsn, log) as made:
        yield made


@pytest.fixture(scope="module")
def shared_keys(module_dsn: str, shared_conn: psycopg.Connection[Any]) -> Iterator[dict[str, str]]:
    """A key of each role, each for a login of its own."""
    with logins(module_dsn) as people:
        yield {role: make_key(shared_conn, role, people.make(role)) for role in ROLES}


@pytest.fixture(scope="module")
def shared_key(shared_keys: dict[str, str]) -> str:
    """A key that may everything."""
    return shared_keys["admin"]
