"""What the rights are made of: row level security, views, and what others have granted or would have."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg import sql

from logins import ROLES, Logins, sqlstate
from opsloop import migrate

DENIED = "42501"
SUPABASE = ("anon", "authenticated", "service_role")


def test_row_level_security_is_on_for_every_table_and_views_show_what_their_reader_may_see(conn):
    without = conn.execute(
        """select c.relname from pg_class c
            where c.relnamespace = 'opsloop'::regnamespace and c.relname not like '%yoyo\\_opsloop\\_%'
              and (c.relkind in ('r', 'p') and not c.relrowsecurity
                   or c.relkind = 'v' and not 'security_invoker=true' = any (coalesce(c.reloptions, '{}')))"""
    ).fetchall()
    assert without == []
    policies = conn.execute(
        """select c.relname from pg_class c
             left join pg_policy y on y.polrelid = c.oid and y.polname = 'opsloop_read' and y.polcmd = 'r'
            where c.relnamespace = 'opsloop'::regnamespace and c.relkind in ('r', 'p')
              and c.relname not like '%yoyo\\_opsloop\\_%' and cardinality(y.polroles) is distinct from 5
            order by 1"""
    ).fetchall()
    # Digests of secrets are for nobody.
    assert policies == [("ops_api_keys",), ("ops_sign_ins",)]


def test_a_right_granted_on_a_table_by_hand_shows_no_rows(conn, people):
    stranger = people.make()
    name = sql.Identifier(stranger)
    conn.execute(sql.SQL("grant usage on schema opsloop to {}").format(name))
    conn.execute(sql.SQL("grant all on ops_policy, ops_policy_audit to {}").format(name))
    session = people.open(stranger)
    assert session.execute("select count(*) from ops_policy").fetchone() == (0,)
    assert session.execute("update ops_policy set value = '{}'").rowcount == 0
    assert sqlstate(session.execute, "insert into ops_policy (key, value) values ('x', '{}')") in (
        DENIED,
        "OP017",
    )
    # The view asks for the reader's own rights.
    assert sqlstate(session.execute, "select * from ops_policy_audit") == DENIED
    conn.execute(sql.SQL("grant opsloop_reader to {}").format(name))
    assert session.execute("select count(*) from ops_policy").fetchone() != (0,)
    assert session.execute("select count(*) from ops_policy_audit").fetchone() != (0,)


def test_a_policy_of_ones_own_outlives_the_next_load(conn, dsn, people):
    editor = people.make()
    name = sql.Identifier(editor)
    conn.execute(sql.SQL("grant usage on schema opsloop to {}").format(name))
    conn.execute(sql.SQL("grant select, update on ops_policy to {}").format(name))
    conn.execute(sql.SQL("create policy editors on ops_policy to {} using (true)").format(name))
    migrate.apply_rights(dsn)
    session = people.open(editor)
    assert session.execute("update ops_policy set value = '{}' where key = 'proposal_caps'").rowcount == 1


def test_what_was_granted_to_the_five_beyond_the_list_is_taken_back(conn, dsn):
    conn.execute("grant all on ops_policy, ops_queue to opsloop_operator with grant option")
    conn.execute("grant execute on function fn_set_policy to opsloop_operator, opsloop_producer")
    conn.execute("revoke select on ops_missions from opsloop_reader")
    migrate.apply_rights(dsn)
    rights = conn.execute(
        """select has_table_privilege('opsloop_operator', 'ops_policy', 'insert, update, delete, truncate'),
                  has_table_privilege('opsloop_operator', 'ops_policy', 'select with grant option'),
                  has_table_privilege('opsloop_operator', 'ops_policy', 'select'),
                  has_function_privilege('opsloop_producer', 'fn_set_policy(text, jsonb, text, integer, text)',
                                         'execute'),
                  has_table_privilege('opsloop_reader', 'ops_missions', 'select')"""
    ).fetchone()
    assert rights == (False, False, True, False, True)


def test_only_the_owner_applies_rights(dsn, people):
    name = people.make("admin")
    with pytest.raises(Exception, match=r"OPS_015|OPS_013"):
        migrate.apply_rights(people.dsn_of(name))


def test_row_level_security_costs_the_loops_own_routines_nothing(conn):
    """The owner's plans are what they would be without: no filter, nothing to ask."""
    statement = (
        "select status from ops_mission_steps where id = any ('{00000000-0000-0000-0000-000000000000}')"
    )
    conn.execute("set enable_seqscan = off")
    explain = "explain (costs off) " + statement
    bound = conn.execute(explain).fetchall()
    conn.execute("alter table ops_mission_steps disable row level security")
    assert conn.execute(explain).fetchall() == bound


def test_the_plan_of_a_reader_has_no_filter_either(conn, people):
    reader = people.session("reader")
    statement = "explain (costs off) select * from ops_mission_steps"
    assert reader.execute(statement).fetchall() == [("Seq Scan on ops_mission_steps",)]


# A database that gives everything to everybody from the start, as Supabase does


@pytest.fixture
def supabase(empty_dsn: str) -> Iterator[Logins]:
    """Default privileges grant all on what is made in `public` to three roles; then opsloop is deployed there."""
    people = Logins(empty_dsn, "public")
    try:
        with psycopg.connect(empty_dsn, autocommit=True) as conn:
            names = sql.SQL(", ").join(map(sql.Identifier, SUPABASE))
            people.make(name="anon")
            people.make(name="authenticated")
            people.make(name="service_role", attributes="bypassrls")
            conn.execute(sql.SQL("grant usage on schema public to {}").format(names))
            for what in ("tables", "functions", "sequences"):
                conn.execute(
                    sql.SQL("alter default privileges in schema public grant all on {} to {}").format(
                        sql.SQL(what), names
                    )
                )
        migrate.migrate(empty_dsn, "public")
        migrate.seed(empty_dsn, "public")
        yield people
    finally:
        people.close()


def rights_of(conn: psycopg.Connection[Any], role: str) -> list[Any]:
    """What a role, or everybody, was granted on something in `public`."""
    return conn.execute(
        """select o.name, a.privilege_type
             from (select proname as name, coalesce(proacl, acldefault('f', proowner)) as acl
                     from pg_proc where pronamespace = 'public'::regnamespace
                   union all
                   select relname, relacl from pg_class where relnamespace = 'public'::regnamespace) o
            cross join lateral aclexplode(o.acl) a
            where a.grantee in (0, %s::regrole)""",
        (role,),
    ).fetchall()


def test_anon_and_authenticated_get_nothing_and_service_role_what_it_is_granted(supabase, empty_dsn):
    with psycopg.connect(empty_dsn, autocommit=True, options="-c search_path=public") as conn:
        conn.execute("select _ensure_lanes(array['later'], array[0::smallint])")  # makes a sequence
        for role in SUPABASE:
            assert rights_of(conn, role) == [], role
        for role in SUPABASE:
            session = supabase.open(role)
            assert sqlstate(session.execute, "select * from ops_policy") == DENIED
            assert sqlstate(session.execute, "select fn_emit_event('a:b')") == DENIED
            assert sqlstate(session.execute, "select * from fn_approve_proposal(gen_random_uuid())") == DENIED

        conn.execute("grant public_producer to service_role")
        session = supabase.open("service_role")
        assert sqlstate(session.execute, "select fn_emit_event('a:b')") is None
        assert sqlstate(session.execute, "select * from ops_policy") is None
        assert sqlstate(session.execute, "update ops_policy set value = '{}'") == DENIED
        assert sqlstate(session.execute, "select * from fn_approve_proposal(gen_random_uuid())") == DENIED
        assert rights_of(conn, "anon") == []

        conn.execute("revoke public_producer from service_role")
        migrate.rollback(empty_dsn, "public")
        for role in ROLES:
            conn.execute(f"drop role public_{role}")


def test_the_tables_of_the_runner_are_the_owners_alone(supabase, empty_dsn):
    with psycopg.connect(empty_dsn) as conn:
        held = conn.execute(
            """select c.relname from pg_class c cross join lateral aclexplode(c.relacl) a
                where c.relname like '%yoyo%' and c.relkind in ('r', 'S') and a.grantee <> c.relowner"""
        ).fetchall()
    assert held == []
