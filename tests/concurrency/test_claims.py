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
    waiting = start(lambda: third.claim(1))
    loop.sees_blocked(third)
    other.do("commit")
    assert len(waiting.result()) == 1
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


def test_claims_that_park_steps_of_each_others_missions_do_not_deadlock(loop, session):
    loop.allow(
        "noop",
        risk_rules=[{"name": "odd", "executor": "noop", "params": {"x": "^bad$"}, "risk_level": "high"}],
    )
    sessions = [session() for _ in range(4)]
    for _ in range(5):
        given = [step("find", after=[])]
        given += [
            step(f"s{n}", after=["find"], params={"x": "bad"} if n % 3 else {}, max_retries=2 + n % 2)
            for n in range(6)
        ]
        for s in given[1:]:
            s["params"] = {**s["params"], "y": "{{steps.find.result}}"}
        loop.policy("auto_approve", risk_rules=[])
        propose_many(loop, 4, *given)
        for work in loop.claim(4):
            loop.complete(work, 1)
        loop.policy(
            "auto_approve",
            risk_rules=[{"name": "odd", "executor": "noop", "params": {"x": "^bad$"}, "risk_level": "high"}],
        )
        at_once([lambda s=s, n=n: s.claim(6, f"w{n}") for n, s in enumerate(sessions)])
        loop.claim(50)
        assert loop.value("select count(*) from ops_mission_steps where status = 'queued'") == 0
