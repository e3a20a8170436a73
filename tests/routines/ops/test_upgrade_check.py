"""What an upgrade would leave behind: parked steps that nothing in the release brings back."""

import pytest

from looping import step


@pytest.fixture
def parked(loop):
    """A step that policy parked until a person decides."""
    mission = loop.mission(step("a"))
    loop.policy("auto_approve", enabled=False)
    assert loop.claim() == []
    return loop.step(mission)["id"]


def stranded(loop, version="0.1.0"):
    return loop.rows("select * from fn_upgrade_check(%s)", version)


def test_what_waits_for_a_person_is_freed_in_every_release(loop, parked):
    assert stranded(loop) == stranded(loop, "9.0.0") == []


@pytest.mark.parametrize("waits_for", ["limit"])
def test_what_nothing_brings_back_is_listed_with_the_statement_that_does(loop, parked, waits_for):
    loop.do("update ops_parked_steps set waits_for = %s", waits_for)
    (found,) = stranded(loop)
    assert (found["step_id"], found["waits_for"]) == (parked, waits_for)
    assert waits_for in found["reason"]
    loop.rows(found["remedy"])
    assert stranded(loop) == []
    assert loop.broken() == []


def test_a_pause_that_is_not_there_strands_what_it_parked(loop):
    loop.mission(step("a"))
    loop.rows("select fn_pause('kind', 'noop')")
    assert loop.claim() == []
    assert stranded(loop) == []
    loop.do("delete from ops_pauses")
    (found,) = stranded(loop)
    assert "no pause of kind noop" in found["reason"]
    loop.rows(found["remedy"])
    assert stranded(loop) == []


@pytest.mark.parametrize("version", [None, "", "newest", "0.1", "1.0.0; drop"])
def test_a_version_that_cannot_be_is_refused(loop, version):
    loop.refused("018", "select * from fn_upgrade_check(%s)", version)
