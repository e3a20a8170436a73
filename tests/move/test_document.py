"""docs/moving.md: each of its blocks runs between two servers, with the command and by hand."""

import subprocess

import pytest

from docs.documents import blocks, environment
from looping import step
from move.moving_servers import OWN_SERVERS, Mover, two_sides
from opsloop import connect, migrate

DOCUMENT = "docs/moving.md"
pytestmark = [OWN_SERVERS, pytest.mark.timeout(240)]


@pytest.fixture
def sides(programs):
    with two_sides(programs) as made:
        yield made


@pytest.fixture
def run(sides, programs, tmp_path):
    """Runs the block of that mark; returns all that it printed."""
    env = environment(sides[0].dsn, programs, tmp_path)

    def run_block(about):
        (script,) = [one.text for one in blocks(DOCUMENT) if one.about == about]
        done = subprocess.run(
            ["bash", "-euo", "pipefail"],
            input=script,
            env={**env, "NEW_URL": sides[1].dsn},
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=100,
        )
        assert done.returncode == 0, f"{about}\n{done.stdout}"
        return done.stdout

    return run_block


def begun(side):
    """A loop with something done and something to do."""
    loop = side.loop()
    missions = loop.mission(step("a")), loop.mission(step("b"), step("c", after=["b"]))
    (first,) = loop.claim()
    assert loop.complete(first) == "accepted"
    return missions


def goes_on(side, missions):
    """What there was to do is done there, and the loop is sound."""
    loop = side.loop()
    while works := loop.claim(5):
        assert {loop.complete(one) for one in works} == {"accepted"}
    assert {loop.status(mission) for mission in missions} == {"succeeded"}
    assert {role["status"] for role in loop.rows("select status from fn_list_roles()")} == {"ready"}
    assert loop.rows("select from ops_pauses") == []
    assert loop.broken() == []


def test_every_block_of_the_page_is_run_by_a_test():
    shell = {one.about for one in blocks(DOCUMENT)}
    assert shell == {"move", "take back", "by hand: begin", "by hand: copy", "by hand: finish"}


def test_with_the_command(sides, run):
    old, new = sides
    missions = begun(old)
    said = run("move")
    assert "nothing stands against it" in said
    assert f"the loop goes on at {new.name}" in said
    assert (old.phase(), new.phase()) == ("moved", "open")
    goes_on(new, missions)


def test_by_hand_and_taken_back_with_the_command_and_then_to_the_end(sides, run):
    old, new = sides
    missions = begun(old)
    assert "draining" in run("by hand: begin")
    old.loop().rows("select fn_take_back_move()")
    # As the command names the place, so that it may take over.
    old.loop().rows("select fn_begin_move(%s)", new.name)
    run("by hand: copy")
    assert (old.phase(), new.phase()) == ("closed", "arrived")
    assert f"the loop goes on at {old.name}" in run("take back")
    assert not new.has_loop()
    run("by hand: begin")
    run("by hand: copy")
    run("by hand: finish")
    assert (old.phase(), new.phase()) == ("moved", "open")
    goes_on(new, missions)


def test_a_loop_in_public_and_one_with_an_odd_name(sides, programs, tmp_path):
    old, new = sides
    mover = Mover(programs, tmp_path)
    for schema in ("public", "loop_b%$"):
        migrate.migrate(old.dsn, schema)
        migrate.seed(old.dsn, schema)
        subprocess.run(
            [
                "bash",
                "-c",
                'pg_dumpall --roles-only --dbname="$OLD" | psql --quiet --no-psqlrc --dbname="$NEW"',
            ],
            env={**mover.env, "OLD": old.dsn, "NEW": new.dsn},
            capture_output=True,
            check=True,
        )
        with connect(old.dsn, schema) as loop:
            event = loop.emit_event("a:b", dedupe_key="k")
        mover.run(old, new, "--schema", schema)
        with connect(new.dsn, schema) as loop:
            assert loop.emit_event("a:b", dedupe_key="k") == event
            assert {(role.status, role.missing) for role in loop.list_roles()} == {("ready", None)}
            assert loop.check_invariants() == []
