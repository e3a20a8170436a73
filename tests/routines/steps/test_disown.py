"""Steps of a claim whose answer was lost are given back, as never started; no other step is."""

from uuid import UUID

import pytest

from looping import step

CALL = "select fn_disown_steps(%s, %s::uuid[])"


@pytest.fixture(autouse=True)
def _registered(loop):
    loop.register("w1")
    loop.register("w2")


def disown(loop, *known, worker="w1"):
    return loop.value(CALL, worker, [w["lease_token"] for w in known])


def test_what_a_lost_claim_took_is_given_back_as_never_started(loop):
    mission = loop.mission(*[step(f"s{n}", after=[]) for n in range(5)])
    loop.claim(5)

    assert disown(loop) == 5

    assert set(loop.steps(mission).values()) == {"queued"}
    for key in loop.steps(mission):
        kept = loop.step(mission, key)
        assert kept["failure_count"] == 0
        (run,) = loop.runs(kept["id"])
        assert (run["status"], run["error"]) == ("released", "the answer to the claim was lost")
    assert len(loop.claim(5, "w2")) == 5
    assert loop.broken() == []


def test_a_step_that_is_held_when_its_lease_is_lost_was_not_begun(loop):
    mission = loop.mission(step("a", on_lease_lost="hold"))
    loop.claim()
    assert disown(loop) == 1
    assert loop.steps(mission) == {"a": "queued"}


def test_what_the_worker_knows_of_and_what_others_have_is_kept(loop):
    loop.mission(*[step(f"s{n}", after=[]) for n in range(6)])
    known = loop.claim(2)
    others = loop.claim(2, "w2")
    lost = {work["step_id"] for work in loop.claim(2)}

    assert disown(loop, *known) == 2

    assert disown(loop, *known) == 0
    assert [loop.complete(work) for work in known + others] == ["accepted"] * 4
    assert {work["step_id"] for work in loop.claim(6)} == lost


def test_a_step_that_was_asked_to_stop_is_cancelled(loop):
    mission = loop.mission(step("a"))
    loop.claim()
    loop.cancel(mission)
    assert disown(loop) == 1
    assert (loop.steps(mission), loop.status(mission)) == ({"a": "cancelled"}, "cancelled")
    assert loop.broken() == []


def test_leases_that_the_kill_switch_made_void_are_left_to_it(loop):
    mission = loop.mission(step("a"), step("b", after=[]))
    loop.claim(2)
    loop.do("update ops_control set epoch = epoch + 1")
    assert disown(loop) == 0
    assert loop.steps(mission) == {"a": "running", "b": "running"}

    loop.value("select fn_kill_switch('ada')")
    assert disown(loop) == 0
    loop.heartbeat()
    loop.do("select fn_resume('all')")
    assert len(loop.claim(2, "w2")) == 2


def test_the_lease_that_the_worker_registered_is_looked_at(loop):
    loop.register("w1", settings={"lease_seconds": 600})
    loop.policy("worker_policy", step_timeout_seconds=1000)
    loop.mission(step("a"))
    loop.claim(lease=600)
    assert disown(loop) == 1


def test_a_worker_that_nobody_registered_has_nothing_to_disown(loop):
    mission = loop.mission(step("a"))
    loop.claim(worker="w3")
    assert disown(loop, worker="w3") == 0
    assert loop.steps(mission) == {"a": "running"}


def test_the_worker_of_another_login_is_refused(loop):
    loop.do("update ops_workers set login = 'somebody' where worker_id = 'w1'")
    loop.refused("015", CALL, "w1", [])


@pytest.mark.parametrize("tokens", [None, [None], [UUID(int=1), None]])
def test_without_tokens_nothing_is_disowned(loop, tokens):
    loop.refused("018", CALL, "w1", tokens)
