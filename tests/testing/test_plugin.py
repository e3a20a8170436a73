"""The plugin in the tests of a project of somebody else's: a pytest process of its own."""

import importlib.metadata
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

CONFTEST = """
    import pytest
    import psycopg

    pytest_plugins = ["opsloop.testing"]

    @pytest.fixture(scope="session")
    def opsloop_prepare():
        def prepare(dsn):
            with psycopg.connect(dsn) as conn:
                conn.execute("create table people (name text primary key)")
        return prepare
    """
OURS = """
    from opsloop import Context, executor

    @executor("greet", idempotent=True)
    def greet(ctx: Context) -> dict[str, str]:
        with ctx.transaction() as conn:
            conn.execute("insert into people (name) values (%s) on conflict do nothing", (ctx.params["name"],))
        return {"text": f"Hello, {ctx.params['name']}!"}
    """
SETTINGS = """
    [pytest]
    opsloop_app = ours
    opsloop_policy = policy.toml
    """
POLICY = """
    [auto_approve]
    allowed_step_kinds = ["greet"]
    """
PASSING = """
    import pytest

    @pytest.mark.parametrize("n", [1, 2])
    def test_each_test_has_a_database_of_its_own(loop, n):
        assert loop.attempts == []
        mission = loop.propose({"kind": "greet", "params": {"name": "Ann"}})
        loop.run_until_idle()
        loop.assert_succeeded(mission)
        assert loop.result(mission) == {"text": "Hello, Ann!"}
        assert loop.conn.execute("select name from people").fetchall() == [("Ann",)]

    def test_the_policy_is_that_of_the_project(loop):
        assert loop.propose({"kind": "noop"}).status == "pending"

    def test_a_clock_that_was_set_forward_is_so_in_one_test_only(loop):
        loop.clock.advance(days=400)

    def test_the_clock_is_right_at_first(loop):
        assert loop.conn.execute("select abs(extract(epoch from _now() - clock_timestamp())) < 9").fetchone()[0]
    """
FAILING = """
    def test_it_fails(loop):
        mission = loop.propose({"kind": "greet", "params": {}})
        loop.run_until_idle()
        loop.assert_succeeded(mission)
    """


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A directory with the project's files."""
    for name, text in {
        "conftest.py": CONFTEST,
        "ours.py": OURS,
        "pytest.ini": SETTINGS,
        "policy.toml": POLICY,
        "test_passing.py": PASSING,
        "test_failing.py": FAILING,
    }.items():
        (tmp_path / name).write_text(textwrap.dedent(text))
    return tmp_path


def run(project: Path, *arguments: str, **env: str) -> str:
    """What pytest prints; a database of the user's own is named, and never to be touched."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST", "OPS", "PG", "DATABASE_URL"))}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments],
        cwd=project,
        env={**kept, "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/production", **env},
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    return done.stdout + done.stderr


def test_the_tests_of_a_project_pass_on_the_embedded_server(project):
    assert "5 passed" in (printed := run(project, "test_passing.py")), printed


def test_a_failing_test_says_why_and_leaves_nothing_on_the_server(project, dsn, conn):
    before = conn.execute("select datname from pg_database").fetchall()
    printed = run(project, "test_failing.py", OPSLOOP_TEST_DSN=dsn)
    assert "1 failed" in printed
    for told in (
        "step_1: queued: retry_timer: failure 1 of 3: OPS_007: KeyError: 'name'",
        "step_1: attempt 1 with {} failed",
        "KeyError: 'name'\n\nours.py:7: KeyError",
    ):
        assert told in printed, printed
    assert "opsloop/worker" not in printed
    assert conn.execute("select datname from pg_database").fetchall() == before


def test_a_module_that_cannot_be_loaded_is_named(project, dsn):
    printed = run(project, "-o", "opsloop_app=theirs", "test_failing.py", OPSLOOP_TEST_DSN=dsn)
    assert "opsloop_app = theirs: No module named 'theirs'" in printed


def test_a_server_that_cannot_be_reached_is_ops_001(project):
    printed = run(project, "test_failing.py", OPSLOOP_TEST_DSN="host=127.0.0.1 port=1")
    assert "DatabaseUnavailable: OPS_001" in printed


def test_nobody_gets_the_plugin_who_does_not_name_it():
    plugins = importlib.metadata.distribution("opsloop").entry_points.select(group="pytest11")
    assert not plugins
    code = "import sys, opsloop; print('pytest' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
