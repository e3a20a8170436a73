"""Ends of steps and missions that meet: complete, fail, expire, cancel, approve."""

import threading

import psycopg
import pytest
from psycopg.types.json import Jsonb

from looping import step, template
from support import at_once, start, wait_until

HTTP = step("a", "http", params={"url": "https://x/"})


# Complete against expire


def test_a_completion_that_is_just_committing_goes_before_the_recovery(loop, session):
    mission = loop.mission(step("a"))
    work = loop.work(mission)
    loop.advance(3600)
    worker = session()
    worker.do("begin")
    assert worker.complete(work) == "accepted"
    assert loop.turn()["leaseResult"] == {"requeued_steps": 0, "failed_steps": 0}
    worker.do("commit")
    loop.advance(10)
    assert loop.turn()["leaseResult"] == {"requeued_steps": 0, "failed_steps": 0}
    assert loop.steps(mission) == {"a": "succeeded"}


def test_a_recovery_that_is_just_committing_fences_the_completion(loop, session):
    mission = loop.mission(step("a"))
    work = loop.work(mission)
    loop.advance(3600)
    keeper, worker = session(), session()
    keeper.do("begin")
    assert keeper.turn()["leaseResult"]["requeued_steps"] == 1
    completing = start(lambda: worker.complete(work))
    loop.sees_blocked(worker)
    keeper.do("commit")
    assert completing.result() == "OPS_006"
    assert loop.steps(mission) == {"a": "queued"}
    assert [r["status"] for r in loop.runs(work["step_id"])] == ["lost", "fenced"]


def test_rolled_back_it_does_not(loop, session):
    mission = loop.mission(step("a"))
    work = loop.work(mission)
    loop.advance(3600)
    keeper, worker = session(), session()
    keeper.do("begin")
    keeper.turn()
    completing = start(lambda: worker.complete(work))
    loop.sees_blocked(worker)
    keeper.do("rollback")
    assert completing.result() == "accepted"
    assert loop.steps(mission) == {"a": "succeeded"}


def test_a_hundred_of_them_each_end_one_way(loop, session):
    for _ in range(100):
        loop.mission(step("a"))
    works = loop.claim(100)
    loop.advance(3600)
    sessions = [session() for _ in range(4)]
    calls = [lambda n=n: [sessions[n].complete(w) for w in works[n::3]] for n in range(3)]
    *answers, _ = at_once([*calls, lambda: [sessions[3].turn() for _ in range(10)]])
    accepted = sum(a.count("accepted") for a in answers)
    counts = {
        r["status"]: r["n"] for r in loop.rows("select status, count(*) n from ops_mission_steps group by 1")
    }
    assert counts.get("succeeded", 0) == accepted
    assert counts.get("queued", 0) + counts.get("running", 0) == 100 - accepted


# The reply was lost


@pytest.mark.parametrize(
    ("end", "answer"), [("complete", "accepted"), ("fail", "queued"), ("give up", "failed")]
)
def test_a_report_sent_again_while_the_first_is_still_committing_is_accepted_once(loop, session, end, answer):
    mission = loop.mission(step("a"))
    work = loop.work(mission)
    first, second = session(), session()

    def report(by):
        if end == "complete":
            return by.complete(work, {"n": 1})
        return by.fail(work, retryable=end == "fail")

    first.do("begin")
    assert report(first) == answer
    again = start(lambda: report(second))
    loop.sees_blocked(second)
    first.do("commit")
    assert again.result() == answer
    assert len(loop.runs(work["step_id"])) == 1
    assert loop.step(mission)["failure_count"] == (0 if end == "complete" else 1)


# Fan-out and fan-in


def test_eight_sessions_complete_a_fan_out_of_a_hundred_without_a_deadlock(loop, session):
    middle = [step(f"m{n}", after=["first"]) for n in range(100)]
    mission = loop.mission(step("first", after=[]), *middle, step("last", after=[m["key"] for m in middle]))
    done = threading.Event()

    def worker(n):
        mine = session()

        def work():
            ran = 0
            while not done.is_set():
                works = mine.claim(5, f"w{n}")
                batch = [{"step_id": str(w["step_id"]), "lease_token": str(w["lease_token"])} for w in works]
                answers = mine.rows("select * from fn_complete_steps(%s)", Jsonb(batch))
                assert all(a["outcome"] == "accepted" for a in answers)
                ran += len(answers)
            return ran

        return work

    def watch():
        try:
            wait_until(lambda: loop.status(mission) == "succeeded", "the mission succeeds", 60)
        finally:
            done.set()

    *ran, _ = at_once([*(worker(n) for n in range(8)), watch])
    assert sum(ran) == 102
    assert set(loop.steps(mission).values()) == {"succeeded"}
    assert [e["type"] for e in loop.events("mission:%")] == ["mission:succeeded"]


def test_a_step_that_somebody_updates_by_hand_is_unblocked_nevertheless(loop, session):
    """The table may have columns of its users: an update of theirs must not make the loop lose a step."""
    mission = loop.mission(step("a"), step("b", after=["a"]))
    work = loop.work(mission)
    somebody, worker = session(), session()
    somebody.do("begin")
    somebody.do("update ops_mission_steps set progress = '1' where key = 'b'")
    completing = start(lambda: worker.complete(work))
    loop.sees_blocked(worker)
    somebody.do("commit")
    assert completing.result() == "accepted"
    assert loop.steps(mission) == {"a": "succeeded", "b": "queued"}
    assert [w["key"] for w in loop.claim(5)] == ["b"]
    assert loop.broken() == []


def test_batches_over_many_missions_in_any_order_do_not_deadlock(loop, session):
    given = [step("a", after=[]), step("b", after=[]), step("c", after=["a", "b"])]
    loop.rows("select * from fn_create_proposals(%s)", Jsonb([{"template": template(*given)}] * 40))
    works = loop.claim(80)
    sessions = [session() for _ in range(8)]

    def complete(n):
        mine = works[n::8]
        batch = [
            {"step_id": str(w["step_id"]), "lease_token": str(w["lease_token"])}
            for w in (mine if n % 2 else mine[::-1])
        ]
        return lambda: sessions[n].rows("select * from fn_complete_steps(%s)", Jsonb(batch))

    answers = [a["outcome"] for got in at_once([complete(n) for n in range(8)]) for a in got]
    assert answers == ["accepted"] * 80
    assert len(loop.claim(80)) == 40


def test_failures_completions_cancels_and_heartbeats_together_do_not_deadlock(loop, session):
    given = [step(f"s{n}", after=[], on_failure="continue" if n % 2 else "fail") for n in range(6)]
    given.append(step("last", after=[s["key"] for s in given]))
    missions = [loop.mission(*given) for _ in range(12)]
    works = loop.claim(50)
    loop.advance(40)
    sessions = [session() for _ in range(6)]

    def reporter(n):
        def work():
            for i, w in enumerate(works[n::4]):
                how = (i + n) % 4
                if how == 0:
                    sessions[n].fail(w, retryable=False)
                elif how == 1:
                    sessions[n].complete(w)
                elif how == 2:
                    sessions[n].release(w)
                else:
                    sessions[n].extend(w)
                sessions[n].claim(2, f"w{n}")

        return work

    def cancel():
        for mission in missions[::3]:
            if sessions[4].status(mission) in ("approved", "running"):
                try:
                    sessions[4].cancel(mission)
                except psycopg.DatabaseError as error:
                    assert error.sqlstate == "OP014", error  # noqa: PT017

    at_once([*(reporter(n) for n in range(4)), cancel, lambda: [sessions[5].turn() for _ in range(15)]])
    assert loop.broken() == []
    assert {loop.status(m) for m in missions} <= {"approved", "running", "failed", "cancelled", "succeeded"}


# Decisions


def test_two_approvals_at_once_make_one_mission_and_answer_the_same(loop, session):
    made = loop.propose(HTTP)
    sessions = [session() for _ in range(6)]
    answers = at_once([lambda s=s: s.approve(made["proposal_id"]) for s in sessions])
    assert len({a["mission_id"] for a in answers}) == 1
    assert {a["status"] for a in answers} == {"approved"}
    assert loop.value("select count(*) from ops_missions") == 1


def test_of_an_approval_and_a_rejection_at_once_one_wins_and_the_other_is_told(loop, session):
    made = loop.propose(HTTP)
    first, second = session(), session()
    first.do("begin")
    first.approve(made["proposal_id"])
    rejecting = start(lambda: second.row("select * from fn_reject_proposal(%s)", made["proposal_id"]))
    loop.sees_blocked(second)
    first.do("commit")
    with pytest.raises(Exception, match="OPS_014"):
        rejecting.result()
    assert loop.proposals()[0]["status"] == "approved"


def test_a_dedupe_key_proposed_by_eight_at_once_is_one_proposal(loop, session):
    sessions = [session() for _ in range(8)]
    answers = at_once([lambda s=s: s.propose(step("a"), key="k") for s in sessions])
    assert len({a["proposal_id"] for a in answers}) == 1
    assert loop.value("select count(*) from ops_missions") == 1


def test_an_event_key_emitted_by_eight_at_once_is_one_event(loop, session):
    sessions = [session() for _ in range(8)]
    keys = [f"k{n}" for n in range(20)]

    def emit(n):
        batch = Jsonb([{"type": "x", "dedupe_key": k} for k in (keys if n % 2 else keys[::-1])])
        return lambda: {
            r["fn_emit_events"] for r in sessions[n].rows("select * from fn_emit_events(%s)", batch)
        }

    answers = at_once([emit(n) for n in range(8)])
    assert len(set.union(*answers)) == 20
    assert len(loop.events()) == 20
