"""`opsloop init` writes a project that runs as it is."""

import configparser
import os
import re
import shlex
import signal
import stat
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from cli.commandline import Cli
from cli.starting import Up
from opsloop.client import connect
from opsloop.worker.keeper import STOP_GRACE
from opsloop.worker.loop import _LAST_WORDS
from support import wait_until

FILES = {
    "README.md",
    "executors.py",
    "test_executors.py",
    "policy.toml",
    "policy.schema.json",
    "pytest.ini",
    ".env.example",
    "opsloop-shop-ops.service",
}


@pytest.fixture
def project(offline: Cli, tmp_path: Path) -> Path:
    """A project that init has just written."""
    assert offline("init", str(tmp_path / "Shop ops")).code == 0
    return tmp_path / "Shop ops"


def names(directory: Path) -> set[str]:
    """What is in a directory."""
    return {path.name for path in directory.iterdir()}


def test_it_writes_a_small_project_and_says_what_next(offline: Cli, tmp_path: Path) -> None:
    done = offline("init", str(tmp_path / "Shop ops"))
    assert done.code == 0
    assert names(tmp_path / "Shop ops") == FILES
    last = done.out.splitlines()[-1]
    assert last == f"next: cd '{tmp_path}/Shop ops' && opsloop up --app executors --policy policy.toml"


def test_where_nothing_can_be_written_is_said(offline: Cli, tmp_path: Path) -> None:
    (tmp_path / "around").symlink_to("around")
    for where in (tmp_path / "around", tmp_path / ("x" * 300), tmp_path / "around" / "further"):
        done = offline("init", str(where), "--json")
        assert (done.code, done.error["code"]) == (2, "OPS_018")
        assert str(where) in done.error["message"]


def test_the_directory_one_is_in_is_fine(
    offline: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = offline("init", "--json")
    assert done.json["directory"] == "."
    assert set(done.json["files"]) == names(tmp_path)


@pytest.mark.parametrize("name", ["policy.toml", ".env.example"])
def test_it_overwrites_nothing_and_writes_nothing_then(offline: Cli, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("mine")
    done = offline("init", str(tmp_path), "--json")
    assert (done.code, done.error["code"]) == (1, "OPS_013")
    assert done.error["detail"] == {"files": [name]}
    assert names(tmp_path) == {name}
    assert (tmp_path / name).read_text() == "mine"


def test_a_link_to_nowhere_is_in_the_way_too(offline: Cli, tmp_path: Path) -> None:
    (tmp_path / "executors.py").symlink_to(tmp_path / "elsewhere.py")
    assert offline("init", str(tmp_path)).code == 1
    assert names(tmp_path) == {"executors.py"}


def test_where_nothing_can_be_written_it_says_so(offline: Cli, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = offline("init", str(tmp_path / "file"), "--json")
    assert (done.code, done.error["code"]) == (2, "OPS_018")


def test_the_tests_of_the_project_pass(project: Path, empty_dsn: str) -> None:
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=project,
        env={**env, "OPSLOOP_TEST_DSN": empty_dsn},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 passed" in done.stdout


@pytest.mark.skipif("OPSLOOP_TEST_DSN" in os.environ, reason="the tests run on another server")
def test_the_project_runs_on_a_server_of_its_own_that_goes_when_it_does(
    project: Path, start: Callable[..., Up], trial_home: Path
) -> None:
    command = ("--app", "executors", "--policy", "policy.toml", "--embedded")
    up = start("", *command, cwd=project, XDG_DATA_HOME=str(trial_home)).runs()
    assert "policy reaction_matrix: version 2 is in force" in up.said()
    assert "disk_free" in up.said()
    assert "opsloop inbox --embedded" in up.said()

    pid = trial_home / "opsloop/embedded/pgdata/postmaster.pid"
    dsn = f"host={pid.read_text().splitlines()[4]} user=postgres dbname=postgres"
    with connect(dsn, "opsloop") as client:
        client.emit_event("disk:check", {"path": "/"})
        wait_until(
            lambda: [mission.status for mission in client.list_missions()] == ["succeeded"],
            "the project's executor has run under the project's policy",
        )
    up.popen.send_signal(signal.SIGINT)
    assert up.end() == 0
    assert not pid.exists()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(dsn)


def test_the_unit_starts_the_project_and_leaves_it_time_to_stop(project: Path) -> None:
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read(project / "opsloop-shop-ops.service")
    service = parser["Service"]
    assert shlex.split(service["ExecStart"])[1:] == [
        *("-m", "opsloop", "up", "--app", "executors", "--policy", "policy.toml", "--grace", "30")
    ]
    assert int(service["TimeoutStopSec"]) >= 30 + STOP_GRACE + _LAST_WORDS
    assert service["WorkingDirectory"] == "/opt/shop-ops"


def test_nothing_of_the_template_is_left_in_it(project: Path) -> None:
    for path in project.iterdir():
        assert "@name@" not in path.read_text()
        assert not path.stat().st_mode & stat.S_IXUSR
    assert tomllib.loads((project / "policy.toml").read_text())["auto_approve"]["max_risk_level"] == "low"
    assert re.findall(r"^([A-Z_]+)=", (project / ".env.example").read_text(), re.MULTILINE) == [
        "DATABASE_URL"
    ]
