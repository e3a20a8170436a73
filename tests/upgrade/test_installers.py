"""Many installers at once, and installers that are killed."""

import os
import signal
import subprocess
import sys

import psycopg
import pytest

from opsloop import migrate, sqlfiles
from opsloop.errors import IllegalState
from support import at_once, wait_until
from upgrade.deploying import dump

ALL = [change.name for change in sqlfiles.changes()]
INSTALL = "import sys; from opsloop.migrate import migrate; print(*migrate(sys.argv[1]))"


@pytest.fixture
def admin(empty_dsn):
    with psycopg.connect(empty_dsn, autocommit=True) as conn:
        yield conn


def start_installer(dsn):
    return subprocess.Popen(
        [sys.executable, "-c", INSTALL, dsn],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PGAPPNAME": "installer"},
    )


def waiting_backends(admin):
    return admin.execute(
        """select pid from pg_stat_activity
            where application_name = 'installer' and cardinality(pg_blocking_pids(pid)) > 0"""
    ).fetchall()


def kill(admin, installer):
    installer.send_signal(signal.SIGKILL)
    installer.communicate()


def no_installer_is_left(admin):
    wait_until(
        lambda: (
            admin.execute("select from pg_stat_activity where application_name = 'installer'").fetchall()
            == []
        ),
        "the server has noticed that the installer is gone",
    )


def test_twenty_sessions_at_once_install_once(empty_dsn, programs):
    results = at_once([lambda: migrate.migrate(empty_dsn)] * 20)

    assert sorted(results) == [[]] * 19 + [ALL]
    assert migrate.status(empty_dsn).up_to_date


def test_several_processes_at_once_install_once(empty_dsn):
    installers = [start_installer(empty_dsn) for _ in range(4)]
    ends = [installer.communicate(timeout=60) for installer in installers]

    assert [installer.returncode for installer in installers] == [0] * 4, ends
    assert sorted(out.split() for out, _ in ends) == [[]] * 3 + [ALL]


def test_twenty_sessions_at_once_load_the_routines_without_the_installers_lock(dsn):
    """As psql or sqitch do it: the lock that sql/loader/begin.sql takes is enough by itself."""

    def load():
        with psycopg.connect(dsn) as conn:
            conn.execute(sqlfiles.reload_text("opsloop").encode())

    at_once([load] * 20)

    assert migrate.status(dsn).up_to_date


@pytest.mark.parametrize("change", ALL[1:])
def test_an_installer_killed_in_the_middle_of_a_change_leaves_nothing_of_it(
    dsn, conn, programs, deployed, change
):
    before = ALL[: ALL.index(change)]
    migrate.rollback(dsn, to=before[-1])
    clean = dump(programs, dsn)

    # The change runs until it writes its ledger row, its last statement, and waits there for this lock.
    with psycopg.connect(dsn) as holder:
        holder.execute("lock table opsloop.opsloop_schema_change in share mode")
        installer = start_installer(dsn)
        wait_until(lambda: waiting_backends(conn), f"the installer waits inside {change}")
        kill(conn, installer)
    no_installer_is_left(conn)

    assert migrate.status(dsn).applied == before
    assert dump(programs, dsn) == clean
    assert migrate.migrate(dsn) == ALL[len(before) :]
    assert dump(programs, dsn) == deployed


def test_an_installer_killed_before_its_first_change_can_be_run_again(empty_dsn, admin):
    with psycopg.connect(empty_dsn) as holder:
        holder.execute("select pg_advisory_xact_lock(hashtextextended('opsloop:load:opsloop', 0))")
        installer = start_installer(empty_dsn)
        wait_until(lambda: waiting_backends(admin), "the installer waits for the lock")
        kill(admin, installer)
    no_installer_is_left(admin)

    assert migrate.migrate(empty_dsn) == ALL


def test_a_change_gives_up_when_its_lock_is_not_free_and_leaves_nothing_of_itself(dsn):
    with psycopg.connect(dsn) as holder:
        holder.execute("select * from opsloop.ops_policy")  # a reader that forgot to commit
        with pytest.raises(IllegalState, match="holds a lock") as refused:
            migrate.rollback(dsn, to="0001_ledger")
        assert "ops_policy" in refused.value.detail

    assert migrate.status(dsn).applied == ALL
    assert migrate.migrate(dsn) == []


def test_a_statement_timeout_of_the_role_does_not_stop_an_installation(empty_dsn, admin):
    (database,) = admin.execute("select quote_ident(current_database())").fetchone()
    admin.execute(f"alter database {database} set statement_timeout = '20ms'")

    assert migrate.migrate(empty_dsn) == ALL


def test_a_lock_row_that_a_killed_yoyo_left_behind_does_not_matter(dsn, conn):
    migrate.rollback(dsn, to=ALL[1])
    conn.execute("insert into opsloop.yoyo_opsloop_lock (locked, pid) values (1, 1)")
    conn.execute(
        "drop table opsloop._yoyo_opsloop_version, opsloop._yoyo_opsloop_migration, opsloop._yoyo_opsloop_log"
    )

    assert migrate.migrate(dsn) == ALL[2:]
    assert conn.execute("select from opsloop.yoyo_opsloop_lock").fetchall() == []


def test_a_change_and_its_mark_are_one_transaction(conn):
    rows = conn.execute(
        """select m.migration_id, m.xmin = c.xmin or m.migration_id is null as together
             from opsloop._yoyo_opsloop_migration m
             full join opsloop.opsloop_schema_change c on c.change = m.migration_id order by 1"""
    ).fetchall()

    assert [name for name, _ in rows] == ALL
