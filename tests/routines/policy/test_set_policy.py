"""Setting a policy document: versions, history, who did it, and what happens when two do."""

import json

import psycopg
import pytest
from psycopg.types.json import Jsonb

from support import run, wait_until_blocked

CAPS = {"daily_limit": 7}


def set_policy(conn, key, value, actor=None, expected=None):
    return conn.execute(
        "select fn_set_policy(%s, %s, %s, %s)", (key, Jsonb(value), actor, expected)
    ).fetchone()[0]


def get_policy(conn, key):
    return conn.execute("select fn_get_policy(%s)", (key,)).fetchone()[0]


def version(conn, key):
    return conn.execute("select version from ops_policy where key = %s", (key,)).fetchone()[0]


def history(conn, key):
    return conn.execute(
        "select version, value, changed_by, changed_login from fn_policy_history(%s, null) order by version",
        (key,),
    ).fetchall()


def assert_refused(code, call):
    with pytest.raises(psycopg.DatabaseError) as refused:
        call()
    assert refused.value.sqlstate == code, refused.value
    assert refused.value.diag.message_primary.startswith(f"OPS_{code[2:]}: ")
    assert refused.value.diag.message_hint
    return json.loads(refused.value.diag.message_detail)


def test_a_document_is_in_force_at_once_and_its_version_comes_back(conn):
    assert set_policy(conn, "proposal_caps", CAPS) == 2
    assert get_policy(conn, "proposal_caps") == CAPS
    assert version(conn, "proposal_caps") == 2


def test_the_first_version_of_a_new_document_is_one(conn):
    assert set_policy(conn, "our_own", {"a": 1}, expected=0) == 1
    assert history(conn, "our_own")[0][:2] == (1, {"a": 1})


def test_a_new_document_needs_no_expected_version(conn):
    assert set_policy(conn, "our_own", {}) == 1


def test_the_history_says_who_claimed_to_do_it_and_which_login_did(conn):
    set_policy(conn, "proposal_caps", CAPS, actor="ada")
    login = conn.execute("select session_user::text").fetchone()[0]
    assert history(conn, "proposal_caps")[-1] == (2, CAPS, "ada", login)


def test_without_an_actor_it_is_the_login(conn):
    set_policy(conn, "proposal_caps", CAPS)
    login = conn.execute("select session_user::text").fetchone()[0]
    assert history(conn, "proposal_caps")[-1][2] == login
    assert (
        conn.execute("select updated_by from ops_policy where key = 'proposal_caps'").fetchone()[0] == login
    )


def test_a_document_that_is_in_force_already_makes_no_version(conn):
    set_policy(conn, "proposal_caps", CAPS)
    assert set_policy(conn, "proposal_caps", CAPS, actor="ada") == 2
    assert [v for v, *_ in history(conn, "proposal_caps")] == [1, 2]
    assert conn.execute(
        "select count(*) from ops_audit_log where action = 'set_policy' and actor = 'ada'"
    ).fetchone() == (0,)


def test_a_number_that_is_written_differently_is_another_document(conn):
    set_policy(conn, "our_own", {"share": 1})
    assert conn.execute("select fn_set_policy('our_own', '{\"share\": 1.0}')").fetchone() == (2,)


def test_the_reason_is_kept_in_the_history_and_in_the_audit_log(conn):
    conn.execute("select fn_set_policy('proposal_caps', %s, 'ada', null, 'a busy week')", (Jsonb(CAPS),))
    assert conn.execute("select version, reason from fn_policy_history('proposal_caps')").fetchall() == [
        (2, "a busy week"),
        (1, None),
    ]
    assert conn.execute(
        "select reason from ops_audit_log where action = 'set_policy' order by created_at desc limit 1"
    ).fetchone() == ("a busy week",)


def test_the_audit_view_shows_before_and_after(conn):
    before = get_policy(conn, "proposal_caps")
    set_policy(conn, "proposal_caps", CAPS, actor="ada")
    assert conn.execute(
        "select old_value, new_value, changed_by from ops_policy_audit"
        " where policy_key = 'proposal_caps' order by changed_at desc limit 1"
    ).fetchone() == (before, CAPS, "ada")


def test_an_outdated_expected_version_is_refused_and_changes_nothing(conn):
    set_policy(conn, "proposal_caps", CAPS)
    detail = assert_refused(
        "OP011", lambda: set_policy(conn, "proposal_caps", {"daily_limit": 8}, expected=1)
    )
    assert detail == {"key": "proposal_caps", "version": 2, "expected_version": 1}
    assert get_policy(conn, "proposal_caps") == CAPS
    assert len(history(conn, "proposal_caps")) == 2


@pytest.mark.parametrize("expected", [1, 5])
def test_a_document_that_is_not_there_has_version_zero(conn, expected):
    detail = assert_refused("OP011", lambda: set_policy(conn, "our_own", {}, expected=expected))
    assert detail["version"] == 0


def test_expecting_none_of_a_document_that_is_there_is_refused(conn):
    assert_refused("OP011", lambda: set_policy(conn, "proposal_caps", CAPS, expected=0))


def test_a_faulty_document_is_refused_with_every_fault_and_changes_nothing(conn):
    before = get_policy(conn, "proposal_caps")
    detail = assert_refused(
        "OP017", lambda: set_policy(conn, "proposal_caps", {"daily_limt": 1, "hourly_limit": -1})
    )
    assert detail["key"] == "proposal_caps"
    assert [fault.split(":")[0] for fault in detail["faults"]] == ["daily_limt", "hourly_limit"]
    assert get_policy(conn, "proposal_caps") == before
    assert version(conn, "proposal_caps") == 1


@pytest.mark.parametrize("key", ["", None])
def test_a_document_needs_a_name(conn, key):
    assert_refused("OP018", lambda: set_policy(conn, key, {}))


def test_a_document_that_is_not_there_cannot_be_read(conn):
    assert assert_refused("OP002", lambda: get_policy(conn, "nothing")) == {"key": "nothing"}
    assert_refused("OP002", lambda: history(conn, "nothing"))


def test_the_history_can_be_cut_short(conn):
    set_policy(conn, "proposal_caps", CAPS)
    rows = conn.execute("select version from fn_policy_history('proposal_caps', 1)").fetchall()
    assert rows == [(2,)]
    assert_refused("OP018", lambda: conn.execute("select * from fn_policy_history('proposal_caps', 0)"))


def test_the_epoch_rises_with_every_change_of_a_document_that_judges_steps(conn):
    def epoch():
        return conn.execute("select _policy_generation()").fetchone()[0]

    seen = [epoch()]
    set_policy(conn, "auto_approve", {"enabled": False})
    seen.append(epoch())
    set_policy(conn, "worker_policy", {})
    seen.append(epoch())
    conn.execute("update ops_policy set value = '{\"max_retries\": 5}' where key = 'worker_policy'")
    seen.append(epoch())
    assert seen == sorted(set(seen))


def test_a_document_that_judges_no_steps_leaves_the_epoch_alone(conn):
    before = conn.execute("select _policy_generation()").fetchone()
    set_policy(conn, "proposal_caps", CAPS)
    set_policy(conn, "our_own", {})
    assert conn.execute("select _policy_generation()").fetchone() == before


def test_it_works_where_there_are_no_triggers(conn):
    conn.execute("alter table ops_policy disable trigger user")
    assert set_policy(conn, "proposal_caps", CAPS, actor="ada") == 2
    assert set_policy(conn, "our_own", {}, actor="ada") == 1
    assert history(conn, "proposal_caps")[-1][:3] == (2, CAPS, "ada")
    assert history(conn, "our_own")[-1][:3] == (1, {}, "ada")


def test_of_two_with_the_same_expected_version_one_wins_and_the_other_is_told(conn, connect):
    first, second = connect(autocommit=False), connect()
    assert set_policy(first, "proposal_caps", {"daily_limit": 1}, "first", 1) == 2
    waiting = run(
        second,
        "select fn_set_policy(%s, %s, %s, %s)",
        ("proposal_caps", Jsonb({"daily_limit": 2}), "second", 1),
    )
    wait_until_blocked(conn, second)
    first.commit()
    assert_refused("OP011", waiting.result)
    assert [(v, by) for v, _, by, _ in history(conn, "proposal_caps")] == [(1, "seed"), (2, "first")]


def test_the_second_wins_when_the_first_takes_it_back(conn, connect):
    first, second = connect(autocommit=False), connect()
    set_policy(first, "proposal_caps", {"daily_limit": 1}, "first", 1)
    waiting = run(
        second,
        "select fn_set_policy(%s, %s, %s, %s)",
        ("proposal_caps", Jsonb({"daily_limit": 2}), "second", 1),
    )
    wait_until_blocked(conn, second)
    first.rollback()
    assert waiting.result() == [(2,)]
    assert get_policy(conn, "proposal_caps") == {"daily_limit": 2}


def test_of_two_without_expectations_both_get_a_version(conn, connect):
    first, second = connect(autocommit=False), connect()
    set_policy(first, "proposal_caps", {"daily_limit": 1})
    waiting = run(second, "select fn_set_policy('proposal_caps', '{\"daily_limit\": 2}')")
    wait_until_blocked(conn, second)
    first.commit()
    assert waiting.result() == [(3,)]
    assert [v for v, *_ in history(conn, "proposal_caps")] == [1, 2, 3]


@pytest.mark.parametrize(("expected", "outcome"), [(0, "OP011"), (None, 2)])
def test_of_two_that_set_the_first_version_one_makes_it(conn, connect, expected, outcome):
    first, second = connect(autocommit=False), connect()
    assert set_policy(first, "our_own", {"by": "first"}, expected=expected) == 1
    waiting = run(second, "select fn_set_policy('our_own', '{\"by\": \"second\"}', null, %s)", (expected,))
    wait_until_blocked(conn, second)
    first.commit()
    if outcome == 2:
        assert waiting.result() == [(2,)]
    else:
        assert_refused(outcome, waiting.result)
    assert [v for v, *_ in history(conn, "our_own")] == list(range(1, version(conn, "our_own") + 1))


def test_a_change_by_hand_waits_for_fn_set_policy_and_gets_the_next_version(conn, connect):
    first, second = connect(autocommit=False), connect()
    set_policy(first, "proposal_caps", {"daily_limit": 1})
    waiting = run(
        second,
        "update ops_policy set value = jsonb_set(value, '{hourly_limit}', '5') where key = 'proposal_caps'"
        " returning version",
    )
    wait_until_blocked(conn, second)
    first.commit()
    assert waiting.result() == [(3,)]
    assert get_policy(conn, "proposal_caps") == {"daily_limit": 1, "hourly_limit": 5}
    assert [v for v, *_ in history(conn, "proposal_caps")] == [1, 2, 3]
