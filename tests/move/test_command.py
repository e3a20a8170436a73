"""`opsloop move` between two servers: killed in every phase it goes on or back, and one side is open at most."""

import json
import subprocess
import sys
from copy import copy

import pytest
from psycopg.conninfo import make_conninfo

from looping import step
from move.moving_servers import OWN_SERVERS, PATIENCE, Mover, two_sides
from opsloop import connect, migrate
from opsloop.errors import LoopMoved, LoopMoving
from support import wait_until

pytestmark = [OWN_SERVERS, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def servers(programs):
    with two_sides(programs) as sides:
        yield sides


@pytest.fixture
def sides(servers):
    """The loop is on the first of them."""
    for side in servers:
        side.leave()
    migrate.migrate(servers[0].dsn)
    migrate.seed(servers[0].dsn)
    yield servers
    for side in servers:
        side.close()


@pytest.fixture
def mover(programs, tmp_path):
    return Mover(programs, tmp_path)


def work(side):
    """Does all there is to do there; returns how many steps that were."""
    done = 0
    with connect(side.dsn) as loop:
        while steps := loop.claim_steps("test:1", 100):
            for one in steps:
                assert loop.complete_step(one.step_id, one.lease_token) == "accepted"
                done += 1
    return done


def open_sides(*sides):
    """The names of those that take an event."""
    taken = []
    for side in sides:
        if side.phase() is None and not side.has_loop():
            continue
        with connect(side.dsn) as loop:
            try:
                loop.emit_event("probe")
                taken.append(side.name)
            except (LoopMoving, LoopMoved):
                pass
    return taken


def test_killed_in_every_phase_it_goes_on_to_the_end(sides, mover):
    old, new = sides
    loop = old.loop()
    missions = [loop.mission(step("a"), step("b", after=["a"])) for _ in range(5)]
    ends, runs = loop.claim(2, lease=60)
    draining = mover.start(old, new)
    wait_until(lambda: old.phase() == "draining", "it drains", PATIENCE)
    error = json.loads(mover.run(old, new, "--take-back", "--json", code=1).splitlines()[-1])["error"]
    assert error["code"] == "OPS_031", "of two at once one is refused"
    assert error["detail"]["holders"]
    mover.kill(draining)
    assert loop.complete(ends) == "accepted"
    assert open_sides(old, new) == [old.name]
    assert mover.killed(old, new, old, {"closed"}, "--drain-timeout", "0") == "closed"
    assert open_sides(old, new) == []
    # The restore that was killed may have been at its end.
    assert mover.killed(old, new, new, {"closed", "arrived"}) in ("closed", "arrived")
    assert open_sides(old, new) == []
    # It waits for the lease of the step that still ran.
    assert mover.killed(old, new, new, {"arrived"}) == "arrived"
    assert open_sides(old, new) == []
    new.value("update opsloop.ops_moves set leases_until = now() returning true")
    reader = new.loop()
    with reader.conn.transaction():
        reader.rows("select from ops_missions")  # the new server cannot be opened meanwhile
        assert mover.killed(old, new, old, {"moved"}) == "moved"
        assert open_sides(old) == []
    said = mover.run(old, new)
    assert f"the loop goes on at {new.name}" in said
    assert (old.phase(), new.phase()) == ("moved", "open")
    assert open_sides(old, new) == [new.name]
    assert f"the loop goes on at {new.name}" in mover.run(old, new), "once more, it says the same"
    there = new.loop()
    assert there.complete(runs) == "OPS_006"
    assert work(new) == 9
    assert {there.status(mission) for mission in missions} == {"succeeded"}
    assert there.broken() == old.loop().broken() == []
    assert "OPS_104" in mover.run(old, new, "--take-back", code=1)


def test_killed_in_every_phase_it_is_taken_back(sides, mover):
    old, new = sides
    loop = old.loop()
    mission = loop.mission(step("a"))
    (held,) = loop.claim(lease=60)
    for side, phases, options in [
        (old, {"draining"}, []),
        (old, {"closed"}, ["--drain-timeout", "0"]),
        (new, {"arrived"}, ["--drain-timeout", "0"]),
    ]:
        last = old.value("select count(*) from opsloop.ops_moves")
        assert mover.killed(old, new, side, phases, *options) in phases
        if last == 2:
            # As if it had been killed one step later.
            assert old.loop().value("select fn_finish_move()")["phase"] == "moved"
            assert open_sides(old, new) == []
        assert f"the loop goes on at {old.name}" in mover.run(old, new, "--take-back")
        assert new.has_loop() == (last == 2)
        assert open_sides(old, new) == [old.name]
        assert loop.broken() == []
    # Whoever was sent to the new server is sent back by the copy there, until it is dropped.
    with connect(new.dsn) as sent, pytest.raises(LoopMoved) as told:
        sent.emit_event("probe")
    assert told.value.detail["loop_is_at"] == old.name
    assert "once more, drops it" in mover.run(old, new, "--dry-run", code=1)
    assert "goes on at" in mover.run(old, new, "--take-back"), "once more, it says the same"
    assert not new.has_loop()
    # The lease was never touched.
    assert loop.complete(held) == "accepted"
    assert loop.status(mission) == "succeeded"
    mover.run(old, new)
    assert open_sides(old, new) == [new.name]


def test_it_is_not_taken_back_when_the_loop_has_gone_on_from_the_new_server(sides, mover):
    old, new = sides
    mover.run(old, new)
    # That the last move there is another one does not hide this one.
    new.value("select opsloop.fn_begin_move('elsewhere')")
    new.value("select opsloop.fn_take_back_move()")
    assert "OPS_104" in mover.run(old, new, "--take-back", code=1)
    assert open_sides(old, new) == [new.name]
    # It went on to another server, say, and was dropped here.
    new.leave()
    said = mover.run(old, new, "--take-back", code=1)
    assert "OPS_103" in said
    assert "--target-is-lost" in said
    assert open_sides(old) == []
    mover.run(old, new, "--take-back", "--target-is-lost")
    assert open_sides(old) == [old.name]


def test_it_moves_whatever_the_login_is_set_to(sides, mover):
    old, new = sides
    settings = {"idle_session_timeout": "500ms", "default_transaction_isolation": "serializable"}
    try:
        for side in sides:
            for name, value in settings.items():
                side.loop().do(f"alter role current_user set {name} = '{value}'")
        mover.run(old, new)
    finally:
        for side in sides:
            for name in settings:
                side.loop().do(f"alter role current_user reset {name}")
    assert new.phase() == "open"


def test_what_stands_against_it_is_named_and_nothing_is_changed(sides, mover, tmp_path):
    old, new = sides
    migrate.migrate(new.dsn)
    before = old.loop().contents()
    for options in (["--dry-run"], []):
        error = json.loads(mover.run(old, new, "--json", *options, code=1).splitlines()[-1])["error"]
        assert error["code"] == "OPS_103"
        (fault,) = error["detail"]["faults"]
        assert "is not empty" in fault
    same = json.loads(mover.run(old, old, "--json", code=1).splitlines()[-1])["error"]
    assert same["detail"]["faults"] == ["--from and --to are the same database"]
    new.leave()
    old.loop().do("create role only_here")
    old.loop().do("grant select on ops_missions to only_here")
    error = json.loads(mover.run(old, new, "--json", code=1).splitlines()[-1])["error"]
    assert ["only_here" in fault for fault in error["detail"]["faults"]] == [True]
    old.loop().do("drop owned by only_here; drop role only_here")
    session = old.loop()
    session.do("set allow_in_place_tablespaces = on")
    session.do("create tablespace only_here location ''")
    session.do("alter table ops_demand_radar set tablespace only_here")
    newer = tmp_path / "newer"
    newer.mkdir()
    for program in ("pg_dump", "pg_restore"):
        (newer / program).write_text(f"#!/bin/sh\necho '{program} (PostgreSQL) 99.1'\n")
        (newer / program).chmod(0o755)
    mover.env["PATH"], path = f"{newer}:{mover.env['PATH']}", mover.env["PATH"]
    error = json.loads(mover.run(old, new, "--dry-run", "--json", code=1).splitlines()[-1])["error"]
    mover.env["PATH"] = path
    lacks, restores = error["detail"]["faults"]
    assert "lacks the tablespaces only_here" in lacks
    assert "pg_restore is of PostgreSQL 99, newer" in restores
    session.do("alter table ops_demand_radar set tablespace pg_default")
    session.do("drop tablespace only_here")
    assert old.loop().contents() == before
    survey = json.loads(mover.run(old, new, "--dry-run", "--json"))
    assert (survey["from"], survey["to"], survey["schema"]) == (old.name, new.name, "opsloop")
    assert survey["tables"] > 60
    assert survey["bytes"] > 0
    assert old.loop().contents() == before
    assert not new.has_loop()


def test_a_restore_that_fails_leaves_it_closed_and_nothing_there(sides, mover):
    old, new = sides
    mission = old.loop().mission(step("a"))
    new.loop().do("""
        create function public.no_room() returns event_trigger language plpgsql as $$
        begin raise exception 'no room' using errcode = '53100'; end $$""")
    new.loop().do(
        "create event trigger no_room on ddl_command_end when tag in ('CREATE INDEX') execute function public.no_room()"
    )
    error = json.loads(mover.run(old, new, "--json", code=1).splitlines()[-1])["error"]
    assert (error["code"], error["detail"]["program"]) == ("OPS_105", "pg_restore")
    assert "no room" in error["detail"]["said"]
    assert open_sides(old, new) == []
    assert not new.has_loop()
    new.loop().do("drop event trigger no_room; drop function public.no_room()")
    assert "going on" in mover.run(old, new)
    assert work(new) == 1
    assert new.loop().status(mission) == "succeeded"


def test_a_copy_with_other_rows_is_not_opened(sides, mover):
    old, new = sides
    old.loop().mission(step("a"))
    old.loop().emit("lost:one")
    old.loop().claim(lease=60)
    assert mover.killed(old, new, new, {"closed", "arrived"}, "--drain-timeout", "0") is not None
    # As if it had been killed before it counted.
    new.value("update opsloop.ops_moves set phase = 'closed' returning true")
    there = new.loop()
    there.do("alter table ops_agent_events disable trigger ops_move_closed")
    there.do("delete from ops_agent_events where type = 'lost:one'")
    error = json.loads(mover.run(old, new, "--json", code=1).splitlines()[-1])["error"]
    assert error["code"] == "OPS_105"
    here, copied = error["detail"]["rows"]["ops_agent_events"]
    assert here == copied + 1
    assert open_sides(old, new) == []
    new.value("select opsloop.fn_take_back_move()")
    assert "OPS_105" in mover.run(old, new, code=1), "half way back it does not go on"
    mover.run(old, new, "--take-back")
    assert open_sides(old, new) == [old.name]


def test_a_server_that_is_away_keeps_a_move_from_going_back_unless_it_is_lost(sides, mover):
    old, new = sides
    loop = old.loop()
    loop.mission(step("a"))
    loop.claim(lease=60)
    assert mover.killed(old, new, new, {"arrived"}, "--drain-timeout", "0") == "arrived"
    new.close()
    new.host.end()
    try:
        assert "OPS_001" in mover.run(old, new, "--take-back", code=3)
        assert old.phase() == "closed"
        mover.run(old, new, "--take-back", "--target-is-lost")
        loop.emit("home:again")
    finally:
        new.host.bash('pg_ctl --pgdata="$PGDATA" --wait --log="$PGDATA.log" start')
    assert open_sides(old, new) == [old.name], "the copy that comes back is closed"


def test_the_copy_opens_without_an_old_server_that_is_lost(sides, mover):
    old, new = sides
    mission = old.loop().mission(step("a"))
    old.loop().claim(lease=2)
    assert mover.killed(old, new, new, {"arrived"}, "--drain-timeout", "0") == "arrived"
    assert "OPS_103" in mover.run(old, new, "--source-is-lost", code=1), "it answers"
    stranger = copy(old)
    stranger.dsn = make_conninfo(old.dsn, user="nobody_there")
    assert "OPS_103" in mover.run(stranger, new, "--source-is-lost", code=1), "it answers, too"
    assert open_sides(old, new) == []
    old.close()
    old.host.vanish()
    try:
        mover.run(old, new, code=3)
        assert open_sides(new) == []
        assert f"when {old.name} comes back, call again" in mover.run(old, new, "--source-is-lost")
        assert work(new) == 1
        assert new.loop().status(mission) == "succeeded"
    finally:
        old.host.bash('pg_ctl --pgdata="$PGDATA" --wait --log="$PGDATA.log" start')
    assert open_sides(old, new) == [new.name], "the old one that comes back is closed"
    assert "OPS_104" in mover.run(old, new, "--take-back", code=1)
    mover.run(old, new)
    assert old.phase() == "moved"
    # The loop leaves the new server, too: the old one, which was told, does not open.
    new.leave()
    assert "OPS_103" in mover.run(old, new, "--take-back", code=1)
    assert open_sides(old) == []


def test_workers_and_relays_wait_while_it_moves_and_end_when_it_has_moved(sides, mover, tmp_path):
    old, new = sides
    first = old.loop().mission(step("a"))
    processes = {}

    def begin(name, command):
        with (tmp_path / f"{name}.log").open("w") as log:
            processes[name] = subprocess.Popen(
                [sys.executable, "-m", "opsloop", command],
                env={**mover.env, "DATABASE_URL": old.dsn},
                cwd=tmp_path,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    begin("worker", "worker")
    begin("relay", "relay")
    try:
        loop = old.loop()
        wait_until(lambda: loop.status(first) == "succeeded", "the worker works", PATIENCE)
        loop.rows("select fn_begin_move(%s)", new.name)
        loop.rows("select fn_close_move()")
        begin("late", "worker")
        for name in processes:
            wait_until(
                lambda n=name: "OPS_101" in (tmp_path / f"{n}.log").read_text(), f"{name} is told", PATIENCE
            )
        loop.rows("select fn_take_back_move()")
        missions = [loop.mission(step("a")) for _ in range(3)]
        wait_until(lambda: {loop.status(m) for m in missions} == {"succeeded"}, "it goes on", PATIENCE)
        assert {process.poll() for process in processes.values()} == {None}
        wait_until(
            lambda: old.value("select count(*) from opsloop.ops_workers where stopped_at is null") == 2,
            "the late one has registered",
            PATIENCE,
        )
        mover.run(old, new)
        for name, process in processes.items():
            assert process.wait(PATIENCE) == 1, name
            assert "OPS_102" in (tmp_path / f"{name}.log").read_text()
            assert new.name in (tmp_path / f"{name}.log").read_text()
    finally:
        for process in processes.values():
            process.kill()
            process.wait()
