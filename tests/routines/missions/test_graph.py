"""The graph of a mission: what may start when, and what is handed on."""

from psycopg.types.json import Jsonb

from looping import step


def keys(works):
    return [w["key"] for w in works]


def run(loop, *works, result=None):
    for work in works:
        assert loop.complete(work, result) == "accepted"


def test_without_depends_on_a_step_comes_after_the_one_before_it(loop):
    mission = loop.mission(step("a"), step("b"), step("c"))
    for key, left in (("a", ["blocked", "blocked"]), ("b", ["blocked"]), ("c", [])):
        (work,) = loop.claim(10)
        assert work["key"] == key
        assert list(loop.steps(mission).values())[3 - len(left) :] == left
        run(loop, work)
    assert loop.status(mission) == "succeeded"


def test_an_empty_depends_on_means_at_once(loop):
    loop.mission(step("a"), step("b", after=[]), step("c", after=[]), step("d"))
    assert keys(loop.claim(10)) == ["a", "b", "c"]


def test_keys_are_step_1_and_so_on_by_default(loop):
    mission = loop.mission({"kind": "noop"}, {"kind": "noop"}, {"kind": "noop", "depends_on": ["step_1"]})
    assert loop.steps(mission) == {"step_1": "queued", "step_2": "blocked", "step_3": "blocked"}


def test_the_executor_is_the_kind_by_default(loop):
    loop.allow()
    loop.mission(step("a", "tidy"), step("b", "tidy", executor="noop", after=[]))
    assert {(w["kind"], w["executor"]) for w in loop.claim(5)} == {("tidy", "tidy"), ("tidy", "noop")}


def test_a_step_waits_for_all_that_it_depends_on(loop):
    mission = loop.mission(step("a"), step("b", after=[]), step("c", after=["a", "b"]))
    a, b = loop.claim(10)
    run(loop, b)
    assert loop.claim(10) == []
    assert loop.step(mission, "c")["waiting_on"] == 1
    run(loop, a)
    assert keys(loop.claim(10)) == ["c"]


def test_both_ends_in_one_batch_unblock_it_too(loop):
    loop.mission(step("a"), step("b", after=[]), step("c", after=["a", "b"]))
    batch = [{"step_id": str(w["step_id"]), "lease_token": str(w["lease_token"])} for w in loop.claim(10)]
    assert {r["outcome"] for r in loop.rows("select * from fn_complete_steps(%s)", Jsonb(batch))} == {
        "accepted"
    }
    assert keys(loop.claim(10)) == ["c"]


def test_a_diamond(loop):
    mission = loop.mission(step("a"), step("b"), step("c", after=["a"]), step("d", after=["b", "c"]))
    run(loop, *loop.claim(10))
    middle = loop.claim(10)
    assert keys(middle) == ["b", "c"]
    run(loop, *middle)
    run(loop, *loop.claim(10))
    assert set(loop.steps(mission).values()) == {"succeeded"}
    assert loop.status(mission) == "succeeded"
    assert loop.broken() == []


def test_a_dependency_named_twice_is_a_fault(loop):
    twice = Jsonb({"steps": [step("a"), step("b", after=["a", "a"])]})
    assert loop.faults("004", "select * from fn_create_proposal(%s)", twice) == [
        "steps[1].depends_on: 'a' is listed twice"
    ]


def test_steps_may_be_written_in_any_order(loop):
    loop.mission(step("last", after=["first"]), step("first", after=[]))
    assert keys(loop.claim(10)) == ["first"]


def test_results_of_dependencies_come_as_inputs_by_key(loop):
    loop.mission(step("a"), step("b", after=[]), step("c", after=["a", "b"]), step("d", after=["c"]))
    a, b = loop.claim(10)
    assert a["inputs"] == {}
    run(loop, a, result={"n": 1})
    run(loop, b, result=None)
    (c,) = loop.claim(10)
    assert c["inputs"] == {"a": {"n": 1}, "b": None}
    run(loop, c, result=[1])
    assert loop.claim(10)[0]["inputs"] == {"c": [1]}


def test_a_placeholder_may_reach_over_several_steps(loop):
    loop.mission(step("a"), step("b"), step("c", params={"x": "{{steps.a.result.n}}"}))
    run(loop, *loop.claim(), result={"n": 1})
    run(loop, *loop.claim(), result={"n": 2})
    assert loop.claim()[0]["params"] == {"x": 1}


def test_on_failure_continue_lets_those_who_wait_go_on_without_a_result(loop):
    mission = loop.mission(step("a", on_failure="continue"), step("b"))
    loop.fail_for_good(mission, "a")
    work = loop.work(mission, "b")
    assert work["inputs"] == {"a": None}
    run(loop, work)
    row = loop.the_mission(mission)
    assert (row["status"], row["steps_failed"], row["steps_open"], row["error"]) == ("succeeded", 1, 0, None)
    assert loop.broken() == []


def test_a_placeholder_for_a_step_that_failed_fails_the_one_that_has_it(loop):
    mission = loop.mission(step("a", on_failure="continue"), step("b", params={"x": "{{steps.a.result.n}}"}))
    loop.fail_for_good(mission, "a")
    assert loop.claim(5) == []
    assert loop.steps(mission) == {"a": "failed", "b": "failed"}
    assert "steps.a.result.n" in loop.step(mission, "b")["last_error"]
    assert loop.status(mission) == "failed"


def test_a_fan_out_of_a_hundred_and_back_in(loop):
    middle = [step(f"m{n}", after=["first"]) for n in range(100)]
    mission = loop.mission(step("first", after=[]), *middle, step("last", after=[m["key"] for m in middle]))
    run(loop, *loop.claim(10))
    works = loop.claim(200)
    assert len(works) == 100
    run(loop, *works[:99])
    assert loop.claim(10) == []
    run(loop, works[99])
    run(loop, loop.work(mission, "last"))
    assert loop.status(mission) == "succeeded"
    assert loop.broken() == []
