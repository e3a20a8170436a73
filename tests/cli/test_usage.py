"""A command line that cannot be used is OPS_018 with the faulty part named, exit code 2, before anything is done."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from cli.commandline import Cli
from opsloop.cli import app

#: Those that look at no database of the user's.
WITHOUT_DATABASE = {"init", "demo", "schema"}


def commands(group: Any, *path: str) -> Iterator[str]:
    """The commands that there are, each with the groups before it."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, *path, name)
        else:
            yield " ".join((*path, name))


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("emti", "emti"),
        ("emit", "TYPE"),
        ("emit a:b --colour red", "--colour"),
        ("emit a:b --mission-id 7", "--mission-id"),
        ("approve", "PROPOSAL"),
        ("approve seven", "PROPOSAL"),
        ("retry seven", "STEP"),
        ("cancel seven", "MISSION"),
        ("resolve 018f0000-0000-7000-8000-000000000000 maybe", "OUTCOME"),
        ("ps --limit 0", "--limit"),
        ("ps --limit many", "--limit"),
        ("ps --status asleep", "asleep"),
        ("ingest --batch-size 0", "--batch-size"),
        ("policy", ""),
        ("policy get", "KEY"),
        ("policy set auto_approve", "DOCUMENT"),
        ("policy set auto_approve {} --expected-version x", "--expected-version"),
        ("emit a:b --data @/no/such/file", "/no/such/file"),
        ("ps --dsn nonsense://x", "--dsn"),
        ("ps --dsn host=h --schema pg_x", "--schema"),
        ("ps --dsn host=h --embedded", "--embedded"),
        ("policy try policy.toml --since 999999d", "--since"),
        ("grant --command echo'", "--command"),
    ],
)
def test_a_faulty_command_line_names_the_faulty_part(offline: Cli, line: str, named: str) -> None:
    done = offline(*line.split())
    assert done.code == 2
    if named:
        assert done.err.startswith("OPS_018: ")
        assert named in done.err.splitlines()[0]


@pytest.mark.parametrize(
    ("source", "said", "line"),
    [
        ("def x(:\n", "SyntaxError: invalid syntax", 1),
        ("import opsloop\nnobody\n", "NameError: name 'nobody' is not defined", 2),
        ("import opsloop\n\n\nopsloop.executor('')\n", "ValueError: an executor needs a name", 4),
        ("\nimport no_such_module\n", "ModuleNotFoundError: No module named 'no_such_module'", 2),
    ],
)
@pytest.mark.parametrize("command", ["worker", "relay"])
def test_a_fault_in_a_module_of_ones_own_is_named_with_its_line(
    offline: Cli,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: str,
    source: str,
    said: str,
    line: int,
) -> None:
    file = tmp_path / "of_ones_own.py"
    file.write_text(source)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    done = offline(command, "--once", "--app", "of_ones_own", "--dsn", "host=h", "--json")
    assert (done.code, done.error["code"]) == (2, "OPS_018")
    assert done.error["message"].startswith(f"--app of_ones_own: {said}")
    assert done.error["detail"] == {"file": str(file), "line": line}


def test_an_app_without_a_name_is_refused(offline: Cli) -> None:
    done = offline("worker", "--once", "--app", "", "--dsn", "host=h", "--json")
    assert (done.code, done.error["code"]) == (2, "OPS_018")


def test_options_that_contradict_each_other_are_named(offline: Cli) -> None:
    done = offline("ps", "--watch", "--json")
    assert (done.code, done.error["code"]) == (2, "OPS_018")
    assert "--watch" in done.error["message"]


@pytest.mark.parametrize("document", ["{", "[1]", "7", '{"a": NaN}', '{"a": 1, "a": 2}', '{"a": "\udcff"}'])
@pytest.mark.parametrize(
    ("command", "code"),
    [
        (["emit", "a:b", "--data"], "OPS_019"),
        (["propose"], "OPS_004"),
        (["policy", "set", "auto_approve"], "OPS_017"),
    ],
)
def test_a_faulty_document_is_refused_by_its_own_code(
    cli: Cli, command: list[str], code: str, document: str
) -> None:
    done = cli(*command, document, "--json")
    assert done.code in (1, 2)
    assert done.error["code"] in (code, "OPS_018")
    assert done.error["hint"] or done.error["message"]
    assert done.out == ""


def test_broken_json_names_line_and_column(offline: Cli) -> None:
    done = offline("propose", '{"title": "x",\n "steps": [}', "--json")
    assert done.error["detail"]["line"] == 2
    assert done.error["detail"]["column"] == 12


def test_the_name_of_a_file_without_its_at_sign_is_explained(offline: Cli, tmp_path: Path) -> None:
    file = tmp_path / "template.json"
    file.write_text("{}")
    assert f"give @{file}" in offline("propose", str(file)).err


def test_a_loop_that_is_no_front_is_told_how_one_is_made(cli: Cli) -> None:
    done = cli("fleet", "status", "--json")
    assert (done.code, done.error["code"]) == (1, "OPS_021")
    assert "opsloop fleet install" in done.error["hint"]


def test_without_a_database_it_is_ops_001_and_exit_code_3(offline: Cli) -> None:
    done = offline("ps")
    assert done.code == 3
    assert done.err.startswith("OPS_001: ")
    assert "--embedded" in done.err


def test_a_database_that_does_not_answer_is_exit_code_3(offline: Cli) -> None:
    done = offline("heartbeat", "--dsn", "host=127.0.0.1 port=1 password=hunter2", "--json")
    assert done.code == 3
    assert done.error["code"] == "OPS_001"
    assert "hunter2" not in done.err


def test_a_faulty_environment_is_exit_code_2(offline: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPS_EVENT_BATCH_SIZE", "lots")
    done = offline("heartbeat", "--dsn", "host=h")
    assert done.code == 2
    assert "OPS_EVENT_BATCH_SIZE" in done.err


@pytest.mark.parametrize("command", list(commands(typer.main.get_command(app))))
def test_every_command_has_help_and_the_common_options(offline: Cli, command: str) -> None:
    done = offline(*command.split(), "--help")
    assert done.code == 0
    assert "--json" in done.out
    if command not in WITHOUT_DATABASE:
        assert "--dsn" in done.out
        assert "--schema" in done.out


def test_the_help_lists_the_exit_codes(offline: Cli) -> None:
    done = offline("--help")
    assert done.code == 0
    assert "Exit codes: 0 done" in done.out


def test_nothing_at_all_prints_the_help(offline: Cli) -> None:
    done = offline()
    assert "Usage: opsloop" in done.out
    assert done.err == ""


def test_it_prints_its_version(offline: Cli) -> None:
    assert offline("--version").out.startswith("opsloop 0.")
