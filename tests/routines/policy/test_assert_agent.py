"""fn_assert_agent: which logins may be handed to an agent, judged by what they may do, not by their names."""

import json
from collections.abc import Iterator

import psycopg
import pytest
from psycopg import sql

from looping import Loop

PRODUCES = """
  select proname from pg_proc
   where pronamespace = 'opsloop'::regnamespace and has_function_privilege('opsloop_producer', oid, 'execute')"""


def grant(loop: Loop, role: str, *functions: str) -> None:
    """Let a role use the schema and call these functions."""
    loop.conn.execute(sql.SQL("grant usage on schema opsloop to {}").format(sql.Identifier(role)))
    for name in functions:
        signature = loop.value("select %s::regproc::oid::regprocedure::text", name)
        loop.conn.execute(
            sql.SQL(f"grant execute on function {signature} to {{}}").format(sql.Identifier(role))
        )


@pytest.fixture
def agent(loop: Loop) -> Iterator[Loop]:
    """A session of a login that may produce and nothing else; gone after the test, as all it did."""
    loop.conn.execute("create role an_agent login; create role other nologin")
    grant(loop, "an_agent", *(row["proname"] for row in loop.rows(PRODUCES)))
    yield loop
    loop.conn.execute("reset session authorization")


def refused(loop: Loop, role: str = "planner") -> list[str]:
    """What the login may do too much."""
    loop.conn.execute("set session authorization an_agent")
    with pytest.raises(Exception, match="OPS_015") as raised, loop.savepoint():
        loop.value("select fn_assert_agent(%s)", role)
    loop.conn.execute("reset session authorization")
    assert raised.value.diag.message_hint  # type: ignore[attr-defined]
    may = json.loads(raised.value.diag.message_detail)["may"]  # type: ignore[attr-defined]
    assert isinstance(may, list)
    return may


def test_a_login_that_may_only_produce_may_be_handed_to_an_agent(agent: Loop) -> None:
    agent.conn.execute("set session authorization an_agent")
    assert agent.value("select fn_assert_agent('planner')") == ""


@pytest.mark.parametrize("name", ["fn_approve_proposal", "fn_set_policy", "fn_claim_steps", "fn_retry_step"])
def test_a_login_that_may_decide_set_policy_or_lease_may_not(agent: Loop, name: str) -> None:
    grant(agent, "an_agent", name)
    assert refused(agent) == [name]


def test_what_a_role_may_counts_for_its_members_also_when_they_do_not_inherit_it(agent: Loop) -> None:
    grant(agent, "other", "fn_approve_proposal")
    agent.conn.execute("alter role an_agent noinherit; grant other to an_agent")
    assert refused(agent) == ["fn_approve_proposal"]


@pytest.mark.parametrize(
    "privilege",
    ["update (status) on ops_mission_proposals", "insert on ops_policy", "truncate on ops_missions"],
)
def test_a_login_that_may_write_a_table_may_not(agent: Loop, privilege: str) -> None:
    agent.conn.execute(sql.SQL(f"grant {privilege} to an_agent"))
    assert refused(agent) == [privilege.rpartition(" ")[2]]


@pytest.mark.parametrize("attribute", ["superuser", "createrole"])
def test_a_login_that_may_make_itself_more_may_not(agent: Loop, attribute: str) -> None:
    agent.conn.execute(sql.SQL(f"alter role an_agent {attribute}"))
    assert refused(agent)


def test_a_role_whose_logins_policy_lists_takes_no_other(agent: Loop) -> None:
    agent.value(
        "select fn_set_policy('agent_roles', %s)",
        {"planner": {"logins": ["an_agent"]}, "scribe": {"logins": []}},
    )
    agent.conn.execute("set session authorization an_agent")
    assert agent.value("select fn_assert_agent('planner')") == ""
    with (
        pytest.raises(psycopg.Error, match="OPS_015: login an_agent may not speak for the role scribe"),
        agent.savepoint(),
    ):
        agent.value("select fn_assert_agent('scribe')")


def test_the_owner_may_not_be_handed_to_an_agent(loop: Loop) -> None:
    detail = loop.refused("015", "select fn_assert_agent('planner')").message_detail
    assert len(json.loads(detail or "")["may"]) == 20


@pytest.mark.parametrize("role", ["nobody", "", None])
def test_a_role_that_policy_does_not_name_is_refused_with_those_it_names(
    loop: Loop, role: str | None
) -> None:
    detail = loop.refused("018", "select fn_assert_agent(%s)", role).message_detail
    assert json.loads(detail or "") == {"roles": ["planner", "operator", "reviewer"]}


def test_roles_directly_at_the_top_of_the_document_count_as_well(loop: Loop) -> None:
    loop.value("select fn_set_policy('agent_roles', %s)", {"scribe": {"model": "m"}, "version": 2})
    detail = loop.refused("018", "select fn_assert_agent('planner')").message_detail
    assert json.loads(detail or "") == {"roles": ["scribe"]}
