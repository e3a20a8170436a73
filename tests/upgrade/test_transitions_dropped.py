"""What the hardening runbook takes back comes back by a reload; a table from its plan is met with what to do."""

import psycopg
import pytest

from looping import Loop
from opsloop import migrate
from opsloop.errors import ForeignObject
from tracked import directive, move

PRINTED = "DROP FUNCTION IF EXISTS fn_atomic_exec_to_plan_transition(TEXT, TEXT, TEXT, TEXT);"


def test_the_printed_drop_drops_ours_nothing_stands_in_for_it_and_a_reload_brings_it_back(dsn, connect):
    loop = Loop(connect())
    directive(loop)
    loop.conn.execute(PRINTED)
    says = loop.value("select fn_capabilities()")
    assert says["missing"] == ["fn_atomic_exec_to_plan_transition(text, text, text, text)"]
    assert says["available"] == {"atomic_transitions": False, "handoffs": True, "sub_agents": True}
    with pytest.raises(psycopg.errors.UndefinedFunction):
        loop.value("select fn_atomic_exec_to_plan_transition('d1')")
    assert loop.value("select current_phase from strategic_directives") == "EXEC_IMPLEMENTATION"
    loop.do("update opsloop_schema_change set code_digest = 'other' where code_digest is not null")
    migrate.migrate(dsn)
    assert loop.value("select fn_capabilities() -> 'complete'") is True
    assert loop.value("select fn_atomic_exec_to_plan_transition('d1')")["success"]
    assert move(loop)["code"] == "OPS_072"


def test_a_table_that_somebody_made_from_the_plan_is_left_alone_and_the_refusal_says_what_to_do(empty_dsn):
    with psycopg.connect(empty_dsn, autocommit=True) as conn:
        conn.execute(
            "create table public.sd_transition_audit (id uuid primary key default gen_random_uuid(), sd_id uuid)"
        )
        conn.execute("insert into public.sd_transition_audit default values")
        with pytest.raises(ForeignObject) as refused:
            migrate.migrate(empty_dsn, "public")
        assert "sd_transition_audit" in str(refused.value.detail) + str(refused.value)
        assert "rename" in refused.value.hint or "schema" in refused.value.hint
        assert conn.execute("select count(*) from public.sd_transition_audit").fetchone() == (1,)


def test_what_lacks_a_table_or_an_inner_routine_is_not_available(connect):
    loop = Loop(connect())
    loop.conn.execute("drop table sd_session_claims")
    says = loop.value("select fn_capabilities()")
    assert (says["complete"], says["missing"]) == (False, ["sd_session_claims"])
    assert says["available"] == {"atomic_transitions": False, "handoffs": False, "sub_agents": True}
    loop.conn.execute("drop function _move_directive")
    assert not any(loop.value("select fn_capabilities() -> 'available'").values())
