"""The commands migrate, rollback, status and sql, as a user meets them."""

import json

import pytest

from opsloop import cli, migrate, sqlfiles

ALL = [change.name for change in sqlfiles.changes()]


@pytest.fixture
def opsloop(empty_dsn, capsys, monkeypatch):
    """Runs a command line on an empty database; returns exit code, stdout and stderr."""
    monkeypatch.setenv("DATABASE_URL", empty_dsn)

    def call(*arguments):
        code = cli.run(list(arguments))
        out = capsys.readouterr()
        return code, out.out, out.err

    return call


def test_migrate_says_what_it_installed_and_then_that_there_is_nothing_to_do(opsloop):
    code, out, _ = opsloop("migrate")
    assert code == 0
    assert [line for line in out.splitlines() if "0001_ledger" in line]

    assert opsloop("migrate", "--json")[:2] == (0, '{"schema": "opsloop", "installed": []}\n')


def test_status_shows_each_change_and_the_next_command(opsloop):
    code, out, _ = opsloop("status", "--schema", "acme_ops")
    assert code == 0
    assert "pending" in out
    assert "opsloop migrate --schema acme_ops" in out

    opsloop("migrate", "--schema", "acme_ops")
    state = json.loads(opsloop("status", "--schema", "acme_ops", "--json")[1])
    assert state["applied"] == ALL
    assert state["up_to_date"] is True


def test_status_with_check_exits_1_until_everything_is_installed(opsloop):
    assert opsloop("status", "--check")[0] == 1
    opsloop("migrate")
    assert opsloop("status", "--check")[0] == 0


def test_rollback_takes_back_the_newest_change_and_more_only_when_told(opsloop, empty_dsn):
    opsloop("migrate")

    def taken_back(*words):
        return json.loads(opsloop("rollback", "--yes", "--json", *words)[1])["taken_back"]

    assert taken_back() == ALL[-1:]
    assert taken_back("--to", ALL[0]) == ALL[-2:0:-1]
    assert taken_back("--all") == ALL[:1]
    assert taken_back() == []
    assert migrate.status(empty_dsn).applied == []


def test_rollback_loses_no_rows_where_nobody_can_be_asked(opsloop, empty_dsn):
    opsloop("migrate")

    for words in (["--all"], ["--to", ALL[0]], []):
        code, _, err = opsloop("rollback", *words)
        assert (code, "OPS_018" in err, "--yes" in err) == (2, True, True)

    assert migrate.status(empty_dsn).applied == ALL


def test_rollback_to_an_unknown_change_is_a_usage_error(opsloop):
    opsloop("migrate")

    code, _, err = opsloop("rollback", "--to", "0999_nothing", "--yes")

    assert code == 2
    assert "OPS_018" in err
    assert "0999_nothing" in err


def test_sql_prints_what_migrate_runs_and_needs_no_database(opsloop, monkeypatch):
    monkeypatch.delenv("DATABASE_URL")

    assert opsloop("sql", "--schema", "acme_ops") == (0, migrate.render_sql("acme_ops"), "")
    assert opsloop("sql", "--from", "100")[1] == migrate.render_sql(from_=100)


def test_an_unreachable_database_is_ops_001(opsloop, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")

    for name in ("migrate", "status", "rollback"):
        code, _, err = opsloop(name)
        assert code == 3
        assert "OPS_001" in err
