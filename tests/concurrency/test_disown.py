"""Disowning beside others: it waits for nobody, and finds later what it could not have at first."""

from looping import step

CALL = "select fn_disown_steps('w1', '{}')"


def test_steps_of_a_locked_mission_are_found_by_the_next_call(loop, session):
    loop.register("w1")
    missions = [loop.mission(step("a"), step("b", after=[])) for _ in range(3)]
    loop.claim(6)
    other = session()
    other.do("begin")
    # The first mission of the claim is free: the timer of the claim is of no use once its first step is.
    other.do("select from ops_missions where id = any (%s) for update", missions[1:])

    assert loop.value(CALL) == 2
    assert loop.value(CALL) == 0
    other.do("commit")

    assert loop.value(CALL) == 4
    assert len(loop.claim(6, "w2")) == 6


def test_a_claim_that_commits_late_is_found_once_it_has(loop, session):
    loop.register("w1")
    loop.mission(step("a"))
    lost = session()
    lost.do("begin")
    assert len(lost.claim()) == 1
    assert loop.value(CALL) == 0
    lost.do("commit")
    assert loop.value(CALL) == 1
