"""How roles come into being: by whoever may make them, before or after, for several loops, and what takes them back."""

import secrets
import subprocess
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from databases import Databases
from logins import ROLES, Logins, sqlstate
from opsloop import migrate, sqlfiles
from opsloop.cli import run as opsloop
from opsloop.client import connect
from support import at_once, start, wait_until

DENIED = "42501"


class Cluster:
    """Schemas whose names no loop of this server had before, so that their roles are not there yet."""

    def __init__(self, databases: Databases) -> None:
        self.databases = databases
        self.admin = psycopg.connect(databases.dsn, autocommit=True)
        self.before = self.roles()

    def roles(self, like: str = "%") -> set[str]:
        """The names of the roles there are."""
        rows = self.admin.execute("select rolname from pg_roles where rolname like %s", (like,))
        return {name for (name,) in rows.fetchall()}

    def drop_new(self) -> None:
        """Drops what tests have made; nothing of theirs holds them by now."""
        for name in self.roles() - self.before:
            self.admin.execute(sql.SQL("drop role {}").format(sql.Identifier(name)))
        self.admin.close()


@pytest.fixture
def cluster(databases: Databases) -> Iterator[Cluster]:
    """The server, without what this test makes of roles afterwards."""
    found = Cluster(databases)
    yield found
    found.drop_new()


@pytest.fixture
def database(cluster: Cluster, databases: Databases) -> Iterator[str]:
    """A database of this test's own; gone before its roles are."""
    with databases.make() as own:
        yield own


@pytest.fixture
def admin(database: str) -> Iterator[psycopg.Connection[Any]]:
    """A superuser's session on it."""
    with psycopg.connect(database, autocommit=True) as conn:
        yield conn


@pytest.fixture
def schema() -> str:
    """A name that no schema of the server had before."""
    return f"loop_{secrets.token_hex(4)}"


def deployer(admin: psycopg.Connection[Any], dsn: str, *attributes: str) -> str:
    """The connection string of a new login that owns the database and is no superuser."""
    name = f"opsloop_test_{secrets.token_hex(4)}"
    role, where = sql.Identifier(name), sql.Identifier(admin.info.dbname)
    admin.execute(
        sql.SQL("create role {} login password 'test' nosuperuser {}").format(
            role, sql.SQL(" ").join(map(sql.SQL, attributes))
        )
    )
    admin.execute(sql.SQL("alter database {} owner to {}").format(where, role))
    return make_conninfo(dsn, user=name, password="test")


def statuses(dsn: str, schema: str) -> set[str]:
    """The statuses of the five roles."""
    with connect(dsn, schema) as client:
        return {role.status for role in client.list_roles()}


def may_emit(people: Logins, group: str) -> bool:
    """Whether a new login that is a member of that role may emit."""
    session = people.session(group)
    call = sql.SQL("select {}.fn_emit_event('a:b')").format(sql.Identifier(people.schema))
    return sqlstate(session.execute, call) is None


def test_who_may_make_roles_makes_them_by_deploying(cluster, database, admin, schema):
    owner = deployer(admin, database, "createrole")
    migrate.migrate(owner, schema)
    assert cluster.roles(f"{schema}%") == {f"{schema}_{role}" for role in ROLES}
    assert statuses(owner, schema) == {"ready"}
    rows = cluster.admin.execute(
        """select distinct rolcanlogin, rolsuper, rolcreaterole, rolcreatedb, rolbypassrls
             from pg_roles where rolname like %s""",
        (f"{schema}\\_%",),
    )
    assert rows.fetchall() == [(False, False, False, False, False)]


def test_who_may_not_deploys_and_is_told_the_sql_for_somebody_who_may(
    cluster, database, admin, schema, capsys
):
    owner = deployer(admin, database)
    assert opsloop(["migrate", "--dsn", owner, "--schema", schema]) == 0
    assert "opsloop roles --sql" in capsys.readouterr().out
    assert cluster.roles(f"{schema}%") == set()
    assert statuses(owner, schema) == {"missing"}

    assert opsloop(["roles", "--sql", "--dsn", owner, "--schema", schema]) == 0
    printed = capsys.readouterr().out
    assert printed.count("create role") == 5
    with psycopg.connect(owner, autocommit=True) as conn:
        assert sqlstate(conn.execute, printed) == DENIED
    cluster.admin.execute(printed)
    assert statuses(owner, schema) == {"without rights"}

    assert opsloop(["roles", "--apply", "--dsn", owner, "--schema", schema]) == 0
    assert statuses(owner, schema) == {"ready"}
    people = Logins(database, schema)
    try:
        assert may_emit(people, "producer")
        assert not may_emit(people, "operator")
    finally:
        people.close()


def test_the_same_with_psql_alone(cluster, database, admin, schema, programs):
    owner = deployer(admin, database)
    environ = {"PGPASSWORD": "test", "PATH": "/usr/bin:/bin"}

    def psql(script):
        given = [programs / "psql", "-XqvON_ERROR_STOP=1", f"-vschema={schema}", "-f", script, owner]
        return subprocess.run(given, capture_output=True, text=True, check=True, env=environ).stderr

    said = "".join(psql(f) for f in sorted((sqlfiles.sql_root() / "sqitch/deploy").glob("*.sql")))
    assert f"create role {schema}_reader nologin" in said
    assert "sql/roles.sql" in said
    for role in ROLES:
        cluster.admin.execute(f"create role {schema}_{role} nologin")
    assert psql(sqlfiles.sql_root() / "roles.sql") == ""
    assert statuses(owner, schema) == {"ready"}


def test_a_role_that_comes_later_than_the_others_gets_the_same(cluster, database, admin, schema):
    owner = deployer(admin, database)
    *others, last = ROLES
    for role in others:
        cluster.admin.execute(f"create role {schema}_{role} nologin")
    migrate.migrate(owner, schema)
    with connect(owner, schema) as client:
        assert [r.status for r in client.list_roles()] == ["ready"] * len(others) + ["missing"]
    cluster.admin.execute(f"create role {schema}_{last} nologin")
    migrate.apply_rights(owner, schema)
    migrate.apply_rights(owner, schema)
    assert statuses(owner, schema) == {"ready"}
    (policies,) = admin.execute(
        "select distinct cardinality(polroles) from pg_policy where polname = 'opsloop_read'"
    ).fetchall()
    assert policies == (5,)


def test_a_role_of_that_name_that_can_log_in_is_somebody_and_gets_nothing(cluster, database, admin, schema):
    admin.execute(f"create role {schema}_admin login")
    owner = deployer(admin, database, "createrole")
    migrate.migrate(owner, schema)
    with connect(owner, schema) as client:
        (found,) = [role for role in client.list_roles() if role.role == "admin"]
    assert (found.status, found.remedy) == ("a login", f"alter role {schema}_admin nologin;")
    held = admin.execute("select has_schema_privilege(%s, %s, 'usage')", (f"{schema}_admin", schema))
    assert held.fetchone() == (False,)


def test_two_loops_in_one_database_have_roles_of_their_own(cluster, database, admin, schema):
    first, second = f"{schema}_a", f"{schema}_b"
    for name in (first, second):
        migrate.migrate(database, name)
    people = Logins(database, first)
    try:
        producer = people.session("producer")
        assert sqlstate(producer.execute, f"select {first}.fn_emit_event('a:b')") is None
        assert sqlstate(producer.execute, f"select {second}.fn_emit_event('a:b')") == DENIED
        assert sqlstate(producer.execute, f"select * from {second}.ops_missions") == DENIED
    finally:
        people.close()


def test_two_databases_share_the_roles_and_taking_back_one_leaves_the_others_rights(
    cluster, database, admin, schema, databases
):
    migrate.migrate(deployer(admin, database, "createrole"), schema)
    with databases.make() as second, psycopg.connect(second, autocommit=True) as other:
        # Its deployer may make no roles, and finds those that are there.
        owner = deployer(other, second)
        migrate.migrate(owner, schema)
        assert statuses(owner, schema) == {"ready"}

        migrate.rollback(database, schema)
        assert cluster.roles(f"{schema}%") == {f"{schema}_{role}" for role in ROLES}
        people = Logins(second, schema)
        try:
            assert may_emit(people, "producer")
        finally:
            people.close()
        # PostgreSQL itself keeps a role that a database still needs.
        assert sqlstate(cluster.admin.execute, f"drop role {schema}_producer") == "2BP01"


def test_taking_everything_back_leaves_roles_without_any_right_that_can_be_dropped(
    cluster, database, admin, schema
):
    migrate.migrate(database, schema)
    migrate.rollback(database, schema, "0008_control")
    granted = "select has_table_privilege(%s, %s, 'select'), has_schema_privilege(%s, %s, 'usage')"
    reader = f"{schema}_reader"
    assert admin.execute(granted, (reader, f"{schema}.ops_policy", reader, schema)).fetchone() == (
        False,
        False,
    )
    migrate.migrate(database, schema)
    assert statuses(database, schema) == {"ready"}
    migrate.rollback(database, schema)
    for role in ROLES:
        cluster.admin.execute(f"drop role {schema}_{role}")


def test_long_names_and_odd_ones_have_roles_too(cluster, database, admin):
    beginning = secrets.token_hex(4) + "ö" * 25
    names = [beginning + "abcde", beginning + "abcdf", f'{beginning[:6]} "B" it\'s']
    assert [len(name.encode()) for name in names[:2]] == [63, 63]
    made = set()
    for name in names:
        migrate.migrate(database, name)
        assert statuses(database, name) == {"ready"}
        with connect(database, name) as client:
            made |= {role.name for role in client.list_roles()}
    assert len(made) == 15
    assert all(len(name.encode()) <= 63 for name in made)
    people = Logins(database, names[2])
    try:
        assert may_emit(people, "producer")
    finally:
        people.close()


def test_two_databases_deployed_at_once_make_the_roles_once(cluster, schema, databases):
    with databases.make() as first, databases.make() as second:
        at_once([lambda: migrate.migrate(first, schema), lambda: migrate.migrate(second, schema)])
        assert statuses(first, schema) == statuses(second, schema) == {"ready"}


def test_a_deployment_waits_for_another_that_is_making_the_roles(cluster, database, schema, databases):
    blocked = "select from pg_stat_activity where wait_event_type = 'Lock' and datname = %s"
    where = (conninfo_to_dict(database)["dbname"],)
    with databases.make() as second, psycopg.connect(second) as other:
        for role in ROLES:
            other.execute(f"create role {schema}_{role} nologin")
        deploying = start(lambda: migrate.migrate(database, schema))
        wait_until(lambda: cluster.admin.execute(blocked, where).fetchall(), "the deployment waits")
        other.commit()
        deploying.result()
    assert statuses(database, schema) == {"ready"}
