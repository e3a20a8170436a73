"""Tickets of idle workers, and the channel that wakes them."""

import pytest


@pytest.mark.parametrize("ticket", ["", "x", "-1", "1.5", "9223372036854775808", "9" * 30, "1e3", " 1", "٣"])
def test_what_is_no_ticket_is_refused_by_name(loop, ticket):
    assert "p_ticket" in loop.refused("018", "select fn_idle_settled(%s)", ticket).message_primary


def test_a_ticket_settles_when_its_transaction_has_ended(loop):
    assert loop.value("select fn_idle_settled('1')") is True
    assert loop.value("select fn_idle_settled('9223372036854775807')") is False
    assert loop.value("select fn_idle_settled(null)") is None
