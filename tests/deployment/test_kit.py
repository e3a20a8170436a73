"""The deployment kit (ops/): units that systemd takes and finds hardened, lines of cron that run, logs that rotate."""

import configparser
import getpass
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from docs.documents import ROOT, environment
from opsloop.client import Client
from support import require

OPS = ROOT / "ops"
UNITS = sorted(path.name for path in (OPS / "systemd").glob("*.*") if path.is_file())
SERVICES = [name for name in UNITS if name.endswith(".service")]
HARDENING = OPS / "systemd/opsloop-.service.d/hardening.conf"
PROJECT = ROOT / "python/opsloop/project"
#: What the reader of a unit's rating is asked to reach; systemd's own scale goes from 0 to 10.
EXPOSED_AT_MOST = 3.0


@pytest.fixture
def env(dsn, programs, tmp_path):
    return {**environment(dsn, programs, tmp_path), "HOME": str(tmp_path)}


@pytest.fixture
def units(tmp_path):
    """The units as they are once installed: what they start is there."""
    require("systemd", shutil.which("systemd-analyze") is not None)
    where = tmp_path / "system"
    shutil.copytree(OPS / "systemd", where)
    # The path of the clone may have a space in it, which an ExecStart line splits at.
    (tmp_path / "python").symlink_to(sys.executable)
    (tmp_path / "bin").symlink_to(OPS / "bin")
    (where / "opsloop-project.service").write_text(
        (PROJECT / "opsloop.service")
        .read_text()
        .replace("/opt/@name@/venv/bin/python", str(tmp_path / "python"))
    )
    for unit in where.glob("*.service"):
        text = unit.read_text().replace("/opt/opsloop/bin/python", str(tmp_path / "python"))
        unit.write_text(text.replace("/opt/opsloop/bin/", f"{tmp_path}/bin/"))
    return where


def analyze(*arguments):
    done = subprocess.run(
        ["systemd-analyze", *arguments, "--no-pager"], capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("unit", [*UNITS, "opsloop-project.service"])
def test_systemd_finds_nothing_wrong_with_a_unit(units, unit):
    assert analyze("verify", str(units / unit)) == (0, "")


@pytest.mark.parametrize("unit", [*SERVICES, "opsloop-project.service"])
def test_a_unit_is_hardened(units, unit):
    code, said = analyze("security", "--offline=true", str(units / unit))
    assert code == 0, said
    assert float(re.findall(r"exposure level for \S+: ([\d.]+)", said)[0]) <= EXPOSED_AT_MOST, said


def test_a_unit_without_its_hardening_would_be_noticed(units):
    shutil.rmtree(units / HARDENING.parent.name)
    _, said = analyze("security", "--offline=true", str(units / "opsloop-worker.service"))
    assert float(re.findall(r"exposure level for \S+: ([\d.]+)", said)[0]) > EXPOSED_AT_MOST


def service(path):
    """The lines of the section Service, without those of comments."""
    text = re.split(r"^\[Service\]$", path.read_text(), flags=re.MULTILINE)[1].split("\n[")[0]
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def test_the_unit_of_a_project_is_hardened_like_the_others():
    assert set(service(HARDENING)) <= set(service(PROJECT / "opsloop.service"))
    own = {line.partition("=")[0] for name in SERVICES for line in service(OPS / "systemd" / name)}
    assert not own & {line.partition("=")[0] for line in service(HARDENING)}


def test_a_timer_starts_a_service_that_there_is_and_the_files_that_heads_name_are_there():
    for name in UNITS:
        if name.endswith(".timer"):
            assert name.replace(".timer", ".service") in UNITS
    for name in UNITS:
        head = "".join(re.findall(r"^#.*\n", (OPS / "systemd" / name).read_text(), re.MULTILINE))
        for copied in re.findall(r"(opsloop-[\w.*-]+)(?= opsloop-\.service\.d| /etc)", head):
            assert list((OPS / "systemd").glob(copied)), copied


def crontab():
    """The variables of the crontab, set and commented out, and its lines: user and command."""
    text = (OPS / "cron/opsloop").read_text()
    variables = dict(re.findall(r"^(#?[A-Z_]+)=(.*)$", text, re.MULTILINE))
    lines = re.findall(r"^(?:[\d*/]+ +){5}(\w+) +(.*)$", text, re.MULTILINE)
    return variables, lines


def test_the_lines_of_cron_run(env, dsn, conn, tmp_path):
    for place in ("log", "backup"):
        (tmp_path / place).mkdir()
    mission = Client(conn).create_proposal({"title": "t", "steps": [{"kind": "noop"}]}).mission_id
    variables, lines = crontab()
    assert len(lines) == 4
    assert {user for user, _ in lines} == {"opsloop"}
    (tmp_path / "bin").mkdir(exist_ok=True)
    (tmp_path / "bin/opsloop-backup").symlink_to(OPS / "bin/opsloop-backup")
    given = {
        **{name: value for name, value in variables.items() if not name.startswith("#")},
        "DATABASE_URL": dsn,
        "PATH": f"{tmp_path}/bin:{env['PATH']}",
        "HOME": str(tmp_path),
    }
    for _, command in lines:
        own = command.replace("/var/log/opsloop", f"{tmp_path}/log").replace(
            "/var/lib/opsloop/backup", f"{tmp_path}/backup"
        )
        done = subprocess.run(["/bin/sh", "-c", own], env=given, check=False, cwd=tmp_path)
        logs = {log.name: log.read_text() for log in (tmp_path / "log").iterdir()}
        assert done.returncode == 0, (command, logs)
    assert conn.execute("select status from ops_missions where id = %s", (mission,)).fetchone() == (
        "succeeded",
    )
    assert {log.name for log in (tmp_path / "log").iterdir()} == {
        "worker.log", "relay.log", "heartbeat.log", "backup.log"
    }  # fmt: skip
    assert len(list((tmp_path / "backup").glob("opsloop-*.dump"))) == 1


def read_by_the_code():
    """Every variable of a loop that the package reads: config.py and database.py do, and no other module."""
    package = ROOT / "python/opsloop"
    names = set()
    for path in package.rglob("*.py"):
        if path.name in ("config.py", "database.py") and path.parent == package:
            names |= set(re.findall(r'"((?:DATABASE_URL|OPSLOOP_|OPS_|PG)[A-Z_]*)"', path.read_text()))
        elif not {"testing", "demo"} & set(path.parts):
            others = re.findall(r'environ(?:\.get\(|\[)"(\w+)"', path.read_text())
            assert set(others) <= {"USER", "PATH", "XDG_DATA_HOME", "NO_COLOR", "OTEL_SERVICE_NAME"}, path
    return names


def test_the_example_of_an_environment_has_every_variable_that_the_code_reads():
    text = (PROJECT / "env.example").read_text()
    assert set(re.findall(r"^#?([A-Z_]+)=", text, re.MULTILINE)) == read_by_the_code()
    assert re.findall(r"^([A-Z_]+)=", text, re.MULTILINE) == ["DATABASE_URL"]


def test_the_crontab_has_every_variable_of_a_worker_with_the_built_in_values():
    wanted = {name for name in read_by_the_code() if not name.startswith("PG")} | {"PATH"}
    variables, _ = crontab()
    assert {name.lstrip("#") for name in variables} == wanted
    example = dict(re.findall(r"^#([A-Z_]+)=(.*)$", (PROJECT / "env.example").read_text(), re.MULTILINE))
    for name, value in variables.items():
        assert not name.startswith("#") or example[name[1:]] == value, name


def test_logs_rotate_and_fourteen_are_kept(tmp_path):
    require("logrotate", shutil.which("logrotate") is not None)
    logs = tmp_path / "log"
    logs.mkdir(mode=0o755)
    me = getpass.getuser()
    text = (OPS / "logrotate/opsloop").read_text().replace("/var/log/opsloop", str(logs))
    group = subprocess.run(["id", "-gn"], capture_output=True, text=True, check=True).stdout.strip()
    text = text.replace("opsloop opsloop", f"{me} {group}")
    (tmp_path / "conf").write_text(text)
    (tmp_path / "conf").chmod(0o644)
    for n in range(17):
        (logs / "worker.log").write_text(f"line {n}\n")
        subprocess.run(
            ["logrotate", "--force", "--state", tmp_path / "state", tmp_path / "conf"],
            check=True,
            env={**os.environ, "LC_ALL": "C"},
        )
    kept = sorted(path.name for path in logs.iterdir())
    assert len([name for name in kept if name != "worker.log"]) == 14
    assert (logs / "worker.log.1").read_text() == "line 16\n"
    assert (logs / "worker.log.14.gz").exists()


def test_a_backup_that_fails_leaves_the_others_and_the_newest_are_kept(env, dsn, tmp_path, programs):
    where = tmp_path / "backup"
    where.mkdir()
    for n in range(3):
        (where / f"opsloop-2020010{n}T000000Z.dump").touch()
    (where / "theirs.dump").touch()

    def backup(**more):
        return subprocess.run(
            [OPS / "bin/opsloop-backup", where, "2"],
            env={**env, "DATABASE_URL": dsn, **more},
            capture_output=True,
            text=True,
            check=False,
        )

    assert backup(DATABASE_URL="dbname=no_such_database").returncode != 0
    assert backup(OPSLOOP_SCHEMA="elsewhere").returncode != 0
    assert len(list(where.glob("opsloop-*.dump"))) == 3
    assert backup().returncode == 0
    left = sorted(path.name for path in where.glob("*.dump"))
    assert left[0] == "opsloop-20200102T000000Z.dump"
    assert (len(left), left[-1]) == (3, "theirs.dump")
    with psycopg.connect(dsn, autocommit=True) as conn:
        conn.execute("drop schema opsloop cascade")
    subprocess.run([programs / "pg_restore", f"--dbname={dsn}", where / left[1]], check=True)
    with psycopg.connect(dsn) as conn:
        assert conn.execute("select opsloop.fn_compatibility() > 0").fetchone() == (True,)


def test_the_image_is_made_of_files_that_there_are_and_runs_as_nobody_in_particular():
    lines = [
        line.split(maxsplit=1)
        for line in (OPS / "container/Containerfile").read_text().splitlines()
        if line and not line.startswith("#")
    ]
    for kind, rest in lines:
        if kind == "COPY" and not rest.startswith("--from"):
            for source in rest.split()[:-1]:
                assert (ROOT / source).exists(), source
    bases = {rest.split()[0] for kind, rest in lines if kind == "FROM"}
    assert all(re.fullmatch(r"docker\.io/library/python:3\.\d+-slim-\w+", base) for base in bases)
    assert [rest for kind, rest in lines if kind == "USER"] == ["10001"]
    assert {kind for kind, _ in lines} <= {
        "FROM", "WORKDIR", "COPY", "RUN", "USER", "ENV", "STOPSIGNAL", "ENTRYPOINT", "CMD"
    }  # fmt: skip


def test_the_image_has_all_that_the_package_is_built_of(tmp_path):
    copied = re.findall(
        r"^COPY (?!--from)(.*) \S+$", (OPS / "container/Containerfile").read_text(), re.MULTILINE
    )
    for source in " ".join(copied).split():
        target = tmp_path / "src" / source
        target.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, target)
        else:
            shutil.copy(ROOT / source, target)
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", tmp_path / "out"],
        cwd=tmp_path / "src",
        check=True,
        capture_output=True,
    )
    assert list((tmp_path / "out").glob("opsloop-*.whl"))


def test_the_table_of_the_kit_names_what_there_is():
    text = (OPS / "README.md").read_text()
    there = {
        path.relative_to(OPS).as_posix()
        for path in OPS.rglob("*")
        if path.is_file()
        and path.suffix != ".md"
        and path.name not in ("opsloop-heartbeat.service", "opsloop-backup.service")
    }
    assert {path for path in there if path.rpartition("/")[2] not in text} == set()
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    parser.read(OPS / "systemd/opsloop-backup.service")
    assert (OPS / "bin" / Path(parser["Service"]["ExecStart"].split()[0]).name).exists()
