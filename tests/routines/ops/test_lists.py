"""fn_list_proposals, fn_list_missions, fn_list_steps, fn_list_radar: for people, newest first, bounded."""

import json
from typing import Any

import psycopg
import pytest

Conn = psycopg.Connection[Any]


def propose(conn: Conn, title: str, risk: str = "low", steps: int = 1) -> Any:
    """Propose a template of that title; returns the proposal's row."""
    template = {"title": title, "risk_level": risk, "steps": [{"kind": "noop"}] * steps}
    return conn.execute("select * from fn_create_proposal(%s)", (json.dumps(template),)).fetchone()


@pytest.fixture
def history(conn: Conn) -> Conn:
    """Two missions with a millisecond between them, and a proposal that waits."""
    for title, risk in (("first", "low"), ("second", "low"), ("big", "high")):
        propose(conn, title, risk, steps=3)
        conn.execute("select pg_sleep(0.002)")
    return conn


def column(conn: Conn, statement: str) -> list[Any]:
    """The first column of what a statement returns."""
    return [row[0] for row in conn.execute(statement.encode()).fetchall()]


def test_missions_come_newest_first(history: Conn) -> None:
    assert column(history, "select title from fn_list_missions()") == ["second", "first"]


def test_proposals_come_newest_first_with_their_template_and_mission(history: Conn) -> None:
    assert column(history, "select title from fn_list_proposals()") == ["big", "second", "first"]
    assert column(history, "select template ->> 'title' from fn_list_proposals(1)") == ["big"]
    assert column(history, "select mission_id is not null from fn_list_proposals()") == [False, True, True]


def test_a_limit_counts_rows(history: Conn) -> None:
    assert column(history, "select title from fn_list_missions(1)") == ["second"]
    assert len(column(history, "select step_id from fn_list_steps(p_limit => 4)")) == 4


def test_a_status_selects(history: Conn) -> None:
    assert column(history, "select title from fn_list_proposals(p_status => 'pending')") == ["big"]
    assert column(history, "select title from fn_list_proposals(p_status => 'rejected')") == []
    assert column(history, "select title from fn_list_missions(p_status => 'succeeded')") == []
    assert set(column(history, "select status from fn_list_steps(p_status => 'blocked')")) == {"blocked"}


def test_the_steps_of_a_mission_come_in_their_order(history: Conn) -> None:
    mission = column(history, "select mission_id from fn_list_missions(1)")[0]
    rows = history.execute("select position, status from fn_list_steps(%s)", (mission,)).fetchall()
    assert rows == [(1, "queued"), (2, "blocked"), (3, "blocked")]
    rows = history.execute("select position from fn_list_steps(%s, 1, 'blocked')", (mission,)).fetchall()
    assert rows == [(2,)]


def test_one_proposal_is_found_by_its_id_whatever_its_age(history: Conn) -> None:
    oldest = column(history, "select proposal_id from fn_list_proposals()")[-1]
    rows = history.execute("select title from fn_list_proposals(p_proposal_id => %s)", (oldest,)).fetchall()
    assert rows == [("first",)]


def test_the_steps_of_an_unknown_mission_are_ops_012(conn: Conn) -> None:
    with pytest.raises(psycopg.DatabaseError) as caught:
        conn.execute("select * from fn_list_steps(gen_random_uuid())")
    assert caught.value.sqlstate == "OP012"


@pytest.mark.parametrize("function", ["fn_list_proposals", "fn_list_missions", "fn_list_steps"])
@pytest.mark.parametrize(
    "arguments", ["p_limit => 0", "p_limit => 1001", "p_limit => null", "p_status => 'asleep'"]
)
def test_what_a_list_cannot_be_asked_is_ops_018(conn: Conn, function: str, arguments: str) -> None:
    with pytest.raises(psycopg.DatabaseError) as caught:
        conn.execute(f"select * from {function}({arguments})".encode())
    assert caught.value.sqlstate == "OP018"
    assert caught.value.diag.message_hint


FILLERS = {
    "ops_missions": "insert into ops_missions (id, status) select _uuid_v7(), 'succeeded'",
    "ops_mission_steps": "insert into ops_mission_steps (id, mission_id, kind, executor, status) "
    "select _uuid_v7(), (select id from ops_missions limit 1), 'noop', 'noop', 'succeeded'",
    "ops_mission_proposals": "insert into ops_mission_proposals (id, source, template, template_digest, status) "
    "select _uuid_v7(), 'x', '{}', 'x', 'rejected'",
}


@pytest.mark.parametrize(
    ("table", "call"),
    [
        ("ops_missions", "fn_list_missions(20, 'failed')"),
        ("ops_mission_steps", "fn_list_steps(null, 20, 'failed')"),
        ("ops_mission_proposals", "fn_list_proposals(20, 'expired')"),
    ],
)
def test_a_status_is_looked_for_among_the_newest_10_000(history: Conn, table: str, call: str) -> None:
    history.execute(f"{FILLERS[table]} from generate_series(1, 30000)".encode())
    history.execute(f"vacuum analyze {table}".encode())

    def rows_read() -> int:
        history.execute("select pg_stat_force_next_flush()")
        history.execute("select pg_stat_clear_snapshot()")
        row = history.execute(
            "select seq_tup_read + coalesce(idx_tup_fetch, 0) from pg_stat_user_tables where relid = %s::regclass",
            (table,),
        ).fetchone()
        assert row is not None
        return int(row[0])

    before = rows_read()
    history.execute(f"select * from {call}".encode())
    assert rows_read() - before <= 10_050


def test_one_mission_is_asked_for_by_its_id(history: Conn) -> None:
    (mission,) = column(history, "select mission_id from fn_list_missions(1)")
    row = history.execute("select title from fn_list_missions(p_mission_id => %s)", (mission,)).fetchall()
    assert row == [("second",)]
    assert column(history, "select title from fn_list_missions(p_mission_id => gen_random_uuid())") == []


def test_the_radar_comes_with_the_highest_score_first_and_ideas_without_one_last(conn: Conn) -> None:
    ideas = [
        {"title": "unscored"},
        {"title": "good", "score": 2},
        {"title": "best", "score": 9.5, "status": "building"},
    ]
    conn.execute("select fn_radar_upsert(%s)", (json.dumps(ideas),))
    assert column(conn, "select title from fn_list_radar()") == ["best", "good", "unscored"]
    assert column(conn, "select title from fn_list_radar(2)") == ["best", "good"]
    assert column(conn, "select title from fn_list_radar(p_status => 'building')") == ["best"]
    with pytest.raises(psycopg.Error, match="OPS_018"):
        conn.execute("select fn_list_radar(p_status => 'nowhere')")
