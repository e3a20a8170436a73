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


def test_a_second_run_changes_nothing(dsn, programs, deployed):
    assert migrate.migrate(dsn) == []
    assert dump(programs, dsn) == deployed


def test_status_of_an_empty_database_lists_everything_as_pending_and_creates_nothing(empty_dsn):
    assert migrate.status(empty_dsn).pending == ALL
    with psycopg.connect(empty_dsn) as conn:
        assert conn.execute("select from pg_namespace where nspname = 'opsloop'").fetchall() == []


def test_deploy_rollback_deploy_gives_the_same_database(dsn, programs, deployed):
    assert migrate.rollback(dsn) == ALL[::-1]
    assert migrate.status(dsn).applied == []
    left = dump(programs, dsn)
    assert "CREATE TABLE" not in left
    assert "CREATE FUNCTION" not in left
    assert migrate.migrate(dsn) == ALL
    assert dump(programs, dsn) == deployed


@pytest.mark.parametrize("change", ALL)
def test_every_change_can_be_taken_back_and_installed_again(dsn, programs, deployed, change):
    back = migrate.rollback(dsn, to=change)

    assert back == ALL[: ALL.index(change) : -1]
    assert migrate.status(dsn).applied == ALL[: ALL.index(change) + 1]
    assert migrate.migrate(dsn) == back[::-1]
    assert dump(programs, dsn) == deployed


def test_rollback_to_a_change_that_is_not_installed_is_refused(dsn):
    with pytest.raises(InvalidArgument, match="0999_nothing is not installed"):
        migrate.rollback(dsn, to="0999_nothing")

    assert migrate.status(dsn).up_to_date


def test_a_database_of_a_newer_opsloop_is_refused(dsn):
    with psycopg.connect(dsn) as conn:
        conn.execute("insert into opsloop.opsloop_schema_change (change) values ('9999_future')")

    with pytest.raises(SchemaMismatch, match="newer opsloop") as refused:
        migrate.migrate(dsn)

    assert refused.value.detail == {"unknown": ["9999_future"]}


def test_the_printed_sql_gives_the_same_database(empty_dsn, programs, deployed):
    done = psql(programs, empty_dsn, text=migrate.render_sql())
    assert done.returncode == 0, done.stderr
    assert dump(programs, empty_dsn) == deployed
    assert migrate.status(empty_dsn).up_to_date
    assert migrate.migrate(empty_dsn) == []


def test_the_printed_sql_starts_where_it_is_told(dsn, programs, deployed):
    migrate.rollback(dsn, to=ALL[1])

    done = psql(programs, dsn, text=migrate.render_sql(from_=int(ALL[2][:4])))

    assert done.returncode == 0, done.stderr
    assert dump(programs, dsn) == deployed


def test_the_ledger_names_release_and_login(dsn):
    with psycopg.connect(dsn) as conn:
        rows = conn.execute(
            "select change, version, installed_by from opsloop.opsloop_schema_change order by change"
        ).fetchall()
        (login,) = conn.execute("select session_user").fetchone()

    assert [change for change, _, _ in rows] == ALL
    assert [version for _, version, _ in rows if version] == ["0.1.0"]
    assert {by for _, _, by in rows} == {login}
