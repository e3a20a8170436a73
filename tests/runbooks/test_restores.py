"""Every way to restore that docs/recovery.md names, on real servers: afterwards the loop is sound and goes on."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from databases import VERSION, server_home
from looping import Loop, step
from opsloop import connect, embedded, migrate
from support import wait_until


def session(dsn: str, schema: str) -> psycopg.Connection:
    return psycopg.connect(dsn, autocommit=True, options=f"-c search_path={schema}")


def run(*command: object) -> None:
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def fill(loop: Loop) -> dict[str, object]:
    """Something of everything that a restore has to find again."""
    loop.allow()
    loop.react({"event_type": "signal"})
    ids = {
        "running": loop.mission(step("a"), step("b")),
        "held": loop.mission(step("h", on_lease_lost="hold")),
        "queued": None,
    }
    ids["works"] = loop.claim(5)
    ids["queued"] = loop.mission(step("q"))
    loop.emit()
    loop.value("select fn_publish_outbox('order', '1', 'paid')")
    loop.value("select fn_acquire_lock('leader', 'before', 3600)")
    ids["token"] = loop.value("select fn_lock_token('leader', 'before')")
    return ids


def goes_on(loop: Loop, ids: dict[str, object]) -> None:
    """What must hold once fn_after_restore was called."""
    assert loop.broken() == []
    assert {loop.complete(work) for work in ids["works"]} == {"OPS_006"}
    assert loop.value("select fn_acquire_lock('leader', 'after', 60)") is True
    assert loop.value("select fn_lock_token('leader', 'after')") > ids["token"]
    assert loop.steps(ids["held"]) == {"h": "waiting"}
    for _ in range(4):
        assert loop.turn()["ok"]
        for work in loop.claim(20):
            assert loop.complete(work) == "accepted"
    assert loop.status(ids["running"]) == loop.status(ids["queued"]) == "succeeded"
    assert loop.value("select count(*) from ops_mission_proposals where source = 'trigger'") == 1
    assert len(loop.rows("select * from fn_claim_outbox_events('p', 10)")) == 1
    assert loop.broken() == []


@pytest.mark.parametrize("schema", ["opsloop", "public"])
@pytest.mark.parametrize("privileges", [True, False])
def test_a_dump_of_one_schema_restored_into_another_database(
    databases, programs, empty_dsn, tmp_path, schema, privileges
):
    migrate.migrate(empty_dsn, schema)
    migrate.seed(empty_dsn, schema)
    with session(empty_dsn, schema) as conn:
        ids = fill(Loop(conn))
    dumped = tmp_path / "loop.dump"
    run(programs / "pg_dump", empty_dsn, "--format=custom", f"--schema={schema}", f"--file={dumped}")
    with databases.make() as target:
        without = [] if privileges else ["--no-privileges"]
        run(programs / "pg_restore", "--clean", "--if-exists", *without, f"--dbname={target}", dumped)
        with connect(target, schema) as client:
            roles = client.list_roles()
            if privileges and schema == "public":
                # pg_restore makes that schema anew, without a right for anybody.
                assert {(r.status, r.missing) for r in roles} == {("without rights", "usage of the schema")}
                migrate.apply_rights(target, schema)
                assert {(r.status, r.missing) for r in client.list_roles()} == {("ready", None)}
            elif privileges:
                assert [(r.status, r.missing) for r in roles] == [("ready", None)] * 5
            else:
                assert {r.status for r in roles} == {"without rights"}
                assert all("usage of the schema" in r.missing for r in roles)
                assert all("tables and views" in r.missing and "execute" in r.missing for r in roles)
                migrate.apply_rights(target, schema)
                assert {(r.status, r.missing) for r in client.list_roles()} == {("ready", None)}
            restored = client.after_restore("ada")
            assert (restored["revoked"], restored["held"]) == (2, 1)
        with session(target, schema) as conn:
            goes_on(Loop(conn), ids)


@pytest.fixture
def home() -> Iterator[Path]:
    with server_home() as made:
        yield made


@pytest.mark.skipif("OPSLOOP_TEST_DSN" in os.environ, reason="archives the WAL of a server of its own")
def test_recovery_to_a_point_in_time(home: Path) -> None:
    archive, base = home / "wal", home / "base"
    archive.mkdir()
    archive.chmod(0o777)
    archiving = {**embedded.THROWAWAY, "archive_mode": "on", "archive_command": f"cp %p {archive}/%f"}
    with embedded.server(home / "first", version=VERSION, settings=archiving) as server:
        migrate.migrate(server.dsn())
        migrate.seed(server.dsn())
        run(server.programs / "pg_basebackup", f"--dbname={server.dsn()}", f"--pgdata={base}", "--wal-method=stream",
            "--checkpoint=fast")  # fmt: skip
        with session(server.dsn(), "opsloop") as conn:
            loop = Loop(conn)
            ids = fill(loop)
            moment = loop.value("select clock_timestamp()")
            # The lost time line: what was running ends, a kill raises the epoch, a token is given.
            for work in ids["works"]:
                loop.complete(work)
            loop.value("select fn_kill_switch('ada')")
            loop.value("select fn_resume('all')")
            loop.value("select fn_release_lock('leader', 'before')")
            loop.value("select fn_acquire_lock('leader', 'lost', 60)")
            ids["token"] = loop.value("select fn_lock_token('leader', 'lost')")
            segment = loop.value("select pg_walfile_name(pg_switch_wal())")
            wait_until(lambda: (archive / segment).exists(), "the WAL is archived")
        owner = (home / "first/pgdata").stat()

    again = home / "again"
    again.mkdir(mode=0o711)
    shutil.move(base, again / "pgdata")
    (again / "pgdata/recovery.signal").touch()
    (again / "server.log").touch()
    for path in [again / "server.log", again / "pgdata", *(again / "pgdata").rglob("*")]:
        os.chown(path, owner.st_uid, owner.st_gid)
    recovering = {
        **embedded.THROWAWAY,
        "restore_command": f"cp {archive}/%f %p",
        "recovery_target_time": str(moment),
        "recovery_target_action": "promote",
    }
    with (
        embedded.server(again, version=VERSION, settings=recovering) as server,
        session(server.dsn(), "opsloop") as conn,
    ):
        loop = Loop(conn)
        wait_until(lambda: not loop.value("select pg_is_in_recovery()"), "the server is promoted")
        assert loop.value("select status from ops_mission_steps where key = 'a'") == "running"
        restored = loop.value("select fn_after_restore('ada')")
        assert (restored["revoked"], restored["held"]) == (2, 1)
        goes_on(loop, ids)
