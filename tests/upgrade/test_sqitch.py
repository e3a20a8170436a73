"""sqitch deploys the same files to the same database."""

import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from opsloop import migrate, sqlfiles
from upgrade.deploying import Sqitch, dump, psql, require_sqitch

ALL = [change.name for change in sqlfiles.changes()]
TOOL = Path(__file__).parents[2] / "tools/sqitch_adapters.py"


@pytest.fixture
def sqitch(programs, empty_dsn, tmp_path):
    require_sqitch()
    return Sqitch(programs, empty_dsn, tmp_path)


@pytest.mark.parametrize("schema", ["opsloop", "Acme Ops"])
def test_fresh_under_sqitch_is_fresh_under_yoyo(sqitch, empty_dsn, programs, schema):
    sqitch.must("deploy", *([] if schema == "opsloop" else ["--set", f"schema={schema}"]))
    by_sqitch = dump(programs, empty_dsn, schema)
    assert migrate.status(empty_dsn, schema).up_to_date
    with psycopg.connect(empty_dsn) as conn:
        conn.execute(f'drop schema "{schema}" cascade')

    migrate.migrate(empty_dsn, schema)

    assert dump(programs, empty_dsn, schema) == by_sqitch


def test_deploy_revert_deploy_gives_the_same_database(sqitch, empty_dsn, programs):
    sqitch.must("deploy")
    before = dump(programs, empty_dsn)

    sqitch.must("revert", "-y")
    assert "CREATE TABLE" not in dump(programs, empty_dsn)
    assert "CREATE FUNCTION" not in dump(programs, empty_dsn)

    sqitch.must("deploy")
    sqitch.must("verify")
    assert dump(programs, empty_dsn) == before


def test_a_second_deploy_changes_nothing(sqitch, empty_dsn, programs):
    sqitch.must("deploy")
    before = dump(programs, empty_dsn)

    assert "Nothing to deploy" in sqitch.must("deploy")

    assert dump(programs, empty_dsn) == before


def test_two_loops_in_one_database_have_a_registry_each(sqitch, empty_dsn, programs):
    for schema in ("acme_a", "acme_b"):
        sqitch.must("deploy", "--registry", f"sqitch_{schema}", "--set", f"schema={schema}")

    assert dump(programs, empty_dsn, "acme_b") == dump(programs, empty_dsn, "acme_a").replace(
        "acme_a", "acme_b"
    )
    sqitch.must("revert", "-y", "--registry", "sqitch_acme_b", "--set", "schema=acme_b")
    sqitch.must("verify", "--registry", "sqitch_acme_a", "--set", "schema=acme_a")


def test_verify_notices_a_missing_routine(sqitch, empty_dsn):
    sqitch.must("deploy")
    with psycopg.connect(empty_dsn) as conn:
        conn.execute("drop function opsloop._now()")

    done = sqitch("verify")

    assert done.returncode != 0
    assert "OPS_021" in done.stdout + done.stderr


def test_what_sqitch_deployed_opsloop_recognises(sqitch, empty_dsn, programs):
    sqitch.must("deploy")
    before = dump(programs, empty_dsn)

    state = migrate.status(empty_dsn)
    assert state.applied == ALL
    assert state.pending == []
    # sqitch cannot say which routines it loaded: their bodies are compared.
    assert migrate.migrate(empty_dsn) == []
    assert dump(programs, empty_dsn) == before

    assert migrate.rollback(empty_dsn) == ALL[::-1]


def test_what_opsloop_installed_sqitch_refuses_to_install_again(dsn, programs, tmp_path, deployed):
    require_sqitch()
    sqitch = Sqitch(programs, dsn, tmp_path)

    done = sqitch("deploy")

    assert done.returncode != 0
    assert "OPS_014: change 0001_ledger is already installed" in done.stdout + done.stderr
    assert dump(programs, dsn) == deployed
    sqitch.must("deploy", "--log-only")
    sqitch.must("verify")


def test_psql_alone_can_run_the_deploy_scripts(empty_dsn, programs):
    folder = sqlfiles.sql_root() / "sqitch/deploy"
    for script in sorted(folder.glob("*.sql")):
        done = psql(programs, empty_dsn, "--set=schema=acme_ops", f"--file={script}")
        assert (done.returncode, done.stderr, done.stdout) == (0, "", "")

    assert migrate.status(empty_dsn, "acme_ops").applied == ALL


def test_the_adapters_and_the_plan_are_those_of_the_schema_scripts():
    done = subprocess.run([sys.executable, TOOL, "--check"], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
