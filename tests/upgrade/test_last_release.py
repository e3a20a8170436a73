"""The last release on the schema of this one, and this one on the schema of the last: a wheel of the commit before."""

import os
import signal
import subprocess
import sys
import sysconfig
from pathlib import Path

import psycopg
import pytest

from harness.revision import git
from opsloop import Client
from peers.installing import NotInstalled, do, make_venv, pip_install, program, up_to_date
from support import require, start, wait_until

ROOT = Path(__file__).parents[2]
NUMBER = "sql/code/base/fn_compatibility.sql"


def commit_before():
    """The last commit whose package knows no compatibility number; None without the history."""
    try:
        added = git(ROOT, "log", "--diff-filter=A", "--format=%H", "--", NUMBER).split()
        return git(ROOT, "rev-parse", "--verify", f"{added[-1]}^")
    except (NotInstalled, IndexError):
        return None


def install(commit, home):
    """Its wheel, in an environment of its own that borrows the packages which run here."""
    clone = home / "clone"
    do([program("git"), "clone", "--quiet", "--no-checkout", str(ROOT), str(clone)], home)
    do([program("git"), "-C", str(clone), "checkout", "--quiet", "--detach", commit], home)
    do([sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(home)], clone)
    (wheel,) = home.glob("*.whl")
    python = make_venv(home)
    pip_install(python, home, "--no-deps", "--no-index", str(wheel))
    where = {"base": str(home / "venv"), "platbase": str(home / "venv")}
    ours = sorted({sysconfig.get_path("purelib"), sysconfig.get_path("platlib")})
    (Path(sysconfig.get_path("purelib", "venv", where)) / "borrowed.pth").write_text("\n".join(ours) + "\n")


@pytest.fixture(scope="session")
def last(tmp_path_factory):
    """The interpreter that imports the package of the last release."""
    commit = commit_before()
    require("history", commit is not None)
    cache = tmp_path_factory.getbasetemp().parent / "last-release"
    cache.mkdir(exist_ok=True)
    with up_to_date(cache, "opsloop", commit, lambda home: install(commit, home)) as home:
        return home / "venv/bin/python"


class Program:
    """A command of opsloop in a process of its own."""

    def __init__(self, python, dsn, log, *arguments):
        self.log = log
        env = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
        with log.open("w") as out:
            self.popen = subprocess.Popen(
                [python, "-m", "opsloop", *arguments],
                env={**env, "DATABASE_URL": dsn},
                stdout=out,
                stderr=subprocess.STDOUT,
                cwd=log.parent,
            )

    def end(self, number=None):
        """Its exit code, after this signal, and what it said."""
        if number is not None:
            self.popen.send_signal(number)
        return self.popen.wait(60), self.log.read_text()


@pytest.fixture
def begin(tmp_path):
    """Starts programs; what still runs at the end is killed."""
    started = []

    def begin_one(python, dsn, *arguments):
        started.append(Program(python, dsn, tmp_path / f"{len(started)}.log", *arguments))
        return started[-1]

    yield begin_one
    for one in started:
        one.popen.kill()
        one.popen.wait()


def test_the_last_release_works_on_this_schema_under_load(dsn, conn, last, begin):
    client = Client(conn)
    client.set_policy("proposal_caps", {**client.get_policy("proposal_caps"), "daily_limit": 1_000_000})
    # As of the next release, which a worker of the last one would refuse if it were told.
    conn.execute("update opsloop_schema_change set version = '0.2.0' where version is not null")

    def propose():
        with psycopg.connect(dsn, autocommit=True) as own:
            producer = Client(own)
            for n in range(60):
                steps = [{"key": "a", "kind": "noop"}, {"key": "b", "kind": "noop", "depends_on": ["a"]}]
                producer.create_proposals(
                    [{"template": {"title": f"{n}", "steps": steps}, "source": "api"} for _ in range(20)]
                )
                producer.publish_outbox("order", str(n), "order.paid", {"n": n})

    def done(share):
        query = "select count(*) from ops_missions where status = 'succeeded'"
        return lambda: conn.execute(query).fetchone()[0] >= 1200 * share

    def registered(number):
        query = "select count(*) from ops_workers"
        return lambda: conn.execute(query).fetchone()[0] == number

    first, second = begin(last, dsn, "worker"), begin(last, dsn, "worker")
    wait_until(registered(2), "both have begun", 60)
    load = start(propose)
    wait_until(done(0.3), "they work", 60)
    assert first.end(signal.SIGTERM)[0] == 0
    third = begin(last, dsn, "worker")
    wait_until(registered(3), "the third has begun", 60)
    assert begin(last, dsn, "relay", "--once").end()[0] == 0
    assert begin(last, dsn, "ps").end()[0] == 0
    load.result(60)
    wait_until(done(1), "all of it is done", 60)
    for one in (second, third):
        code, said = one.end(signal.SIGTERM)
        assert (code, '"level": "error"' in said) == (0, False), said
    assert conn.execute("select status, count(*) from ops_action_runs group by 1").fetchall() == [
        ("succeeded", 2400)
    ]
    versions = conn.execute("select version, count(*) from ops_workers group by 1").fetchall()
    assert versions == [("0.1.0", 3)]
    assert client.check_invariants() == []


def test_this_release_says_on_the_schema_of_the_last_one_what_to_do(empty_dsn, last, begin):
    assert begin(last, empty_dsn, "migrate").end()[0] == 0
    assert begin(last, empty_dsn, "seed").end()[0] == 0
    for command in (["worker", "--once"], ["relay", "--once"], ["ps"]):
        code, said = begin(sys.executable, empty_dsn, *command).end()
        assert code == 1
        (sentence,) = [line for line in said.splitlines() if line.startswith("OPS_021")]
        assert sentence.endswith(
            "the schema is older than this package: run `opsloop migrate` first, then start again"
        )
