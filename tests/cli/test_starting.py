"""What the commands that people wait for load before they answer: a start is mostly imports."""

import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
import typer

from looping import Loop, step
from opsloop.cli import MODULES, app

#: What only other commands need, and each of it costs as much as an answer.
HEAVY = {
    "aiohttp", "jsonschema", "mcp", "opsloop.embedded", "opsloop.executors", "opsloop.migrate", "opsloop.net",
    "opsloop.relay", "opsloop.worker", "rich.live", "rich.traceback", "sqlparse", "structlog", "textual", "tomlkit",
    "typer.rich_utils", "yarl", "yoyo", "zstandard",
}  # fmt: skip

_RUN = "import sys; from opsloop.cli import run; run(sys.argv[1:]); print(*sys.modules, file=sys.stderr)"


@pytest.fixture
def loaded(dsn: str) -> Callable[..., set[str]]:
    """Runs a command as a process of its own; returns the modules that it loaded."""

    def run(*arguments: str) -> set[str]:
        done = subprocess.run(
            [sys.executable, "-c", _RUN, *arguments],
            capture_output=True,
            check=True,
            text=True,
            env={**os.environ, "DATABASE_URL": dsn},
        )
        assert done.stdout
        return set(done.stderr.split())

    return run


@pytest.mark.parametrize(
    ("command", "own"),
    [
        ("ps", "ps"),
        ("inbox --list", "inbox"),
        ("show MISSION", "show"),
        ("health", "explain"),
        ("stats", "stats"),
        ("dead list", "dead"),
    ],
)
def test_a_command_loads_what_it_needs_and_no_other_command(
    loaded: Callable[..., set[str]], conn: psycopg.Connection[Any], command: str, own: str
) -> None:
    mission = Loop(conn).mission(step("a"), step("b"))
    found = loaded(*command.replace("MISSION", str(mission)).split())
    assert "psycopg" in found
    assert HEAVY & found == set()
    assert {module for module in MODULES if f"opsloop.cli.{module}" in found} == {own}


def test_each_module_registers_the_commands_it_is_listed_with() -> None:
    group = typer.main.get_command(app)
    for module, names in MODULES.items():
        for name in names:
            command = group.commands[name]  # type: ignore[attr-defined]
            assert command.name == name, module
