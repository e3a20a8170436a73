"""What time alone brings, as a worker asks for before it falls asleep; and what it takes to be awake again."""

from typing import Any

import pytest

from looping import Loop, step


def due(loop: Loop, **args: Any) -> float | None:
    named = "".join(f", p_{name} => {value}" for name, value in args.items())
    said = loop.value(f"select fn_fall_asleep('w1'{named})")
    return None if said["seconds"] is None else float(said["seconds"])


@pytest.fixture(autouse=True)
def _registered(loop: Loop) -> None:
    loop.register("w1")
    loop.stop_clock()


def test_on_an_empty_loop_it_may_sleep_without_end(loop: Loop) -> None:
    assert due(loop) is None


def test_leases_and_retries_wake_it(loop: Loop) -> None:
    work = loop.work(loop.mission(step("a")), worker="w2")
    assert due(loop) == 30
    loop.fail(work, after=10)
    assert due(loop) == 10
    assert due(loop, beats="false") is None


def test_what_a_heartbeat_would_find_now_keeps_it_awake(loop: Loop) -> None:
    loop.emit()
    assert due(loop) == 0
    loop.turn()
    assert due(loop) is None
    loop.do("update ops_control set epoch = epoch + 1")
    assert due(loop) == 0


def test_ready_steps_that_nobody_takes_are_looked_at_but_not_what_is_paused(loop: Loop) -> None:
    loop.mission(step("a"))
    assert due(loop) == 5
    loop.rows("select fn_pause('all')")
    assert due(loop) is None
    loop.rows("select fn_resume('all')")
    loop.rows("select fn_pause('executor', 'noop')")
    assert due(loop) is None


def test_who_polls_is_alive_until_he_should_have_come(loop: Loop) -> None:
    loop.rows("select fn_fall_asleep('w1', 300)")
    loop.advance(359)
    assert loop.value("select asleep_workers from fn_health()") == 1
    loop.advance(2)
    assert loop.value("select live_workers from fn_health()") == 0


def test_registering_wakes_it_and_leaves_no_lock(loop: Loop) -> None:
    for _ in range(3):
        loop.rows("select fn_fall_asleep('w1')")
    assert loop.value("select _keeps_watch('w1')")
    loop.register("w1")
    assert not loop.value("select _keeps_watch('w1')")
    assert loop.value("select asleep_until is null from ops_workers")


@pytest.mark.parametrize("poll", ["-1", "86401", "'NaN'", "'infinity'"])
def test_a_poll_that_cannot_be_is_refused(loop: Loop, poll: str) -> None:
    loop.refused("018", f"select fn_fall_asleep('w1', {poll})")
