"""A worker's transaction under an asserted lease: nobody takes the step meanwhile; once it is lost, no commit."""

import pytest

from looping import step
from support import start

ASSERT = "select fn_assert_lease(%s, %s)"


@pytest.fixture
def work(loop):
    """A step whose lease has run out, though nobody took it back yet."""
    work = loop.work(loop.mission(step("a")))
    loop.do("create table effects (note text)")
    loop.advance(3600)
    return work


def test_recovery_passes_over_a_step_whose_lease_somebody_asserted(loop, session, work):
    zombie = session()
    zombie.do("begin")
    zombie.rows(ASSERT, work["step_id"], work["lease_token"])
    zombie.do("insert into effects values ('once')")
    loop.do("set lock_timeout = '2s'")
    assert loop.turn()["leaseResult"] == {"requeued_steps": 0, "failed_steps": 0}
    zombie.do("commit")
    loop.advance(2)
    assert loop.turn()["leaseResult"] == {"requeued_steps": 1, "failed_steps": 0}


def test_a_fenced_worker_cannot_commit(loop, session, work):
    loop.turn()
    zombie = session()
    zombie.do("begin")
    with pytest.raises(Exception, match="OPS_006"):
        zombie.rows(ASSERT, work["step_id"], work["lease_token"])
    with pytest.raises(Exception, match="current transaction is aborted"):
        zombie.do("insert into effects values ('twice')")
    zombie.do("commit")  # rolls back
    assert loop.value("select count(*) from effects") == 0


def test_one_that_asserts_while_the_recovery_commits_waits_and_is_told(loop, session, work):
    keeper, zombie = session(), session()
    keeper.do("begin")
    assert keeper.turn()["leaseResult"]["requeued_steps"] == 1
    zombie.do("begin")
    asserting = start(lambda: zombie.rows(ASSERT, work["step_id"], work["lease_token"]))
    loop.sees_blocked(zombie)
    keeper.do("commit")
    with pytest.raises(Exception, match="OPS_006"):
        asserting.result()


def test_the_keeper_of_the_lease_is_not_hindered_by_its_own_assertion(loop, session):
    work = loop.work(loop.mission(step("a"), step("b")))
    worker = session()
    worker.do("begin")
    worker.rows(ASSERT, work["step_id"], work["lease_token"])
    loop.do("set lock_timeout = '2s'")
    assert loop.extend(work, progress={"half": True})[0]["ok"]
    assert loop.complete(work) == "accepted"
    worker.do("commit")


def test_the_effect_and_the_completion_can_be_one_transaction(loop, session):
    loop.do("create table effects (note text)")
    work = loop.work(loop.mission(step("a")))
    worker = session()
    worker.do("begin")
    worker.rows(ASSERT, work["step_id"], work["lease_token"])
    worker.do("insert into effects values ('once')")
    assert worker.complete(work) == "accepted"
    worker.do("commit")
    assert loop.value("select count(*) from effects") == 1
    assert loop.step(work["mission_id"])["status"] == "succeeded"
