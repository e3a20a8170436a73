"""fn_end_session ends a session that is in the way, and no other."""

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from looping import Loop, step

Connect = Callable[..., psycopg.Connection[Any]]


def test_a_session_that_holds_rows_is_ended_and_that_is_on_record(
    conn: psycopg.Connection[Any], connect: Connect
) -> None:
    loop = Loop(conn)
    loop.mission(step("a"))
    other = connect()
    other.autocommit = False
    other.execute("update ops_missions set title = 'never'")
    pid = other.info.backend_pid
    assert f"session {pid} of " in loop.value("select fn_end_session(%s, 'ann', 'in the way')", pid)
    with pytest.raises(psycopg.OperationalError):
        other.execute("select 1")
    assert loop.row("select title from ops_missions")["title"] == "a test"
    entry = loop.row("select * from ops_audit_log where action = 'end session'")
    assert (entry["subject_id"], entry["actor"], entry["reason"]) == (str(pid), "ann", "in the way")


def test_a_session_that_holds_nothing_of_the_loop_is_left_alone(
    conn: psycopg.Connection[Any], connect: Connect
) -> None:
    loop = Loop(conn)
    other = connect()
    other.autocommit = False
    other.execute("select * from ops_missions")
    loop.refused("097", "select fn_end_session(%s)", other.info.backend_pid)
    assert other.execute("select 1").fetchall() == [(1,)]


@pytest.mark.parametrize("pid", ["null", "0", "-5", "pg_backend_pid()"])
def test_a_pid_that_cannot_be_is_refused(loop: Loop, pid: str) -> None:
    loop.refused("018", f"select fn_end_session({pid})")


def test_a_process_that_is_none_of_ours(loop: Loop) -> None:
    loop.refused("097", "select fn_end_session(2147483647)")
