"""on_failure isolate: a final failure cancels the steps that need the step, and no other."""

import pytest

from looping import step


@pytest.fixture
def chain(loop):
    """a ← b ← c, d ← e, and f which needs a and d."""
    loop.allow()
    return loop.mission(
        step("a", on_failure="isolate", max_retries=1),
        step("b", after=["a"]),
        step("c", after=["b"]),
        step("d", on_failure="isolate", after=[], max_retries=1),
        step("e", after=["d"]),
        step("f", after=["a", "d"]),
    )


def works(loop):
    return {w["key"]: w for w in loop.claim(10)}


def sound(loop):
    return loop.rows("select * from fn_check_invariants()")


def test_a_failure_cancels_what_needs_the_step_and_nothing_else(loop, chain):
    work = works(loop)
    loop.fail(work["a"])
    assert loop.steps(chain) == {
        "a": "failed", "b": "cancelled", "c": "cancelled", "d": "running", "e": "blocked", "f": "cancelled",
    }  # fmt: skip
    assert loop.step(chain, "c")["wait_reason"] == "a step that it needs failed"
    loop.complete(work["d"])
    loop.complete(works(loop)["e"])
    done = loop.the_mission(chain)
    assert (done["status"], done["steps_failed"], done["steps_open"]) == ("succeeded", 1, 0)
    assert sound(loop) == []
    says = loop.row("select * from fn_explain_step(%s)", loop.step(chain, "b")["id"])
    assert str(loop.step(chain, "a")["id"]) in says["frees"]


@pytest.mark.parametrize("ended", [False, True])
def test_a_retry_brings_back_what_needs_the_step_but_for_what_another_failure_keeps(loop, chain, ended):
    work = works(loop)
    loop.fail(work["a"])
    if ended:
        loop.fail(work["d"])
        assert loop.status(chain) == "succeeded"
    loop.retry(loop.step(chain, "a")["id"])
    kept = ("failed", "cancelled", "cancelled") if ended else ("running", "blocked", "blocked")
    assert loop.steps(chain) == {
        "a": "queued", "b": "blocked", "c": "blocked", "d": kept[0], "e": kept[1], "f": kept[2],
    }  # fmt: skip
    assert sound(loop) == []
    loop.complete(works(loop)["a"])
    loop.complete(works(loop)["b"])
    assert loop.steps(chain)["c"] == "queued"
    assert sound(loop) == []
