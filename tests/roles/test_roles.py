"""What each role may do is what docs/roles.md says: tried as real logins, every function and every table."""

from collections.abc import Iterator

import psycopg
import pytest
from psycopg import sql

from logins import ROLES, Logins, logins, sqlstate
from roles.matrix import FUNCTIONS, TABLES

DENIED = "42501"
NOBODY = ["nobody", "anon", "authenticated", "service_role"]
WRITES = {
    "insert": "insert into {} default values",
    "update": "update {} set {column} = {column}",
    "delete": "delete from {}",
    "truncate": "truncate {}",
    "lock": "lock table {} in access exclusive mode",
}


@pytest.fixture(scope="module")
def people(shared_dsn: str) -> Iterator[Logins]:
    """One login per role, one without, and the three of Supabase."""
    with logins(shared_dsn) as made:
        yield made


@pytest.fixture(scope="module")
def sessions(people):
    """Role → a session of a login that is a member of it and of nothing else."""
    opened = {role: people.session(role) for role in ROLES}
    for role in NOBODY:
        opened[role] = people.open(people.make(name=f"opsloop_test_{role}"))
    for session in opened.values():
        session.autocommit = False
        session.execute("set statement_timeout = '20s'; set lock_timeout = '10s'")
        session.commit()
    return opened


@pytest.fixture(scope="module")
def catalogue(shared_dsn):
    """The functions with the number of their arguments, and the relations with a column each."""
    with psycopg.connect(shared_dsn) as conn:
        functions = dict(
            conn.execute(
                """select proname, pronargs from pg_proc
                    where pronamespace = 'opsloop'::regnamespace and proname like 'fn\\_%'"""
            ).fetchall()
        )
        relations = {
            name: (kind, column)
            for name, kind, column in conn.execute(
                """select c.relname, c.relkind::text, a.attname from pg_class c
                     join pg_attribute a on a.attrelid = c.oid and a.attnum = 1
                    where c.relnamespace = 'opsloop'::regnamespace and c.relkind in ('r', 'p', 'v', 'm')"""
            ).fetchall()
        }
        internal = [
            (name, count)
            for name, count in conn.execute(
                """select proname, pronargs from pg_proc
                    where pronamespace = 'opsloop'::regnamespace and proname like '\\_%'
                      and prorettype <> 'trigger'::regtype"""
            ).fetchall()
        ]
    return functions, relations, internal


def call(session, name, count):
    """Calls a function with nulls; whatever it does is rolled back."""
    statement = sql.SQL("select * from opsloop.{}({})").format(
        sql.Identifier(name), sql.SQL(", ").join([sql.SQL("null")] * count)
    )
    try:
        return sqlstate(session.execute, statement)
    finally:
        session.rollback()


def test_every_function_and_every_table_is_in_the_matrix(catalogue):
    functions, relations, _ = catalogue
    assert set(functions) == set(FUNCTIONS)
    assert set(relations) == set(TABLES)


@pytest.mark.parametrize("role", [*ROLES, *NOBODY])
def test_a_role_may_call_exactly_the_functions_that_the_matrix_says(sessions, catalogue, role):
    functions, _, _ = catalogue
    may = {name: call(sessions[role], name, count) != DENIED for name, count in functions.items()}
    assert may == {name: FUNCTIONS[name].get(role) == "yes" for name in functions}


@pytest.mark.parametrize("role", [*ROLES, *NOBODY])
def test_no_role_may_call_an_internal_routine(sessions, catalogue, role):
    _, _, internal = catalogue
    assert [name for name, count in internal if call(sessions[role], name, count) != DENIED] == []


@pytest.mark.parametrize("role", [*ROLES, *NOBODY])
def test_a_role_may_read_what_the_matrix_says_and_write_nothing(sessions, catalogue, role):
    _, relations, _ = catalogue
    session = sessions[role]
    found = {}
    for name, (kind, column) in relations.items():
        given = {"column": sql.Identifier(column)}
        table = sql.Identifier("opsloop", name)
        read = session_refuses(session, sql.SQL("select * from {} limit 1").format(table))
        found[name] = "read" if read != DENIED else ""
        if kind != "v":
            wrote = [
                what
                for what, write in WRITES.items()
                if session_refuses(session, sql.SQL(write).format(table, **given)) != DENIED
            ]
            assert wrote == [], name
        rights = "insert, update, delete, truncate, references, trigger"
        held = session.execute(
            """select has_table_privilege(c.oid, %s) from pg_class c
                    where c.relnamespace = 'opsloop'::regnamespace and c.relname = %s""",
            (rights, name),
        )
        assert held.fetchone() == (False,), name
        session.rollback()
    assert found == {name: TABLES[name].get(role, "") for name in relations}


def session_refuses(session, statement):
    try:
        return sqlstate(session.execute, statement)
    finally:
        session.rollback()


def test_nobody_has_a_right_on_a_sequence(people):
    rows = people._admin.execute(
        """select c.relname, r.rolname from pg_class c, pg_roles r
            where c.relnamespace = 'opsloop'::regnamespace and c.relkind = 'S' and r.rolname like 'opsloop\\_%'
              and has_sequence_privilege(r.oid, c.oid, 'usage, select, update')"""
    ).fetchall()
    assert rows == []
