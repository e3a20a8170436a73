"""Claims beside claims, and beside whatever else may befall a step."""

import pytest
from psycopg.types.json import Jsonb

from looping import step, template
from support import at_once, run, start


def propose_many(loop, count, *steps):
    loop.rows("select * from fn_create_proposals(%s)", Jsonb([{"template": template(*steps)}] * count))


def test_eight_sessions_claim_every_step_once_and_lose_none(loop, session):
    propose_many(loop, 200, step("a"))

    def claim_all(worker):
        mine = session()

        def work():
            got = []
            while claimed := mine.claim(7, worker):
                got += [w["step_id"] for w in claimed]
            return got

        return work

    claimed = [s for got in at_once([claim_all(f"w{n}") for n in range(8)]) for s in got]
    # A session that finds every front row taken comes back empty: what is left is there for the next claim.
    claimed += [w["step_id"] for w in loop.claim(200)]
    assert len(claimed) == 200
    assert len(set(claimed)) == 200
    assert loop.claim() == []


def test_what_an_open_transaction_has_claimed_is_passed_over_and_comes_back_with_its_rollback(loop, session):
    propose_many(loop, 3, step("a"))
    other = session()
    other.do("begin")
    first = other.claim(2)
    (left,) = loop.claim(5)
    assert left["step_id"] not in {w["step_id"] for w in first}
    assert loop.claim(5) == []
    other.do("rollback")
    assert {w["step_id"] for w in loop.claim(5)} == {w["step_id"] for w in first}


def test_two_claims_begin_one_mission_once(loop, session):
    mission = loop.mission(step("a", after=[]), step("b", after=[]))
    other = session()
    other.do("begin")
    other.claim(1)
    third = session()
    assert third.claim(1) == []
    other.do("commit")
    assert len(third.claim(1)) == 1
    assert loop.status(mission) == "running"
    assert set(loop.steps(mission).values()) == {"running"}


def test_a_step_cancelled_while_it_is_claimed_is_not_given_out(loop, session):
    mission = loop.mission(step("a"))
    other = session()
    other.do("begin")
    other.cancel(mission)
    claiming = run(session().conn, "select * from fn_claim_steps('w2', 5)")
    assert claiming.result() == []
    other.do("commit")
    assert loop.steps(mission) == {"a": "cancelled"}


def test_a_cancel_that_comes_while_a_claim_is_open_asks_the_step_to_stop(loop, session):
    mission = loop.mission(step("a"), step("b"))
    other, third = session(), session()
    other.do("begin")
    (work,) = other.claim()
    cancelling = start(lambda: third.cancel(mission))
    loop.sees_blocked(third)
    other.do("commit")
    assert cancelling.result() == "cancelled"
    assert loop.steps(mission) == {"a": "running", "b": "cancelled"}
    assert loop.extend(work)[0]["cancel_requested"] is True
    assert loop.fail(work) == "cancelled"


def test_a_failing_sibling_and_a_claim_of_the_rest_come_one_after_the_other(loop, session):
    mission = loop.mission(step("a", after=[]), step("b", after=[]))
    (work,) = loop.claim()
    other, third = session(), session()
    other.do("begin")
    assert other.fail(work, retryable=False) == "failed"
    # The cancelled step has left the queue in a transaction that is still open: the claim may only wait or come empty.
    claiming = start(third.claim)
    other.do("commit")
    assert claiming.result() == []
    assert loop.steps(mission) == {"a": "failed", "b": "cancelled"}


@pytest.mark.parametrize("end", ["complete", "fail", "cancel"])
def test_an_extension_never_waits_for_who_is_just_ending_the_step(loop, session, end):
    mission = loop.mission(step("a"))
    work = loop.work(mission)
    other = session()
    other.do("begin")
    if end == "cancel":
        other.cancel(mission)
    elif end == "fail":
        other.fail(work)
    else:
        other.complete(work)
    loop.do("set lock_timeout = '2s'")
    assert loop.extend(work)[0]["ok"] is True  # as far as anybody can see
    other.do("commit")
    assert loop.extend(work)[0]["ok"] is (end == "cancel")


def test_two_claims_that_park_and_run_steps_of_each_others_missions_do_not_wait_for_each_other(loop, session):
    first = loop.mission(
        step("runs", after=[]), step("bad", after=[], params={"x": 1}), step("held", after=[])
    )
    second = loop.mission(step("runs", after=[]), step("bad", after=[], params={"x": 1}))
    steps = {(m, s): loop.step(m, s)["id"] for m in (first, second) for s in ("runs", "bad")}
    loop.do("delete from ops_ready")
    # The one claim takes the bad step of the first mission and runs one of the second, the other the other way round.
    for taken in ((first, "bad"), (second, "runs"), (second, "bad"), (first, "runs")):
        loop.do(
            "with r as (insert into ops_ready (lane, id) select lane, id from ops_mission_steps where id = %s"
            " returning seq, id) update ops_mission_steps s set ready_seq = r.seq from r where s.id = r.id",
            steps[taken],
        )
    odd = {"name": "x", "executor": "noop", "params": {"x": "1"}, "risk_level": "high"}
    loop.policy("auto_approve", risk_rules=[odd])
    holder, one, other = session(), session(), session()
    holder.do("begin")
    holder.row("select * from ops_mission_steps where mission_id = %s and key = 'held' for update", first)
    assert [w["step_id"] for w in one.claim(1)] == [steps[second, "runs"]]
    assert [w["step_id"] for w in other.claim(1)] == [steps[first, "runs"]]
    holder.do("commit")
    assert loop.claim(9) == []
    assert loop.step(first, "bad")["status"] == loop.step(second, "bad")["status"] == "waiting"
    loop.turn()  # adopts the step that this test took out of the queue


def test_who_first_needs_an_executor_holds_up_nobody_else_who_needs_it(loop, session):
    loop.allow()
    one, other = session(), session()
    one.do("begin")
    one.propose(step("a", "brand-new"))
    made = other.propose(step("a", "brand-new"))
    assert [w["mission_id"] for w in loop.claim(9)] == [made["mission_id"]]
    one.do("commit")
    assert len(loop.claim(9)) == 1


def test_a_step_that_commits_late_is_claimed_at_once_when_nothing_lies_behind_it(loop, session):
    loop.complete(loop.work(loop.mission(step("a"))))
    late = session()
    late.do("begin")
    before = late.mission(step("a"))
    after = loop.mission(step("a"))
    assert [w["mission_id"] for w in loop.claim()] == [after]
    late.do("commit")
    assert [w["mission_id"] for w in loop.claim()] == [before]


def test_a_step_that_commits_late_is_claimed_before_those_that_overtook_it(loop, session):
    late = session()
    late.do("begin")
    before = late.mission(step("a"))
    for _ in range(3):
        loop.mission(step("a"))
    loop.claim()
    late.do("commit")
    assert loop.claim()[0]["mission_id"] == before


def test_a_claim_does_not_try_the_rows_that_an_open_claim_has_taken_one_by_one(loop, session):
    def pages():
        (plan,) = loop.value("explain (analyze, buffers, format json) select * from fn_claim_steps('w1', 1)")
        assert plan["Plan"]["Actual Rows"] == 1
        return plan["Plan"]["Shared Hit Blocks"] + plan["Plan"]["Shared Read Blocks"]

    propose_many(loop, 1000, step("a"))
    for _ in range(10):
        pages()
    alone = pages()
    other = session()
    other.do("begin")
    other.claim(900)
    # To try to lock a row is to visit its page again.
    assert pages() < alone + 200
    other.do("rollback")
    assert len(loop.claim(1000)) == 988
