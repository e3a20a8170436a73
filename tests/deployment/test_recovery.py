"""docs/recovery.md: each of its blocks runs, on servers of its own where it takes some, and the loop goes on."""

import os
import subprocess
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from databases import server_home
from deployment.hosts import hosts
from docs.documents import blocks, environment
from looping import Loop, step
from opsloop import connect, migrate
from opsloop.client import Client
from support import wait_until

DOCUMENT = "docs/recovery.md"
OWN_SERVERS = pytest.mark.skipif("OPSLOOP_TEST_DSN" in os.environ, reason="starts servers of its own")


def block(about, containing=""):
    """The only block of that mark, with that text in it."""
    (only,) = [
        one.text
        for one in blocks(DOCUMENT)
        if one.language == "sh" and one.about == about and containing in one.text
    ]
    return only


def run(script, env, **variables):
    done = subprocess.run(
        ["bash", "-euo", "pipefail"],
        input=script,
        env={**env, **variables},
        cwd=env["HOME"],
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert done.returncode == 0, f"{script}\n{done.stdout}{done.stderr}"
    return done.stdout


def session(dsn, schema="opsloop"):
    return psycopg.connect(dsn, autocommit=True, options=f"-c search_path={schema}")


@pytest.fixture
def env(dsn, programs, tmp_path):
    return {**environment(dsn, programs, tmp_path), "HOME": str(tmp_path)}


@pytest.fixture
def machines(programs, tmp_path):
    """Hosts with nothing on them; a loop is installed on the first."""
    with server_home() as home, hosts(home, programs, 2) as made:
        made[0].begin()
        migrate.migrate(made[0].dsn())
        migrate.seed(made[0].dsn())
        yield made


def test_the_blocks_of_the_page_are_all_run_by_a_test():
    """Each mark, and the test that runs its blocks; the failover is in test_failover.py."""
    marks = {
        "": test_a_dump_restored_goes_on,
        "public": test_a_loop_in_public_is_restored_with_its_rights,
        "postgres": test_back_to_a_point_in_time,
        "postgres recover": test_back_to_a_point_in_time,
        "disaster": test_a_disaster_is_rehearsed,
    }
    elsewhere = {"postgres primary", "postgres standby", "read", "postgres failover"}
    assert {one.about for one in blocks(DOCUMENT) if one.language == "sh"} == set(marks) | elsewhere


def test_a_dump_restored_goes_on(conn, dsn, env):
    before = Client(conn)
    for _ in range(2):
        before.create_proposal({"title": "count", "steps": [{"kind": "noop"}, {"kind": "noop"}]})
    (running,) = before.claim_steps("vanished:1", lease_seconds=1)
    run(block(""), env)
    conn.execute(sql.SQL("drop schema opsloop cascade"))
    run('pg_restore --clean --if-exists --dbname="$DATABASE_URL" opsloop.dump', env)
    restore, check = next(one.text for one in blocks(DOCUMENT) if one.language == "sql").splitlines()
    assert conn.execute(restore).fetchone()[0]["revoked"] == 1
    assert conn.execute(check).fetchall() == []
    with connect(dsn) as loop:
        assert loop.complete_step(running.step_id, running.lease_token) == "OPS_006"
        for _ in range(2):
            for work in loop.claim_steps("test:1", 10):
                assert loop.complete_step(work.step_id, work.lease_token) == "accepted"
        assert {mission.status for mission in loop.list_missions()} == {"succeeded"}
        assert loop.check_invariants() == []


def test_a_loop_in_public_is_restored_with_its_rights(databases, empty_dsn, programs, tmp_path):
    migrate.migrate(empty_dsn, "public")
    migrate.seed(empty_dsn, "public")
    with session(empty_dsn, "public") as conn:
        mission = Loop(conn).mission(step("a"))
    env = {**environment(empty_dsn, programs, tmp_path), "HOME": str(tmp_path)}
    with databases.make() as target:
        run(block("public"), env, RESTORE_URL=target)
        with connect(target, "public") as loop:
            assert {(role.status, role.missing) for role in loop.list_roles()} == {("ready", None)}
            assert [one.mission_id for one in loop.list_missions()] == [mission]
            (work,) = loop.claim_steps("w")
            assert loop.complete_step(work.step_id, work.lease_token) == "accepted"
            assert loop.check_invariants() == []


@OWN_SERVERS
def test_back_to_a_point_in_time(machines, env):
    host = machines[0]
    with session(host.dsn()) as conn:
        loop = Loop(conn)
        kept = loop.mission(step("a"))
    host.bash(block("postgres"))
    with session(host.dsn()) as conn:
        loop = Loop(conn)
        late = loop.mission(step("b"))
        works = loop.claim(5)
        moment = loop.value("select clock_timestamp()::text")
        for work in works:
            loop.complete(work)
        lost = loop.mission(step("c"))
        loop.value("select fn_acquire_lock('leader', 'lost', 60)")
        token = loop.value("select fn_lock_token('leader', 'lost')")
    host.bash(block("postgres recover"), MOMENT=moment)
    run("opsloop roles; opsloop after-restore", env, DATABASE_URL=host.dsn())
    with session(host.dsn()) as conn:
        loop = Loop(conn)
        assert loop.rows("select from ops_missions where id = %s", lost) == []
        assert {loop.complete(work) for work in works} == {"OPS_006"}
        assert loop.value("select fn_acquire_lock('leader', 'again', 60)")
        assert loop.value("select fn_lock_token('leader', 'again')") > token
        for work in loop.claim(5):
            assert loop.complete(work) == "accepted"
        assert loop.status(kept) == loop.status(late) == "succeeded"
        assert loop.broken() == []


def test_a_disaster_is_rehearsed(databases, dsn, conn, env, tmp_path):
    loop = Loop(conn)
    loop.mission(step("a"))
    loop.claim()
    run(block(""), env)
    server = psycopg.conninfo.conninfo_to_dict(dsn)
    server.pop("dbname")
    said = run(
        block("disaster"),
        env,
        DUMP=str(Path(tmp_path) / "opsloop.dump"),
        SERVER=" ".join(f"{name}={value}" for name, value in server.items()),
    )
    assert "running" in said
    assert "nothing is broken" in said or "no invariant" in said or "sound" in said, said
    assert conn.execute("select from pg_database where datname = 'ops_dr_test'").fetchall() == []
    wait_until(lambda: loop.broken() == [], "the loop itself was not touched")
