"""`opsloop migrate` and `rollback`: install, upgrade, take back."""

import psycopg
import pytest

from opsloop import migrate, sqlfiles
from opsloop.errors import InvalidArgument, SchemaMismatch
from upgrade.deploying import dump, psql

ALL = [change.name for change in sqlfiles.changes()]


def test_installs_every_change_and_the_routines(empty_dsn):
    assert migrate.migrate(empty_dsn) == ALL
    assert migrate.status(empty_dsn).up_to_date


def test_a_second_run_changes_nothing(empty_dsn, programs):
    migrate.migrate(empty_dsn)
    before = dump(programs, empty_dsn)

    assert migrate.migrate(empty_dsn) == []
    assert dump(programs, empty_dsn) == before


def test_status_of_an_empty_database_lists_everything_as_pending_and_creates_nothing(empty_dsn):
    assert migrate.status(empty_dsn).pending == ALL
    with psycopg.connect(empty_dsn) as conn:
        assert conn.execute("select from pg_namespace where nspname = 'opsloop'").fetchall() == []


def test_deploy_rollback_deploy_gives_the_same_database(empty_dsn, programs):
    migrate.migrate(empty_dsn)
    before = dump(programs, empty_dsn)

    assert migrate.rollback(empty_dsn) == ALL[::-1]
    assert migrate.status(empty_dsn).applied == []
    assert "CREATE TABLE" not in dump(programs, empty_dsn)
    assert "CREATE FUNCTION" not in dump(programs, empty_dsn)
    assert migrate.migrate(empty_dsn) == ALL
    assert dump(programs, empty_dsn) == before


@pytest.mark.parametrize("change", ALL)
def test_every_change_can_be_taken_back_and_installed_again(empty_dsn, programs, change):
    migrate.migrate(empty_dsn)
    before = dump(programs, empty_dsn)

    back = migrate.rollback(empty_dsn, to=change)

    assert back == ALL[: ALL.index(change) : -1]
    assert migrate.status(empty_dsn).applied == ALL[: ALL.index(change) + 1]
    assert migrate.migrate(empty_dsn) == back[::-1]
    assert dump(programs, empty_dsn) == before


def test_rollback_to_a_change_that_is_not_installed_is_refused(empty_dsn):
    migrate.migrate(empty_dsn)

    with pytest.raises(InvalidArgument, match="0999_nothing is not installed"):
        migrate.rollback(empty_dsn, to="0999_nothing")

    assert migrate.status(empty_dsn).up_to_date


def test_a_database_of_a_newer_opsloop_is_refused(empty_dsn):
    migrate.migrate(empty_dsn)
    with psycopg.connect(empty_dsn) as conn:
        conn.execute("insert into opsloop.opsloop_schema_change (change) values ('9999_future')")

    with pytest.raises(SchemaMismatch, match="newer opsloop") as refused:
        migrate.migrate(empty_dsn)

    assert refused.value.detail == {"unknown": ["9999_future"]}


def test_the_printed_sql_gives_the_same_database(empty_dsn, programs):
    done = psql(programs, empty_dsn, text=migrate.render_sql())
    assert done.returncode == 0, done.stderr
    printed = dump(programs, empty_dsn)
    assert migrate.status(empty_dsn).up_to_date
    assert migrate.migrate(empty_dsn) == []

    with psycopg.connect(empty_dsn) as conn:
        conn.execute("drop schema opsloop cascade")
    migrate.migrate(empty_dsn)

    assert dump(programs, empty_dsn) == printed


def test_the_printed_sql_starts_where_it_is_told(empty_dsn, programs):
    migrate.migrate(empty_dsn)
    before = dump(programs, empty_dsn)
    migrate.rollback(empty_dsn, to=ALL[1])

    done = psql(programs, empty_dsn, text=migrate.render_sql(from_=int(ALL[2][:4])))

    assert done.returncode == 0, done.stderr
    assert dump(programs, empty_dsn) == before


def test_the_ledger_names_release_and_login(dsn):
    with psycopg.connect(dsn) as conn:
        rows = conn.execute(
            "select change, version, installed_by from opsloop.opsloop_schema_change order by change"
        ).fetchall()
        (login,) = conn.execute("select session_user").fetchone()

    assert [change for change, _, _ in rows] == ALL
    assert [version for _, version, _ in rows if version] == ["0.1.0"]
    assert {by for _, _, by in rows} == {login}
