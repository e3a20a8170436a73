"""The whole loop by command line, in processes whose environment somebody else chose: it works, or it says in one
sentence what to change."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from cli.commandline import Cli, Done
from hostile.wholeloop import REACTION, WAITS, by_command_line

#: What differs from the environment of the tests; None for a variable that is not set.
ENVIRONMENTS: dict[str, dict[str, str | None]] = {
    "LANG=C": {"LANG": "C", "LC_ALL": "C"},
    "LANG=POSIX": {"LANG": "POSIX", "LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    "ascii": {"PYTHONIOENCODING": "ascii", "LC_ALL": "C", "PYTHONUTF8": "0"},
    "latin-1": {"PYTHONIOENCODING": "latin-1"},
    "no HOME": {"HOME": None, "XDG_DATA_HOME": None},
    "HOME that is nowhere": {"HOME": "/nonexistent/home", "XDG_DATA_HOME": None},
    "HOME that is empty": {"HOME": "", "XDG_DATA_HOME": ""},
    "no USER": {"USER": None, "LOGNAME": None, "HOME": None},
    "COLUMNS=0": {"COLUMNS": "0", "LINES": "0"},
    "COLUMNS=1": {"COLUMNS": "1"},
    "COLUMNS=x": {"COLUMNS": "x"},
    "COLUMNS=-5": {"COLUMNS": "-5"},
    "NO_COLOR": {"NO_COLOR": "1"},
    "FORCE_COLOR": {"FORCE_COLOR": "1", "TERM": "xterm-256color"},
    "TERM=dumb": {"TERM": "dumb"},
    "no TERM": {"TERM": None},
    "PGOPTIONS": {"PGOPTIONS": "-c search_path=nowhere -c DateStyle=German -c statement_timeout=20s"},
    "PGDATESTYLE": {"PGDATESTYLE": "German"},
    "PGCLIENTENCODING": {"PGCLIENTENCODING": "LATIN1"},
    "PGTZ": {"PGTZ": "<+14>-14"},
    "PGAPPNAME": {"PGAPPNAME": "opsloop worker %s {} \\ '"},
    "PGCONNECT_TIMEOUT": {"PGCONNECT_TIMEOUT": "1"},
    "PGSSLMODE": {"PGSSLMODE": "prefer", "PGGSSENCMODE": "disable"},
    "TZ": {"TZ": "Nowhere/Land"},
    "TZ of hours": {"TZ": "<-03>3:30"},
    "no PATH": {"PATH": "/nonexistent"},
    "PYTHONWARNINGS": {"PYTHONWARNINGS": "default", "PYTHONDEVMODE": "1"},
}
#: `make test` runs two bundles, `make hostile` each by itself too.
BUNDLES: dict[str, dict[str, str | None]] = {
    "locale, home and terminal": {
        name: value
        for one in ("ascii", "no USER", "COLUMNS=0", "TERM=dumb", "TZ", "NO_COLOR")
        for name, value in ENVIRONMENTS[one].items()
    },
    "libpq": {
        name: value
        for one in ENVIRONMENTS
        if one.startswith("PG")
        for name, value in ENVIRONMENTS[one].items()
    },
}
CASES = {**BUNDLES, **(ENVIRONMENTS if os.environ.get("OPSLOOP_HOSTILE") == "all" else {})}

#: One sentence each: what is wrong with it, and the variable to change.
REFUSED: dict[str, dict[str, str]] = {
    "PGOPTIONS that no server knows": {"PGOPTIONS": "-c no_such_setting=1"},
    "PGCONNECT_TIMEOUT that is no number": {"PGCONNECT_TIMEOUT": "soon"},
    "PGPORT that is no number": {"PGPORT": "x"},
    "PGTZ that is no zone": {"PGTZ": "Nowhere/Land"},
    "PGDATESTYLE that is none": {"PGDATESTYLE": "Klingon"},
    "PGSSLMODE that is none": {"PGSSLMODE": "maybe"},
}


def environment(dsn: str, changes: dict[str, str | None]) -> dict[str, str]:
    """That of the tests, with these changes."""
    merged = {**os.environ, "DATABASE_URL": dsn, "USER": "tester", **changes}
    return {name: value for name, value in merged.items() if value is not None}


@pytest.fixture
def within(empty_dsn: str, tmp_path: Path) -> Callable[..., Cli]:
    """Runs command lines as processes of their own, in an environment with these changes."""

    def within(changes: dict[str, str | None]) -> Cli:
        def call(*arguments: str, stdin: str = "") -> Done:
            done = subprocess.run(
                [sys.executable, "-m", "opsloop", *arguments],
                input=stdin.encode(),
                capture_output=True,
                check=False,
                cwd=tmp_path,
                timeout=100,
                env=environment(empty_dsn, changes),
            )
            said = Done(
                done.returncode,
                done.stdout.decode("utf-8", "replace"),
                done.stderr.decode("utf-8", "replace"),
            )
            assert "Traceback" not in said.err, said
            return said

        return call

    return within


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", CASES)
def test_the_whole_loop_works_with(name: str, within: Callable[..., Cli]) -> None:
    cli = within(CASES[name])

    def run(*arguments: str, **given: str) -> Done:
        done = cli(*arguments, **given)
        assert done.code == 0, (arguments, done)
        return done

    run("migrate")
    run("seed")
    run("policy", "set", "reaction_matrix", json.dumps({"patterns": [REACTION]}))
    signal = {"type": "disk:full", "data": {"what": "née – 日本語 \\d+"}}
    assert run("ingest", "--json", stdin=json.dumps(signal, ensure_ascii=False)).json["emitted"] == 1
    run("heartbeat")
    by_command_line(cli, "opsloop")
    run("ps", "--json")


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_used_is_said_in_one_sentence(name: str, within: Callable[..., Cli]) -> None:
    changes = REFUSED[name]
    done = within({**changes, "DATABASE_URL": "dbname=x"} if name.startswith("PGPORT") else dict(changes))(
        "ps"
    )
    assert done.code in (1, 2, 3), done
    assert done.err.startswith("OPS_"), done
    (variable,) = changes
    assert variable in done.err or changes[variable].partition("=")[0].removeprefix("-c ") in done.err, done


# Settings of role and database that keep writes or statements away


@pytest.fixture
def set_for(dsn: str) -> Callable[..., None]:
    """Sets what every session of this test's database begins with."""

    def set_for(name: str, value: str) -> None:
        with psycopg.connect(dsn, autocommit=True) as admin:
            admin.execute(
                sql.SQL("alter database {} set {} = {}").format(
                    sql.Identifier(admin.info.dbname), sql.Identifier(name), sql.Literal(value)
                )
            )

    return set_for


WRITES = [
    ["emit", "a"],
    ["propose", json.dumps(WAITS)],
    ["heartbeat"],
    ["worker", "--drain"],
    ["policy", "set", "auto_approve", "{}"],
    ["pause", "all"],
    ["ingest"],
]


@pytest.mark.parametrize("command", WRITES, ids=lambda c: c[0])
def test_a_database_that_only_reads_is_said_in_one_sentence(
    shell: Cli, set_for: Callable[..., None], command: list[str]
) -> None:
    set_for("default_transaction_read_only", "on")
    done = shell(*command, **({"stdin": '{"type": "a"}'} if command == ["ingest"] else {}))
    assert done.code != 0, done
    assert "Traceback" not in done.err
    assert "read-only" in done.err
    assert "default_transaction_read_only" in done.err, done


@pytest.mark.parametrize(
    "command", [["inbox"], ["ps"], ["health"], ["metrics"], ["dead", "list"]], ids=lambda c: c[0]
)
def test_a_database_that_only_reads_can_be_read(
    shell: Cli, set_for: Callable[..., None], command: list[str]
) -> None:
    set_for("default_transaction_read_only", "on")
    done = shell(*command)
    assert done.code in (0, 1), done
    assert "OPS_" not in done.err


@pytest.mark.parametrize(
    "command", [["heartbeat"], ["ps"], ["propose", json.dumps(WAITS)]], ids=lambda c: c[0]
)
def test_a_statement_timeout_that_is_too_short_is_said_in_one_sentence(
    shell: Cli, set_for: Callable[..., None], command: list[str]
) -> None:
    set_for("statement_timeout", "1ms")
    done = shell(*command)
    assert "Traceback" not in done.err
    assert done.code == 0 or "statement_timeout" in done.err, done


# Closed streams


def commands(tmp_path: Path) -> dict[str, list[str]]:
    """One of every command that ends by itself."""
    return {
        "emit": ["emit", "a"], "emit -": ["emit", "a", "--data", "-"], "ingest": ["ingest"], "inbox": ["inbox"],
        "propose -": ["propose", "-"], "propose": ["propose", json.dumps(WAITS)], "ps": ["ps"],
        "dead": ["dead", "list"],
        "metrics": ["metrics"], "health": ["health"], "heartbeat": ["heartbeat"], "status": ["status"],
        "worker": ["worker", "--drain"], "relay": ["relay", "--drain"], "policy": ["policy", "get", "auto_approve"],
        "policy set": ["policy", "set", "auto_approve", "-"], "sql": ["sql"], "roles": ["roles"],
        "rollback": ["rollback"], "init": ["init", str(tmp_path / "new")], "migrate": ["migrate"],
        "up": ["up", "--once"], "mcp": ["mcp", "--role", "planner"], "pause": ["pause"], "help": ["--help"],
        "version": ["--version"], "compat": ["compat"], "explain": ["explain", "00000000-0000-0000-0000-000000000000"],
    }  # fmt: skip


COMMANDS = list(commands(Path()))


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_with_closed_streams_ends_in_order(name: str, dsn: str, tmp_path: Path) -> None:
    for closed in ("<&-", ">&-", "2>&-", "<&- >&- 2>&-"):
        said = subprocess.run(
            [
                "/bin/sh",
                "-c",
                f'exec "$0" -m opsloop "$@" {closed}',
                sys.executable,
                *commands(tmp_path)[name],
            ],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            cwd=tmp_path,
            timeout=60,
            env=environment(dsn, {}),
        )
        text: Any = (said.stdout + said.stderr).decode()
        assert "Traceback" not in text, (closed, text)
        assert "Exception ignored" not in text, (closed, text)
        assert said.returncode in (0, 1, 2), (closed, said)
        if closed == "<&-" and name in ("ingest", "emit -", "propose -", "policy set"):
            assert (said.returncode, "stdin is closed" in text) == (2, True), said
