"""docs/operations.md and the systemd unit: variables, options and commands are those that there are, and they run."""

import configparser
import json
import re
import shlex
import subprocess
from pathlib import Path

import psycopg
import pytest
import typer.main

from docs.documents import ROOT, blocks, environment, run
from opsloop.cli import app
from opsloop.client import Client
from opsloop.worker.keeper import STOP_GRACE
from opsloop.worker.loop import _LAST_WORDS

DOCUMENT = "docs/operations.md"
UNIT = ROOT / "ops/systemd/opsloop-worker.service"
COMMON = {"dsn", "schema", "embedded", "json", "help"}


@pytest.fixture
def env(dsn: str, programs: Path, tmp_path: Path) -> dict[str, str]:
    return {**environment(dsn, programs, tmp_path), "HOME": str(tmp_path)}


def rows(heading: str) -> list[list[str]]:
    """The table under a heading, without its head: the cells of each row."""
    text = (ROOT / DOCUMENT).read_text(encoding="utf-8").split(f"\n## {heading}\n")[1].split("\n## ")[0]
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def shell(*languages: str) -> list[str]:
    """The texts of the blocks in these languages."""
    return [block.text for block in blocks(DOCUMENT) if block.language in languages and not block.about]


def test_the_variables_are_those_that_are_read():
    read = set(re.findall(r'"(DATABASE_URL|OPS\w+)"', (ROOT / "python/opsloop/config.py").read_text()))
    assert {row[0].strip("`") for row in rows("Environment")} == read


def test_the_options_and_defaults_of_the_worker_are_those_that_there_are():
    command = typer.main.get_command(app).commands["worker"]  # type: ignore[attr-defined]
    there = {option.name: option for option in command.params if option.name not in COMMON}
    documented = {}
    for names, _, default in rows("Worker"):
        first = re.findall(r"--([\w-]+)", names)[0]
        documented[first.replace("-", "_")] = default
    assert set(documented) == set(there)
    for name, default in documented.items():
        if re.fullmatch(r"[\d.]+", default):
            assert float(default) == there[name].default, name
        elif default in ("on", "off"):
            assert (default == "on") == there[name].default, name


def test_the_commands_run(env, tmp_path):
    for text in shell("sh"):
        done = subprocess.run(
            ["bash", "-e"], input=text, env=env, cwd=tmp_path, capture_output=True, text=True
        )
        assert done.returncode == 0, text + done.stdout + done.stderr


def test_the_statements_run(conn):
    with conn.transaction(force_rollback=True):
        conn.execute("create role shop")
        for text in shell("sql"):
            conn.execute(text)


def test_the_policy_files_are_put_in_force_and_somebody_is_told(conn, env, tmp_path):
    for text in shell("toml"):
        (tmp_path / "policy.toml").write_text(text)
        assert "is in force" in run(["opsloop", "policy", "apply", "policy.toml"], "", env, tmp_path)
    loop = Client(conn)
    assert loop.get_policy("auto_approve")["allowed_step_kinds"] == ["noop", "radar", "disk_free"]
    loop.create_proposal({"title": "Clean up", "steps": [{"kind": "cleaner"}]})
    loop.heartbeat()
    (told,) = [one for one in loop.list_proposals() if one.title == "Tell the chat"]
    text = told.template["steps"][0]["params"]["json"]["text"]
    assert text.startswith("Clean up waits: OPS_009: steps.step_1: kind cleaner is not in ")


def test_who_brings_work_can_do_nothing_else(conn):
    grants = next(text for text in shell("sql") if "grant" in text)
    with conn.transaction(force_rollback=True):
        conn.execute("create role shop")
        conn.execute(grants)
        conn.execute("set local role shop")
        assert conn.execute("select opsloop.fn_emit_event('order:placed')").fetchone() is not None
        with pytest.raises(psycopg.errors.InsufficientPrivilege), conn.transaction():
            conn.execute("select opsloop.fn_heartbeat()")
        with pytest.raises(psycopg.errors.InsufficientPrivilege), conn.transaction():
            conn.execute("delete from opsloop.ops_agent_events")


def test_the_lines_for_cron_run(env, tmp_path):
    (crontab,) = shell("crontab")
    commands = [line.split(maxsplit=5)[5] for line in crontab.splitlines() if line[0] in "*0123456789"]
    assert len(commands) == 2
    for command in commands:
        subprocess.run(["sh", "-c", command], env=env, check=True)
    assert "No queued steps\n" in (tmp_path / "opsloop-worker.log").read_text()
    assert json.loads((tmp_path / "opsloop-heartbeat.log").read_text())["ok"] is True


def test_what_pg_cron_is_given_is_a_heartbeat(conn):
    (block,) = [block for block in blocks(DOCUMENT) if block.about == "pg_cron"]
    (command,) = re.findall(r"'(select [^']+)'", block.text)
    assert conn.execute(command).fetchone()[0]["ok"] is True


def test_the_reasons_are_those_that_explain_gives(conn):
    given = set(re.findall(r"reason := '(\w+)'", conn.execute(
        "select string_agg(prosrc, '') from pg_proc where proname ~ '^_?(fn_)?explain_'").fetchone()[0]))  # fmt: skip
    assert {row[0].strip("`") for row in rows("Why is it not running?")} == given | {"dependency"}


def unit() -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read(UNIT)
    return parser


def test_the_command_of_the_relays_unit_runs(env, tmp_path):
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    parser.optionxform = str
    parser.read(ROOT / "ops/systemd/opsloop-relay.service")
    program, *arguments = shlex.split(parser["Service"]["ExecStart"])
    assert Path(program).name == "python"
    assert run(["python", *arguments, "--once"], "", env, tmp_path, errors=False) == "No waiting messages\n"


def test_the_command_of_the_unit_is_a_worker_that_runs(env, tmp_path):
    program, *arguments = shlex.split(unit()["Service"]["ExecStart"])
    assert Path(program).name == "python"
    assert run(["python", *arguments, "--once"], "", env, tmp_path, errors=False) == "No queued steps\n"


def test_systemd_leaves_the_worker_the_time_that_it_needs_to_stop():
    service = unit()["Service"]
    (grace,) = re.findall(r"--grace (\d+)", service["ExecStart"])
    assert int(service["TimeoutStopSec"]) >= int(grace) + STOP_GRACE + _LAST_WORDS
    assert service["KillMode"] == "mixed"
