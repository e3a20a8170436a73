"""Messages that were inserted or set back by hand are delivered."""

import pytest


def insert(loop, aggregate="a", kind="told"):
    return loop.value(
        "insert into outbox (aggregate_type, aggregate_id, event_type) values ('order', %s, %s) returning id",
        aggregate,
        kind,
    )


def publish(loop, aggregate="a"):
    return loop.value("select fn_publish_outbox('order', %s, 'told')", aggregate)


def deliver(loop):
    taken = [r["id"] for r in loop.rows("select * from fn_claim_outbox_events('p', 100)")]
    for message in taken:
        assert loop.value("select fn_complete_outbox_event(%s, 'p', true)", message)
    return taken


def test_a_message_inserted_by_hand_is_claimed_after_a_heartbeat(loop):
    message = insert(loop)
    assert deliver(loop) == []
    loop.turn()
    assert deliver(loop) == [message]
    assert loop.broken() == []


@pytest.mark.parametrize("others", [0, 1])
def test_a_delivered_message_set_back_is_delivered_again(loop, others):
    first = publish(loop)
    assert deliver(loop) == [first]
    later = [publish(loop) for _ in range(others)]
    loop.do("update outbox set processed_at = null where id = %s", first)
    loop.turn()
    delivered = []
    while taken := deliver(loop):
        delivered += taken
    assert sorted(delivered) == [first, *later]
    assert loop.broken() == []


def test_a_dead_message_set_back_is_alive(loop):
    message = publish(loop)
    loop.do("update outbox set dead = true, processed_at = now(), retry_count = 10 where id = %s", message)
    loop.do("update outbox set processed_at = null, retry_count = 0 where id = %s", message)
    loop.do("delete from ops_ready where lane = 3")
    loop.turn()
    assert deliver(loop) == [message]
    assert loop.value("select dead from outbox") is False
    assert loop.broken() == []


def test_messages_that_a_claim_knows_get_no_second_hint(loop):
    for _ in range(3):
        publish(loop)
    loop.rows("select * from fn_claim_outbox_events('p', 1)")
    loop.do("delete from ops_ready where lane = 3")
    loop.turn()
    assert loop.value("select count(*) from ops_ready where lane = 3") == 0
    assert loop.broken() == []
