"""fn_overview: one look at the loop, for what shows it live."""

import pytest

from looping import Loop, step


def test_it_tells_what_waits_runs_and_is_stuck(loop: Loop) -> None:
    loop.register()
    failed = loop.mission(step("a"))
    loop.fail_for_good(failed, error="no such host")
    loop.work(loop.mission(step("a")))
    loop.allow()
    stuck = loop.mission(step("a", kind="radar", params={"title": "x"}), title="nobody runs it")
    asks = loop.propose(step("a"), title="may it?", risk_level="high")["proposal_id"]
    parked = loop.mission(step("a", kind="approval"), title="asks")
    seen = loop.value("select fn_overview()")
    executors = {one["executor"]: one for one in seen["executors"]}
    assert (executors["noop"]["running"], executors["noop"]["failed"], executors["noop"]["live_workers"]) == (
        1,
        1,
        1,
    )
    assert (executors["radar"]["ready"], executors["radar"]["live_workers"]) == (1, 0)
    assert {one["reason"]: one["missions"] for one in seen["stuck"]} == {"no worker": 1, "for a person": 1}
    assert {one["id"]: one["why"] for one in seen["missions"]} == {
        str(stuck): "1 no worker",
        str(parked): "1 for a person",
    }
    assert [one["id"] for one in seen["proposals"]] == [str(asks)]
    assert [one["mission_id"] for one in seen["held"]] == [str(parked)]
    assert [one["why"] for one in seen["errors"]] == ["no such host"]
    assert seen["counts"]["running_steps"] == 1


def test_a_paused_executor_is_told(loop: Loop) -> None:
    loop.mission(step("a"))
    loop.value("select fn_pause('executor', 'noop')")
    assert [one["paused"] for one in loop.value("select fn_overview()")["executors"]] == [True]


@pytest.mark.parametrize("limit", [0, 1001, None])
def test_its_limit_is_bounded(loop: Loop, limit: int | None) -> None:
    loop.refused("018", "select fn_overview(%s)", limit)
