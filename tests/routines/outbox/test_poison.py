"""A message on whose data a claim or a report fails is dead, with the code of the error, and the others go on."""

from psycopg.types.json import Jsonb


def published(loop, number):
    loop.do("select fn_set_policy('outbox', %s)", {"routes": [{"event_type": "*", "sink": "own"}]})
    return [loop.value("select fn_publish_outbox('t', %s, 'changed')", str(n)) for n in range(number)]


def taken(loop):
    return [r["id"] for r in loop.rows("select id from fn_claim_outbox_deliveries('p', 100)")]


def dead(loop, event):
    row = loop.row("select dead, last_error from outbox where id = %s", event)
    return row["dead"], row["last_error"].partition(":")[0]


def test_a_message_too_large_for_its_body_is_dead_and_49_are_claimed(loop):
    events = published(loop, 50)
    bad = events[17]
    loop.do(
        "update outbox set payload = jsonb_build_object('a', repeat('x', 140000000), 'b', repeat('y', 128435400))"
        " where id = %s",
        bad,
    )
    assert set(taken(loop)) == set(events) - {bad}
    assert dead(loop, bad) == (True, "54000")
    assert (
        loop.value("select count(*) from dead_letter_archive where original_msg_id = %s", f"outbox:{bad}")
        == 1
    )


def test_a_report_that_cannot_be_written_down_makes_its_message_dead_and_no_other(loop):
    events = published(loop, 50)
    bad = events[17]
    assert set(taken(loop)) == set(events)
    loop.do("update outbox set retry_count = 2147483647 where id = %s", bad)
    said = [{"event_id": e, "outcome": "retry", "error": "down"} for e in events]
    rows = loop.rows("select * from fn_complete_outbox_events('p', %s)", Jsonb(said))
    outcomes = {r["event_id"]: r["outcome"] for r in rows}
    assert outcomes.pop(bad) == "dead"
    assert set(outcomes.values()) == {"retry"}
    assert dead(loop, bad) == (True, "22003")


def test_what_comes_behind_a_bad_message_of_its_aggregate_is_delivered(loop):
    published(loop, 0)
    first, second = [loop.value("select fn_publish_outbox('t', '1', 'changed')") for _ in range(2)]
    assert loop.rows("select id from fn_claim_outbox_deliveries('p', 1, 1)") == [{"id": first}]
    loop.do("update outbox set retry_count = 2147483647 where id = %s", first)
    assert loop.value("select fn_complete_outbox_event(%s, 'p', false, 'down')", first)
    assert taken(loop) == [second]
