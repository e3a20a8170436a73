"""Publishing side effects in the caller's transaction."""

import pytest

from looping import step

PUBLISH = "select fn_publish_outbox(%s, %s, %s, %s, %s)"


def test_a_row_is_stored_as_given_and_waits(loop):
    row_id = loop.value(PUBLISH, "order", "17", "paid", {"n": 1}, "k")
    row = loop.row("select * from outbox")
    assert (row["id"], row["aggregate_type"], row["aggregate_id"], row["event_type"]) == (
        row_id,
        "order",
        "17",
        "paid",
    )
    assert (row["payload"], row["dedupe_key"], row["processed_at"], row["retry_count"]) == (
        {"n": 1},
        "k",
        None,
        0,
    )


def test_payload_and_key_may_be_left_out(loop):
    loop.value("select fn_publish_outbox('order', '17', 'paid')")
    loop.value("select fn_publish_outbox('order', '17', 'paid', null)")
    assert [r["payload"] for r in loop.rows("select payload from outbox")] == [{}, {}]


def test_the_same_dedupe_key_gives_the_id_of_the_first_and_publishes_nothing(loop):
    first = loop.value(PUBLISH, "order", "17", "paid", {}, "k")
    before = loop.contents()
    assert loop.value(PUBLISH, "order", "18", "shipped", {}, "k") == first
    assert loop.contents() == before


def test_ids_rise_in_the_order_of_publishing(loop):
    ids = [loop.value(PUBLISH, "order", "17", f"e{n}", {}, None) for n in range(3)]
    assert ids == sorted(ids)


@pytest.mark.parametrize(
    "names",
    [
        (None, "1", "e", None),
        ("t", "", "e", None),
        ("t", "1", None, None),
        ("t", "1", "e", ""),
        ("t", "1", "e", "k" * 1001),
    ],
)
def test_a_missing_name_or_a_key_that_cannot_be_is_ops_018(loop, names):
    aggregate, aggregate_id, kind, key = names
    loop.refused("018", PUBLISH, aggregate, aggregate_id, kind, {}, key)


def test_rolled_back_it_never_was(loop):
    work = loop.work(loop.mission(step("a")))
    try:
        with loop.savepoint():
            loop.complete(work, outbox=[{"aggregate_type": "t", "aggregate_id": "1", "event_type": "e"}])
            raise LookupError
    except LookupError:
        pass
    assert loop.rows("select * from outbox") == []
    assert loop.step(work["mission_id"])["status"] == "running"
