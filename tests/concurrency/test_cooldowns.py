"""A cooldown is exact whoever asks, also when the pattern reacted before and several ask once it has cooled down."""

import pytest

from looping import step, template
from support import at_once, start


@pytest.fixture
def cooled(loop):
    """A pattern that reacted once and has just cooled down."""
    loop.react({"cooldown_minutes": 60, "template": template(step("a"))})
    loop.emit()
    assert loop.turn()["triggerResult"] == {"events": 1, "queued": 1}
    loop.advance(3601)
    return loop


def test_who_comes_second_waits_and_finds_it_warm_again(cooled, session):
    first, second = session(), session()
    first.emit()
    first.do("begin")
    assert first.turn()["triggerResult"] == {"events": 1, "queued": 1}
    cooled.emit()
    beating = start(second.turn)
    cooled.sees_blocked(second)
    first.do("commit")
    assert beating.result()["triggerResult"] == {"events": 1, "queued": 0}


def test_rolled_back_it_has_not_reacted(cooled, session):
    first, second = session(), session()
    first.emit()
    first.do("begin")
    assert first.turn()["triggerResult"]["queued"] == 1
    cooled.emit()
    beating = start(second.turn)
    cooled.sees_blocked(second)
    first.do("rollback")
    assert beating.result()["triggerResult"]["queued"] == 1
    assert cooled.turn()["triggerResult"] == {"events": 1, "queued": 0}


def test_of_ten_at_once_one_reacts(cooled, session):
    cooled.rows("select fn_emit_event('signal') from generate_series(1, 50)")
    sessions = [session() for _ in range(10)]
    results = [*at_once([lambda s=s: s.heartbeat(5, 5) for s in sessions]), cooled.turn()]
    assert all(r["ok"] for r in results), results
    assert sum(r["triggerResult"]["queued"] for r in results) == 1
