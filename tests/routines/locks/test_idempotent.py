"""What is done once: keys, their results, how long they are kept."""

import hashlib
import json

import pytest
from psycopg.types.json import Jsonb


def take(loop, key="k"):
    row = loop.row("select * from fn_idempotent(%s)", key)
    return row["fresh"], row["result"]


def store(loop, result, key="k"):
    loop.rows("select fn_idempotent_result(%s, %s)", key, Jsonb(result))


def test_the_first_caller_is_fresh_and_later_ones_get_what_he_stored(loop):
    assert take(loop) == (True, None)
    store(loop, {"receipt": 7})
    assert take(loop) == (False, {"receipt": 7})
    assert take(loop, "another") == (True, None)


def test_without_a_stored_result_later_ones_get_null(loop):
    take(loop)
    assert take(loop) == (False, None)


def test_a_savepoint_rolled_back_leaves_the_key_free(loop):
    loop.do("savepoint before")
    take(loop)
    store(loop, 1)
    loop.do("rollback to savepoint before")
    assert take(loop) == (True, None)


def test_only_who_took_the_key_stores_a_result(loop):
    loop.refused("014", "select fn_idempotent_result('k', '1')")
    loop.refused("014", "select fn_idempotent_result(null, '1')")
    take(loop)
    loop.do("update ops_idempotency_keys set taken_in = '5'")
    loop.refused("014", "select fn_idempotent_result('k', '1')")


@pytest.mark.parametrize("key", [None, "", "x" * 501])
def test_a_key_that_cannot_be_is_refused(loop, key):
    loop.refused("018", "select fn_idempotent(%s)", key)


def test_a_key_is_kept_as_long_as_policy_says_and_fresh_from_that_moment_on(loop):
    loop.stop_clock("2030-01-01 12:00:00+00")
    take(loop)
    store(loop, "first")
    loop.stop_clock("2030-01-31 11:59:59.999999+00")
    assert take(loop) == (False, "first")
    loop.stop_clock("2030-01-31 12:00:00+00")
    assert take(loop) == (True, None)
    store(loop, "second")

    loop.policy("worker_policy", idempotency={"keep_hours": 1})
    assert take(loop, "short") == (True, None)
    loop.stop_clock("2030-01-31 13:00:00+00")
    assert take(loop) == (False, "second")
    assert take(loop, "short") == (True, None)


def test_heartbeats_forget_what_expired_and_nothing_else(loop):
    loop.stop_clock("2030-01-01 12:00:00+00")
    take(loop, "old")
    loop.stop_clock("2030-01-20 12:00:00+00")
    take(loop, "new")
    loop.stop_clock("2030-01-31 12:00:00+00")
    loop.turn()
    assert [r["key"] for r in loop.rows("select * from ops_idempotency_keys")] == ["new"]


@pytest.mark.parametrize(
    ("setting", "path"),
    [
        ({"keep_hours": 0}, "idempotency.keep_hours"),
        ({"keep_hours": 1.5}, "idempotency.keep_hours"),
        ({"keep_hours": "7"}, "idempotency.keep_hours"),
        ({"keep_hours": 87601}, "idempotency.keep_hours"),
        ({"keep_days": 1}, "idempotency.keep_days"),
        (7, "idempotency"),
    ],
)
def test_how_long_keys_are_kept_is_a_whole_number_of_hours(loop, setting, path):
    refused = loop.refused("017", "select fn_set_policy('worker_policy', %s)", {"idempotency": setting})
    (fault,) = json.loads(refused.message_detail)["faults"]
    assert fault.startswith(f"{path}: ")


# Keys of checkers


def sha(*components):
    return hashlib.sha256("::".join(components).encode()).hexdigest()[:32]


@pytest.mark.parametrize(
    ("parts", "joined"),
    [
        (["SD-1", "s-7", "EXEC"], ("SD-1", "TESTING", "s-7", "EXEC", "489000")),
        (["SD-1", None, None], ("SD-1", "TESTING", "no-session", "orchestrated", "489000")),
        (["SD-1", "", ""], ("SD-1", "TESTING", "no-session", "orchestrated", "489000")),
        (["SD-1"], ("SD-1", "TESTING", "no-session", "orchestrated", "489000")),
        (["SD-ä", None, "PLAN"], ("SD-ä", "TESTING", "no-session", "PLAN", "489000")),
    ],
)
def test_a_key_is_the_hash_of_directive_code_session_phase_and_hour(loop, parts, joined):
    key = loop.value("select fn_idempotency_key('TESTING', %s, 489000)", parts)
    assert key == f"idmp_TESTING_{sha(*joined)}"


def test_the_hour_is_that_of_the_clock_unless_given(loop):
    loop.stop_clock("2025-10-14 23:59:59.9+00")
    assert loop.value("select fn_idempotency_key('T', '{SD-1}')") == loop.value(
        "select fn_idempotency_key('T', '{SD-1}', 489023)"
    )
    loop.stop_clock("2025-10-15 00:00:00+00")
    assert loop.value("select fn_idempotency_key('T', '{SD-1}')") == loop.value(
        "select fn_idempotency_key('T', '{SD-1}', 489024)"
    )


@pytest.mark.parametrize(
    ("code", "parts"),
    [(None, ["SD"]), ("", ["SD"]), ("T", None), ("T", []), ("T", [None, "s"]), ("T", list("abcd"))],
)
def test_a_key_of_nothing_is_refused(loop, code, parts):
    loop.refused("018", "select fn_idempotency_key(%s, %s::text[])", code, parts)
