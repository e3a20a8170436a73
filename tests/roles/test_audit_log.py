"""Nobody but a session that may act as the owner changes or removes rows of the audit log, by whatever way."""

import psycopg
import pytest

from logins import sqlstate

CHANGES = [
    "update ops_audit_log set reason = 'another'",
    "update ops_audit_log set reason = 'another' where false",
    "delete from ops_audit_log",
    "delete from ops_control_log",
    "truncate ops_audit_log",
]


@pytest.mark.parametrize("statement", CHANGES)
@pytest.mark.parametrize("role", ["operator", "admin"])
def test_the_five_have_no_right_to(people, role, statement):
    assert sqlstate(people.session(role).execute, statement) == "42501"


@pytest.mark.parametrize("statement", CHANGES)
def test_a_login_that_was_given_the_rights_is_refused_all_the_same(loop, people, statement):
    name = people.make("admin")
    loop.do(f"grant select, update, delete, truncate on ops_audit_log to {name}")
    loop.do(f"grant select, delete on ops_control_log to {name}")
    before = loop.contents()
    assert sqlstate(people.open(name).execute, statement) == "OP015"
    assert loop.contents() == before


def test_a_definer_routine_of_the_owner_does_not_lend_its_right(loop, people):
    loop.do(
        "create function tidy() returns void language sql security definer set search_path from current"
        " as 'delete from ops_audit_log'"
    )
    name = people.make("operator")
    loop.do(f"grant execute on function tidy() to {name}")
    before = loop.contents()
    assert sqlstate(people.open(name).execute, "select tidy()") == "OP015"
    assert loop.contents() == before
    loop.rows("select tidy()")
    assert loop.rows("select * from ops_audit_log") == []


def test_the_refusal_says_what_to_do(loop, people):
    name = people.make("admin")
    loop.do(f"grant delete on ops_audit_log to {name}")
    with pytest.raises(psycopg.Error, match=r"OPS_015: login .* may not delete the audit log") as refused:
        people.open(name).execute("delete from ops_audit_log")
    assert "owner of the schema" in refused.value.diag.message_hint


def test_every_row_keeps_the_login_that_did_it(loop, people):
    name = people.make("operator")
    people.open(name).execute("select fn_pause('all', null, 'ada')")
    (row,) = loop.rows("select login, actor from ops_audit_log where action = 'pause'")
    assert row == {"login": name, "actor": "ada"}


def test_what_retention_says_is_old_goes_by_the_heartbeat_of_a_worker_and_nothing_younger(loop, people):
    loop.value("select fn_pause('all', null, 'ada')")
    loop.value("select fn_set_policy('retention', %s)", {"history_days": 30})
    name = people.make("worker")
    loop.do(f"grant select, delete on ops_audit_log to {name}")
    loop.do(f"create policy tidy on ops_audit_log to {name} using (true)")
    session = people.open(name)
    assert sqlstate(session.execute, "delete from ops_audit_log") == "OP015"
    loop.do("update ops_audit_log set created_at = now() - interval '31 days' where action = 'pause'")
    assert sqlstate(session.execute, "delete from ops_audit_log") == "OP015"
    assert session.execute("select (fn_heartbeat() ->> 'ok')::boolean").fetchone() == (True,)
    assert {r["action"] for r in loop.rows("select action from ops_audit_log")} == {"set_policy"}
