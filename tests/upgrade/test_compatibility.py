"""Package and schema fit by a number: client, relay and command line say in one sentence when they do not."""

import asyncio
import json

import pytest

import opsloop
from opsloop import cli, migrate
from opsloop.compatibility import COMPATIBILITY
from opsloop.database import Database
from opsloop.errors import SchemaMismatch
from opsloop.process.mode import Mode
from opsloop.relay import loop as relays
from opsloop.relay.options import RelayOptions
from opsloop.relay.sinks import Sinks
from support import wait_until
from upgrade.deploying import psql, renumber

OLDER = "the schema is older than this package: run `opsloop migrate` first, then start again"
NEWER = "the schema is too new for this package: `pip install --upgrade opsloop`, then start again"
NOT_SERVED = [(-1, OLDER), (2, NEWER)]


def relay(dsn, mode=Mode.ONCE):
    return relays.Relay(Database(dsn), Sinks(), RelayOptions(mode=mode))


def test_the_schema_is_of_the_number_of_the_package(conn):
    assert conn.execute("select fn_compatibility()").fetchone() == (COMPATIBILITY,)


@pytest.mark.parametrize(("ahead", "said"), NOT_SERVED)
async def test_clients_and_relays_say_so_at_once(dsn, conn, ahead, said):
    renumber(conn, COMPATIBILITY + ahead)
    with pytest.raises(SchemaMismatch, match=said):
        opsloop.connect(dsn)
    with pytest.raises(SchemaMismatch, match=said):
        async with opsloop.connect_async(dsn):
            pass
    late = relay(dsn)
    with pytest.raises(SchemaMismatch, match=said):
        await late.run()
    await late.close()
    others = "select from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
    wait_until(lambda: not conn.execute(others).fetchall(), "no connection is left open")


@pytest.mark.parametrize("ahead", [0, 1])
async def test_the_package_of_the_release_before_goes_on(dsn, conn, ahead):
    renumber(conn, COMPATIBILITY + ahead)
    with opsloop.connect(dsn) as client:
        assert client.compatibility() == COMPATIBILITY + ahead
    one = relay(dsn)
    await one.run()
    await one.close()


def test_a_schema_that_knows_no_number_is_older(dsn, conn):
    conn.execute("drop function fn_compatibility()")
    with pytest.raises(SchemaMismatch, match=OLDER):
        opsloop.connect(dsn)


def test_a_relay_that_runs_ends_when_the_schema_stops_serving_it(dsn, conn, monkeypatch):
    monkeypatch.setattr(relays, "_TELL", 0.05)

    async def life():
        one = relay(dsn, Mode.FOREVER)
        running = asyncio.create_task(one.run())
        await asyncio.to_thread(
            wait_until,
            lambda: conn.execute("select from pg_stat_activity where query ~ 'claim_outbox'").fetchall(),
            "it claims",
        )
        renumber(conn, COMPATIBILITY + 2)
        try:
            await asyncio.wait_for(running, 20)
        finally:
            await one.close()

    with pytest.raises(SchemaMismatch, match=NEWER):
        asyncio.run(life())


@pytest.mark.parametrize(("ahead", "served"), [(-1, False), (0, True), (1, True), (2, False)])
def test_status_tells_both_numbers_and_what_to_do(dsn, conn, monkeypatch, capsys, ahead, served):
    monkeypatch.setenv("DATABASE_URL", dsn)
    renumber(conn, COMPATIBILITY + ahead)
    if ahead > 0:
        conn.execute("insert into opsloop_schema_change (change) values ('9999_future')")
    assert cli.run(["status", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["compatibility"], said["served"]) == (COMPATIBILITY + ahead, served)
    assert cli.run(["status"]) == 0
    out = capsys.readouterr().out
    assert ("they fit" in out) is served
    assert ("next: pip install --upgrade opsloop" in out) is (ahead > 0)
    assert cli.run(["status", "--check"]) == (0 if ahead == 0 else 1)


def test_a_newer_schema_that_serves_this_package_is_left_as_it_is(dsn, conn):
    renumber(conn, COMPATIBILITY + 1)
    conn.execute("insert into opsloop_schema_change (change) values ('9999_future')")
    assert migrate.bring_up(dsn) == []
    renumber(conn, COMPATIBILITY + 2)
    with pytest.raises(SchemaMismatch, match="newer opsloop"):
        migrate.bring_up(dsn)


def by_psql(programs, dsn):
    for script in sorted((migrate.sqlfiles.sql_root() / "sqitch/deploy").glob("*.sql")):
        done = psql(programs, dsn, f"--file={script}")
        assert done.returncode == 0, done.stderr


def test_status_after_an_install_by_psql_says_the_truth(empty_dsn, programs):
    by_psql(programs, empty_dsn)
    assert migrate.status(empty_dsn).up_to_date
    assert migrate.migrate(empty_dsn) == []


@pytest.mark.parametrize(
    "change",
    [
        "create or replace function opsloop._now() returns timestamptz language sql as 'select now()'",
        "alter function opsloop.fn_heartbeat(integer, integer, integer) set work_mem = '4MB'",
        "alter function opsloop.fn_heartbeat(integer, integer, integer) security invoker",
        "alter function opsloop.fn_heartbeat(integer, integer, integer) stable",
        "drop function opsloop.fn_capabilities()",
    ],
)
def test_status_after_an_install_by_psql_sees_a_routine_that_is_another(empty_dsn, programs, change):
    by_psql(programs, empty_dsn)
    assert psql(programs, empty_dsn, text=change).returncode == 0
    assert not migrate.status(empty_dsn).code_current
    assert len(migrate.migrate(empty_dsn)) == 1
    assert migrate.status(empty_dsn).up_to_date
