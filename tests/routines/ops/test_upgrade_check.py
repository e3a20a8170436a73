"""What an upgrade would leave behind: parked steps that nothing brings back, running ones of workers too old for it."""

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


def register(loop, worker, number):
    settings = {} if number is None else {"compatibility": number}
    return loop.value("select fn_register_worker(%s, null, 1, '0.0.9', '{}', %s)", worker, settings)


@pytest.mark.parametrize(
    ("behind", "version", "is_left"),
    [
        (0, "0.1.9", False),
        (0, "0.2.0", False),
        (0, "0.3.0", True),
        (0, "1.0.0", False),
        (0, "1.1.0", True),
        (0, "2.0.0", True),
        (1, "0.1.0", False),
        (1, "0.2.0", True),
        (None, "0.1.0", False),
        (None, "0.2.0", True),
    ],
)
def test_what_runs_on_a_worker_too_old_for_the_release_is_listed(loop, behind, version, is_left):
    number = loop.value("select fn_compatibility()")
    register(loop, "w", None if behind is None else number - behind)
    mission = loop.mission(step("a"))
    (work,) = loop.claim(worker="w")
    found = stranded(loop, version)
    assert bool(found) is is_left
    if is_left:
        assert (found[0]["step_id"], found[0]["waits_for"]) == (loop.step(mission)["id"], "worker")
        assert f"release {version} would not serve its worker w (package 0.0.9" in found[0]["reason"]
        loop.rows(found[0]["remedy"])
        loop.mission(step("b"))
        assert loop.claim(worker="w") == []
        loop.complete(work, {})
    assert stranded(loop, version) == []


def test_a_worker_that_knows_no_number_is_told_that_the_schema_is_of_its_own_release(loop):
    assert register(loop, "old", None)["schema_version"] == "0.0.9"
    told = register(loop, "new", 1)
    assert (told["schema_version"], told["compatibility"]) == (
        "0.1.0",
        loop.value("select fn_compatibility()"),
    )


def test_a_number_that_cannot_be_is_refused(loop):
    loop.refused("018", "select fn_register_worker('w', p_settings => %s)", {"compatibility": "new"})


@pytest.mark.parametrize("version", [None, "", "newest", "0.1", "1.0.0; drop"])
def test_a_version_that_cannot_be_is_refused(loop, version):
    loop.refused("018", "select * from fn_upgrade_check(%s)", version)
