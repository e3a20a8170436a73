"""Steps with for_each: a copy for each item, and the list of their results."""

import pytest
from psycopg.types.json import Jsonb

from looping import step, template


def each(key="e", items="{{steps.a.result}}", kind="noop", **fields):
    return step(key, kind, **{"for_each": items, "params": {"of": "{{item}}", "n": "{{index}}"}, **fields})


def spread(loop, items, *more, **fields):
    """A mission whose step e has been spread over these items."""
    mission = loop.mission(step("a"), each(**fields), *more)
    loop.complete(loop.work(mission), items)
    loop.turn()
    return mission


def test_a_copy_runs_for_each_item_and_the_results_are_a_list_in_their_order(loop):
    mission = spread(loop, [{"x": 1}, "two", None], step("b"))
    assert loop.steps(mission) == {
        "a": "succeeded",
        "e": "blocked",
        "e[0]": "queued",
        "e[1]": "queued",
        "e[2]": "queued",
        "b": "blocked",
    }
    assert loop.broken() == []
    works = loop.claim(10)
    assert [w["params"] for w in works] == [
        {"of": {"x": 1}, "n": 0},
        {"of": "two", "n": 1},
        {"of": None, "n": 2},
    ]
    assert [w["inputs"] for w in works] == [{"a": [{"x": 1}, "two", None]}] * 3
    for work in reversed(works):
        loop.complete(work, work["params"]["n"] * 10)
    loop.turn()
    work = loop.work(mission, "b")
    assert work["inputs"] == {"e": [0, 10, 20]}
    loop.complete(work)
    assert loop.status(mission) == "succeeded"
    assert loop.the_mission(mission)["steps_total"] == 6


def test_a_list_may_stand_in_the_template_or_come_from_the_event(loop):
    mission = loop.mission(each(items=[1, 2]))
    loop.turn()
    assert [w["params"]["of"] for w in loop.claim(5)] == [1, 2]
    assert loop.the_mission(mission)["steps_total"] == 3
    loop.react({"template": template(each(items="{{event.data.items}}"))})
    loop.emit(data={"items": ["{{item}}", "{{steps.x.result}}"]})
    for _ in range(3):
        loop.turn()
    assert [w["params"]["of"] for w in loop.claim(5)] == ["{{item}}", "{{steps.x.result}}"]


def test_an_empty_list_is_an_empty_result(loop):
    mission = spread(loop, [])
    assert loop.step(mission, "e")["result"] == []
    assert loop.status(mission) == "succeeded"


@pytest.mark.parametrize("items", [5, {"a": 1}, "[]", None, list(range(1001))])
def test_what_is_no_list_fails_the_step(loop, items):
    mission = spread(loop, items)
    assert loop.step(mission, "e")["last_error_code"] == "OPS_049"
    assert loop.status(mission) == "failed"


def test_a_thousand_items(loop):
    mission = spread(loop, list(range(1000)))
    works = loop.claim(1001)
    assert len(works) == 1000
    batch = [
        {"step_id": str(w["step_id"]), "lease_token": str(w["lease_token"]), "result": w["params"]["of"]}
        for w in works
    ]
    loop.rows("select * from fn_complete_steps(%s)", Jsonb(batch))
    loop.turn()
    assert loop.step(mission, "e")["result"] == list(range(1000))


def test_an_item_without_what_is_asked_of_it_fails_the_step_and_names_it(loop):
    mission = spread(loop, [{"x": 1}, {}], params={"of": "{{item.x}}"})
    e = loop.step(mission, "e")
    assert (e["status"], e["last_error_code"]) == ("failed", "OPS_004")
    assert "item 1" in e["last_error"]
    assert loop.value("select count(*) from ops_mission_steps") == 2


def test_a_failed_copy_fails_the_mission_and_its_retry_brings_it_back(loop):
    mission = spread(loop, [1, 2, 3], max_retries=1)
    first, second, third = loop.claim(3)
    loop.complete(first, "one")
    loop.fail(second)
    assert loop.status(mission) == "failed"
    assert loop.complete(third, "three") == "accepted"
    assert loop.steps(mission)["e"] == "cancelled"
    loop.retry(second["step_id"])
    assert loop.steps(mission)["e"] == "blocked"
    loop.complete(loop.work(mission, "e[1]"), "two")
    loop.turn()
    assert loop.step(mission, "e")["result"] == ["one", "two", "three"]
    assert loop.status(mission) == "succeeded"


def test_a_copy_that_may_fail_leaves_null(loop):
    mission = spread(loop, [1, 2], max_retries=1, on_failure="continue")
    first, second = loop.claim(2)
    loop.fail(first)
    loop.complete(second, "two")
    loop.turn()
    assert loop.step(mission, "e")["result"] == [None, "two"]
    assert loop.status(mission) == "succeeded"


def test_a_copy_with_isolate_cancels_the_list_and_what_needs_it(loop):
    mission = spread(loop, [1, 2], step("b"), step("c", after=["a"]), max_retries=1, on_failure="isolate")
    works = {w["key"]: w for w in loop.claim(5)}
    loop.fail(works["e[0]"])
    loop.complete(works["e[1]"])
    loop.complete(works["c"])
    assert loop.steps(mission) == {
        "a": "succeeded",
        "e": "cancelled",
        "e[0]": "failed",
        "e[1]": "succeeded",
        "b": "cancelled",
        "c": "succeeded",
    }
    assert loop.status(mission) == "succeeded"


def test_each_copy_is_judged_as_it_would_run(loop):
    loop.policy(
        "auto_approve",
        risk_rules=[{"name": "far", "params": {"of": "^far"}, "risk_level": "high"}],
    )
    mission = spread(loop, ["near", "far away"])
    (work,) = loop.claim(5)
    assert work["key"] == "e[0]"
    (waiting,) = loop.rows("select * from fn_inbox()")
    assert waiting["id"] == loop.step(mission, "e[1]")["id"]


def test_each_copy_asks_for_approval_by_itself(loop):
    mission = spread(loop, [1, 2], needs_approval=True)
    assert [i["would_run"][0]["key"] for i in loop.rows("select * from fn_inbox() order by id")] == [
        "e[0]",
        "e[1]",
    ]
    loop.approve(loop.step(mission, "e[1]")["id"])
    (work,) = loop.claim(5)
    assert work["key"] == "e[1]"


def test_copies_wait_and_propose_like_any_step(loop):
    naps = spread(loop, [0, 3600], kind="wait", params={"seconds": "{{item}}"})
    loop.turn()
    assert loop.steps(naps) == {"a": "succeeded", "e": "blocked", "e[0]": "succeeded", "e[1]": "waiting"}
    children = spread(loop, [1, 2], kind="mission", params=template(step("x"), title="child {{item}}"))
    loop.turn()
    titles = "select title from ops_missions where depth = 1 order by id"
    assert [r["title"] for r in loop.rows(titles)] == ["child 1", "child 2"]
    for work in loop.claim(5):
        loop.complete(work, "x")
    for _ in range(3):
        loop.turn()
    assert loop.step(children, "e")["result"] == [{"x": "x"}, {"x": "x"}]


def test_cancelling_ends_the_copies_too(loop):
    mission = spread(loop, [1, 2])
    loop.cancel(mission)
    assert set(loop.steps(mission).values()) == {"succeeded", "cancelled"}
    assert loop.claim(5) == []


def test_results_that_are_too_large_together_fail_the_step(loop):
    mission = spread(loop, [1, 2])
    loop.value("select fn_set_policy('size_limits', %s)", {"result_bytes": 2000})
    for work in loop.claim(2):
        loop.complete(work, "z" * 1500)
    loop.turn()
    assert loop.step(mission, "e")["last_error_code"] == "OPS_045"


def test_it_is_explained_by_its_copies(loop):
    mission = spread(loop, [1])
    why = loop.rows("select * from fn_explain_step(%s)", loop.step(mission, "e")["id"])
    assert [w["reason"] for w in why] == ["dependency", "no_worker"]
    assert "e[0]" in why[0]["detail"]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"for_each": 5}, "steps[1].for_each: must be a list"),
        ({"for_each": "all of {{steps.a.result}}"}, "steps[1].for_each: must be a list"),
        ({"for_each": list(range(1001))}, "steps[1].for_each: must be a list"),
        ({"for_each": "{{steps.b.result}}"}, "'b' is not a step of this template"),
        ({"for_each": "{{item}}"}, "known in the params of a step with for_each only"),
        ({"params": {"x": "{{item}}"}}, "known in the params of a step with for_each only"),
        ({"for_each": "{{event.data.x}}"}, "has no event to come from"),
    ],
)
def test_a_faulty_list_is_refused(loop, fields, said):
    proposed = Jsonb({"steps": [step("a"), step("e", **fields)]})
    assert said in "\n".join(loop.faults("004", "select * from fn_create_proposal(%s)", proposed))


def test_an_item_never_becomes_a_statement(loop):
    proposed = Jsonb({"steps": [step("e", "sql", for_each=[1], params={"statement": "{{item}}"})]})
    assert "sql takes placeholders in params.args only" in str(
        loop.faults("004", "select * from fn_create_proposal(%s)", proposed)
    )
