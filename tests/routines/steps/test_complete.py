"""Completing: accepted once, answered alike, everything it brings along commits with it."""

from uuid import uuid4

import pytest
from psycopg.types.json import Jsonb

from looping import step

#: Of no step, and the same in each run, for tests are named after it.
SOME_ID = "6f9619ff-8b86-4d01-b42d-00c04fc964ff"
COMPLETE = "select * from fn_complete_steps(%s)"


def report(work, **more):
    return {"step_id": str(work["step_id"]), "lease_token": str(work["lease_token"]), **more}


def complete_all(loop, *reports):
    return [r["outcome"] for r in loop.rows(COMPLETE, Jsonb(list(reports)))]


def test_the_result_and_the_attempt_are_kept(loop):
    mission = loop.mission(step("a"))
    work = loop.work(mission)
    assert loop.complete(work, {"rows": 3}, usage={"tokens": 12}) == "accepted"
    row = loop.step(mission)
    assert (row["status"], row["result"], row["lease_expires_at"]) == ("succeeded", {"rows": 3}, None)
    assert row["reserved_at"] is not None
    (run,) = loop.runs(row["id"])
    assert (run["run_id"], run["status"], run["attempt"], run["worker_id"], run["executor"]) == (
        work["lease_token"], "succeeded", 1, "w1", "noop"
    )  # fmt: skip
    assert run["meta"] == {"usage": {"tokens": 12}}
    assert run["started_at"] == row["reserved_at"] <= run["completed_at"]


@pytest.mark.parametrize("result", [None, 5, "text", [1, [2]], {"a": None}, True])
def test_a_result_is_any_json(loop, result):
    mission = loop.mission(step("a"), step("b"))
    assert loop.complete(loop.work(mission), result) == "accepted"
    assert loop.work(mission, "b")["inputs"] == {"a": result}


def test_the_same_completion_again_is_answered_alike_and_changes_nothing(loop):
    work = loop.work(loop.mission(step("a")))
    once = {"result": {"n": 1}, "events": [{"type": "x"}], "outbox": [
        {"aggregate_type": "t", "aggregate_id": "1", "event_type": "e"}]}  # fmt: skip
    assert complete_all(loop, report(work, **once)) == ["accepted"]
    before = loop.contents()
    assert complete_all(loop, report(work, **once)) == ["accepted"]
    assert complete_all(loop, report(work, result="another")) == ["accepted"]
    assert loop.contents() == before


def test_twice_in_one_batch_is_once(loop):
    mission = loop.mission(step("a"))
    work = loop.work(mission)
    assert complete_all(loop, report(work), report(work)) == ["accepted"]
    assert len(loop.runs(work["step_id"])) == 1
    assert loop.broken() == []


def test_of_several_reports_in_one_batch_the_first_with_the_right_token_counts(loop):
    def saying(n, token):
        row = {"aggregate_type": "t", "aggregate_id": "1", "event_type": f"e{n}"}
        return {**report(work, result=n, events=[{"type": f"x{n}"}], outbox=[row]), "lease_token": str(token)}

    mission = loop.mission(step("a"))
    work = loop.work(mission)
    reports = [saying(1, uuid4()), *(saying(n, work["lease_token"]) for n in (2, 3))]
    assert sorted(complete_all(loop, *reports)) == ["OPS_006", "accepted"]
    assert loop.step(mission)["result"] == 2
    assert [e["type"] for e in loop.events("x%")] == ["x2"]
    assert [o["event_type"] for o in loop.rows("select event_type from outbox")] == ["e2"]
    assert loop.broken() == []


def test_a_stale_token_changes_nothing_but_leaves_its_evidence(loop):
    mission = loop.mission(step("a"))
    stale = loop.work(mission)
    loop.release(stale)
    loop.work(mission)
    before = loop.contents("ops_action_runs", "ops_counts")
    assert complete_all(loop, report(stale, result={"n": 1}, events=[{"type": "x"}])) == ["OPS_006"]
    assert loop.contents("ops_action_runs", "ops_counts") == before
    run = loop.runs(stale["step_id"])[-1]
    assert (run["status"], run["run_id"]) == ("fenced", stale["lease_token"])
    assert run["meta"]["result"] == {"n": 1}


def test_an_invented_token_or_step_is_ops_006(loop):
    mission = loop.mission(step("a"))
    work = loop.work(mission)
    before = loop.contents("ops_action_runs", "ops_counts")
    assert complete_all(loop, report(work) | {"lease_token": str(uuid4())}) == ["OPS_006"]
    assert complete_all(loop, report({"step_id": uuid4(), "lease_token": work["lease_token"]})) == ["OPS_006"]
    assert loop.contents("ops_action_runs", "ops_counts") == before


def test_a_step_that_is_not_running_takes_no_completion(loop):
    mission = loop.mission(step("a"))
    work = loop.work(mission)
    loop.fail(work)
    assert loop.complete(work) == "OPS_006"
    assert loop.step(mission)["status"] == "queued"


def test_a_batch_answers_each(loop):
    missions = [loop.mission(step("a")) for _ in range(4)]
    works = loop.claim(4)
    loop.release(works[1])
    reports = [report(w) for w in works] + [report({"step_id": uuid4(), "lease_token": uuid4()})]
    answers = {r["step_id"]: r["outcome"] for r in loop.rows(COMPLETE, Jsonb(reports))}
    assert [answers[w["step_id"]] for w in works] == ["accepted", "OPS_006", "accepted", "accepted"]
    assert sorted(answers.values()).count("OPS_006") == 2
    assert [loop.status(m) for m in missions] == ["succeeded", "running", "succeeded", "succeeded"]


def test_events_and_outbox_rows_come_with_it_in_order_and_belong_to_the_mission(loop):
    mission = loop.mission(step("a"))
    work = loop.work(mission)
    rows = [
        {"aggregate_type": "t", "aggregate_id": "1", "event_type": f"e{n}", "payload": {"n": n}}
        for n in (1, 2)
    ]
    loop.complete(
        work, events=[{"type": "x", "data": {"n": 1}}, {"type": "y", "dedupe_key": "k"}], outbox=rows
    )
    events = {e["type"]: e for e in loop.events()}
    assert (events["x"]["mission_id"], events["x"]["depth"], events["x"]["data"]) == (mission, 1, {"n": 1})
    assert events["y"]["dedupe_key"] == "k"
    published = loop.rows("select * from outbox order by id")
    assert [(o["event_type"], o["payload"]) for o in published] == [("e1", {"n": 1}), ("e2", {"n": 2})]


def test_an_event_cannot_claim_another_mission(loop):
    other = loop.mission(step("a"))
    mission = loop.mission(step("a"))
    works = {w["mission_id"]: w for w in loop.claim(2)}
    loop.complete(works[mission], events=[{"type": "x", "mission_id": str(other)}])
    assert loop.events("x")[0]["mission_id"] == mission


@pytest.mark.parametrize("events", [[{"type": "two words"}], [5], [{"type": "heartbeat:success"}]])
def test_a_faulty_event_refuses_the_completion_as_a_whole(loop, events):
    work = loop.work(loop.mission(step("a")))
    loop.refused("019", COMPLETE, Jsonb([report(work, result=1, events=events)]))


@pytest.mark.parametrize("outbox", [[{"aggregate_type": "t"}], [5]])
def test_a_faulty_outbox_row_does_too(loop, outbox):
    work = loop.work(loop.mission(step("a")))
    loop.refused("018", COMPLETE, Jsonb([report(work, outbox=outbox)]))


def test_what_was_not_accepted_brings_nothing_along(loop):
    mission = loop.mission(step("a"))
    work = loop.work(mission)
    loop.release(work)
    row = {"aggregate_type": "t", "aggregate_id": "1", "event_type": "e"}
    assert loop.complete(work, events=[{"type": "x"}], outbox=[row]) == "OPS_006"
    assert loop.events("x") == []
    assert loop.rows("select * from outbox") == []


def test_an_empty_batch_is_nothing(loop):
    before = loop.contents()
    assert complete_all(loop) == []
    assert loop.contents() == before


@pytest.mark.parametrize(
    "call",
    [
        COMPLETE,
        "select * from fn_fail_steps(%s)",
        "select * from fn_release_steps('w', %s)",
        "select * from fn_extend_leases('w', %s)",
    ],
)
@pytest.mark.parametrize(
    "bad",
    [
        {},
        [5],
        [{}],
        [{"step_id": SOME_ID}],
        [{"lease_token": SOME_ID}],
        [{"step_id": "x", "lease_token": "y"}],
        [{"step_id": None, "lease_token": None}],
        [{"step_id": SOME_ID, "lease_token": SOME_ID + "0"}],
    ],
    ids=str,
)
def test_a_malformed_batch_is_ops_018(loop, call, bad):
    loop.refused("018", call, Jsonb(bad))


@pytest.mark.parametrize(
    ("call", "field"),
    [
        (COMPLETE, {"events": {}}),
        (COMPLETE, {"events": "x"}),
        (COMPLETE, {"outbox": 5}),
        ("select * from fn_fail_steps(%s)", {"retryable": "maybe"}),
        ("select * from fn_fail_steps(%s)", {"retry_after_seconds": "soon"}),
    ],
)
def test_a_field_of_a_wrong_type_is_ops_018_and_names_its_place(loop, call, field):
    works = [loop.work(loop.mission(step("a"))) for _ in range(2)]
    diag = loop.refused("018", call, Jsonb([report(works[0]), report(works[1], **field)]))
    assert "[1]" in diag.message_primary


def test_the_last_of_several_steps_ends_the_mission_whatever_the_order_of_reports(loop):
    mission = loop.mission(*(step(f"s{n}", after=[]) for n in range(4)))
    works = loop.claim(4)
    assert complete_all(loop, *(report(w) for w in reversed(works))) == ["accepted"] * 4
    assert loop.status(mission) == "succeeded"
    assert loop.broken() == []
