"""Emitting events: what is stored, what is refused, and what a dedupe key does."""

from uuid import uuid4

import pytest
from psycopg.types.json import Jsonb

from looping import step

EMIT = "select * from fn_emit_events(%s)"


def emit(loop, *events):
    return [r["fn_emit_events"] for r in loop.rows(EMIT, Jsonb(list(events)))]


def test_an_event_is_stored_as_given_and_waits_to_be_looked_at(loop):
    event = loop.emit("disk:full", {"host": "db1"})
    (stored,) = loop.events()
    assert stored["id"] == event
    assert (stored["type"], stored["data"], stored["dedupe_key"]) == ("disk:full", {"host": "db1"}, None)
    assert (stored["mission_id"], stored["depth"], stored["processed_at"]) == (None, 0, None)


def test_the_type_alone_is_enough(loop):
    event = loop.value("select fn_emit_event('disk:full')")
    assert loop.value("select data from ops_agent_events where id = %s", event) == {}


def test_data_that_is_null_is_an_empty_object(loop):
    loop.value("select fn_emit_event('disk:full', null)")
    assert loop.events()[0]["data"] == {}


def test_the_same_dedupe_key_gives_the_id_of_the_first_and_stores_nothing(loop):
    first = loop.emit("disk:full", {"n": 1}, key="k")
    before = loop.contents()
    assert loop.emit("disk:full", {"n": 2}, key="k") == first
    assert loop.contents() == before


def test_a_batch_comes_back_in_the_order_given_also_with_keys_seen_before(loop):
    seen = loop.emit("old", key="b")
    ids = emit(
        loop, {"type": "x", "dedupe_key": "c"}, {"type": "y"}, {"type": "z", "dedupe_key": "b"}, {"type": "w"}
    )
    assert ids[2] == seen
    assert [loop.value("select type from ops_agent_events where id = %s", i) for i in ids] == [
        "x",
        "y",
        "old",
        "w",
    ]


def test_a_dedupe_key_twice_in_one_batch_is_one_event(loop):
    first, other, again = emit(
        loop, {"type": "x", "dedupe_key": "k"}, {"type": "y"}, {"type": "z", "dedupe_key": "k"}
    )
    assert first == again != other
    assert sorted(e["type"] for e in loop.events()) == ["x", "y"]


def test_an_empty_batch_is_nothing(loop):
    assert emit(loop) == []


def test_every_fault_of_every_event_is_named_and_none_is_emitted(loop):
    events = [
        {"type": "fine"},
        {"type": "two words", "data": [], "dedupe_key": "", "colour": "red"},
        5,
        {"type": "x", "mission_id": "nobody"},
    ]
    assert loop.faults("019", EMIT, Jsonb(events)) == [
        "events[1].type: must be text of 1 to 200 characters without blanks",
        "events[1].data: must be an object",
        "events[1].dedupe_key: must be text of 1 to 500 characters",
        "events[1].colour: unknown key",
        "events[2].an event must be an object",
        "events[3].mission_id: must be a uuid",
    ]


@pytest.mark.parametrize(
    "kind", ["heartbeat:success", "mission:succeeded", "step:deploy:succeeded", "proposal:pending"]
)
def test_what_the_loop_tells_of_itself_cannot_be_forged(loop, kind):
    (fault,) = loop.faults("019", "select fn_emit_event(%s)", kind)
    assert "reserved" in fault


def test_no_type_at_all_is_a_fault(loop):
    loop.refused("019", "select fn_emit_event(null)")


def test_a_batch_that_is_no_array_is_refused(loop):
    loop.refused("019", EMIT, {"type": "x"})
    loop.refused("019", "select * from fn_emit_events(null)")


def test_a_mission_that_is_not_there_is_a_fault(loop):
    (fault,) = loop.faults("019", "select fn_emit_event('x', '{}', null, %s)", uuid4())
    assert fault.startswith("events[0].mission_id: no mission ")


def test_an_event_of_a_mission_is_one_deeper_than_the_mission(loop):
    mission = loop.mission(step("a"))
    loop.emit("found", mission=mission)
    (event,) = loop.events("found")
    assert (event["mission_id"], event["depth"]) == (mission, 1)
