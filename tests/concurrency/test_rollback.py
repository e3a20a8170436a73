"""Everything commits with the caller or not at all: rolled back, no call leaves a trace."""

import pytest
from psycopg.types.json import Jsonb

from looping import step

HTTP = step("a", "http", params={"url": "https://x/"})

CALLS = {
    "emit": lambda loop, _: loop.emit("signal"),
    "heartbeat": lambda loop, _: loop.turn(),
    "evaluate": lambda loop, _: loop.row("select * from fn_evaluate_triggers()"),
    "react": lambda loop, _: loop.row("select * from fn_process_reactions()"),
    "propose": lambda loop, _: loop.propose(step("a")),
    "approve": lambda loop, s: loop.approve(s["pending"]),
    "reject": lambda loop, s: loop.row("select * from fn_reject_proposal(%s)", s["pending"]),
    "vote": lambda loop, s: loop.row("select * from fn_cast_vote(%s, 'reviewer', 'approve')", s["pending"]),
    "claim": lambda loop, _: loop.claim(5),
    "extend": lambda loop, s: loop.extend(s["work"], progress={"n": 1}),
    "complete": lambda loop, s: loop.complete(s["work"], 1, events=[{"type": "x"}]),
    "fail": lambda loop, s: loop.fail(s["work"]),
    "fail for good": lambda loop, s: loop.fail(s["work"], retryable=False),
    "release": lambda loop, s: loop.release(s["work"]),
    "cancel": lambda loop, s: loop.cancel(s["work"]["mission_id"]),
    "retry": lambda loop, s: loop.retry(s["failed"]),
    "resolve": lambda loop, s: loop.value("select fn_resolve_step(%s, 'succeeded')", s["held"]),
    "policy": lambda loop, _: loop.policy("auto_approve", enabled=False),
    "register": lambda loop, _: loop.register("new"),
    "outbox": lambda loop, _: loop.value("select fn_publish_outbox('t', '1', 'e')"),
    "radar": lambda loop, _: loop.value("select fn_radar_upsert(%s)", Jsonb([{"title": "x"}])),
}


def test_a_rollback_of_any_call_leaves_nothing(loop, session):
    loop.react({"name": "p"})
    failed = loop.mission(step("a"), step("b"))
    loop.fail_for_good(failed)
    held = loop.mission(step("a", on_lease_lost="hold"), step("b"))
    loop.work(held)
    loop.advance(3600)
    loop.turn()
    state = {
        "pending": loop.propose(HTTP)["proposal_id"],
        "failed": loop.step(failed)["id"],
        "held": loop.step(held)["id"],
        "work": loop.work(loop.mission(step("a"), step("b"))),
    }
    loop.mission(step("a"))
    loop.emit()
    loop.row("select * from fn_evaluate_triggers()")
    loop.emit()
    before = loop.contents()
    acting = session()
    for name, call in CALLS.items():
        acting.do("begin")
        call(acting, state)
        assert acting.contents() != before, f"{name} changed nothing"
        acting.do("rollback")
        assert loop.contents() == before, f"{name} left something behind"
    # And the calls that were rolled back can be made for good afterwards.
    assert loop.complete(state["work"]) == "accepted"
    assert loop.approve(state["pending"])["status"] == "approved"


@pytest.mark.parametrize("outcome", ["commit", "rollback"])
def test_an_event_is_seen_by_others_when_the_caller_commits_and_not_before(loop, session, outcome):
    loop.react({})
    caller = session()
    caller.do("begin")
    caller.emit()
    assert loop.turn()["triggerResult"]["events"] == 0
    caller.do(outcome)
    assert loop.turn()["triggerResult"]["events"] == (1 if outcome == "commit" else 0)
