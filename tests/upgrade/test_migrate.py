"""`opsloop migrate`: installs, upgrades, takes back."""

from opsloop import migrate, sqlfiles


def test_installs_every_change_and_the_routines(empty_dsn):
    done = migrate.migrate(empty_dsn)

    assert done == [c.name for c in sqlfiles.changes()]
    assert migrate.status(empty_dsn).up_to_date


def test_a_second_run_changes_nothing(empty_dsn):
    migrate.migrate(empty_dsn)

    assert migrate.migrate(empty_dsn) == []
