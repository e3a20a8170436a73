"""What differs between versions of a policy document, and how one is taken back."""

import json

import psycopg
import pytest
from psycopg.types.json import Jsonb


def put(conn, value, key="our_own"):
    return conn.execute("select fn_set_policy(%s, %s)", (key, Jsonb(value))).fetchone()[0]


def diff(conn, *args, key="our_own"):
    call = ", ".join(["%s"] * (1 + len(args)))
    return conn.execute(f"select * from fn_diff_policy({call})", (key, *args)).fetchall()


def refused(conn, code, statement, *args):
    with pytest.raises(psycopg.DatabaseError) as caught:
        conn.execute(statement, args)
    assert caught.value.sqlstate == code, caught.value
    assert caught.value.diag.message_hint
    return json.loads(caught.value.diag.message_detail)


@pytest.mark.parametrize(
    ("before", "after", "rows"),
    [
        ({"a": 1}, {"a": 2}, [("a", 1, 2)]),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 1}, "d": None}, [("a.c", 2, None), ("d", None, None)]),
        ({"a": ["x"]}, {"a": ["x", "y"]}, [("a", ["x"], ["x", "y"])]),
        (
            {"a": [{"name": "p", "n": 1}, {"name": "q"}]},
            {"a": [{"name": "q"}, {"name": "p", "n": 2}]},
            [("a[p].n", 1, 2), ("a (order)", ["p", "q"], ["q", "p"])],
        ),
        (
            {"a": [{"name": "p"}, {"name": "q"}]},
            {"a": [{"name": "r"}, {"name": "q"}]},
            [("a[p]", {"name": "p"}, None), ("a[r]", None, {"name": "r"})],
        ),
        ({"a": [{"n": 1}, {"n": 2}]}, {"a": [{"n": 1}, {"n": 3}]}, [("a[1].n", 2, 3)]),
        ({"a": [{"name": "p"}]}, {"a": [{"name": "p"}, {"name": "p"}]}, [("a[1]", None, {"name": "p"})]),
        ({"a": []}, {"a": {}}, [("a", [], {})]),
    ],
)
def test_each_path_that_differs_is_a_row_with_what_stood_and_stands_there(conn, before, after, rows):
    put(conn, before)
    assert put(conn, after) == 2
    assert sorted(diff(conn), key=str) == sorted(rows, key=str)
    assert sorted(diff(conn, 1, 2), key=str) == sorted(rows, key=str)
    assert diff(conn, 2, 2) == []


def test_a_document_that_is_not_in_force_nor_valid_is_compared_as_well(conn):
    wanted = {"daily_limit": "many", "hourly_limit": None, "per_source": {}, "over_limit": "wait"}
    assert diff(conn, None, None, Jsonb(wanted), key="proposal_caps") == [("daily_limit", 100, "many")]
    put(conn, {"daily_limit": 7}, "proposal_caps")
    assert diff(conn, 1, None, Jsonb(wanted), key="proposal_caps") == [("daily_limit", 100, "many")]


def test_the_first_version_is_compared_with_nothing(conn):
    put(conn, {"a": 1})
    assert diff(conn) == [("a", None, 1)]


def test_a_version_that_is_not_there_is_named(conn):
    put(conn, {"a": 1})
    assert refused(conn, "OP080", "select fn_diff_policy('our_own', 1, 7)")["last_version"] == 1
    assert refused(conn, "OP080", "select fn_rollback_policy('our_own')")["version"] == 0
    refused(conn, "OP002", "select fn_diff_policy('nothing')")
    refused(conn, "OP002", "select fn_rollback_policy('nothing', 1)")
    refused(conn, "OP018", "select fn_diff_policy('our_own', 1, 1, '{}')")


def test_taking_back_is_a_new_version_with_the_old_value_and_a_reason(conn):
    put(conn, {"a": 1})
    put(conn, {"a": 2})
    assert conn.execute("select fn_rollback_policy('our_own', null, 'ada')").fetchone() == (3,)
    rows = conn.execute(
        "select version, value, changed_by, reason from fn_policy_history('our_own')"
    ).fetchall()
    assert rows[0] == (3, {"a": 1}, "ada", "back to version 1")
    assert conn.execute("select fn_rollback_policy('our_own', 2, 'ada', 'it was right')").fetchone() == (4,)
    assert conn.execute("select value, reason from fn_policy_history('our_own', 1)").fetchone() == (
        {"a": 2},
        "it was right",
    )


def test_taking_back_to_what_is_in_force_makes_no_version(conn):
    put(conn, {"a": 1})
    assert conn.execute("select fn_rollback_policy('our_own', 1)").fetchone() == (1,)


def test_a_version_that_is_no_longer_valid_is_refused_with_every_fault(conn):
    conn.execute(
        """insert into ops_policy_history (key, version, value, changed_by)
           values ('proposal_caps', 2, '{"daily_limit": -1, "dayly": 3}', 'an older opsloop')"""
    )
    detail = refused(conn, "OP017", "select fn_rollback_policy('proposal_caps', 2)")
    assert sorted(fault.split(":")[0] for fault in detail["faults"]) == ["daily_limit", "dayly"]
    assert conn.execute("select version from ops_policy where key = 'proposal_caps'").fetchone() == (1,)
