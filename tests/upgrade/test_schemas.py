"""Any schema name, any owner, beside anybody's objects: what shares a database does not see each other."""

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from opsloop import connect, migrate, sqlfiles
from opsloop.errors import ForeignObject, InvalidArgument, NotAllowed
from upgrade.deploying import dump

ALL = [change.name for change in sqlfiles.changes()]
OWNER = "opsloop_test_owner"


@pytest.fixture
def admin(empty_dsn):
    """A superuser's session on an empty database."""
    with psycopg.connect(empty_dsn, autocommit=True) as conn:
        yield conn


@pytest.fixture
def owner_dsn(admin, empty_dsn):
    """The same database for an owner who may do nothing else."""
    admin.execute(f"create role {OWNER} login password 'test' nosuperuser nocreatedb nocreaterole")
    database = sql.Identifier(admin.info.dbname)
    try:
        admin.execute(sql.SQL("alter database {} owner to {}").format(database, sql.Identifier(OWNER)))
        yield make_conninfo(empty_dsn, user=OWNER, password="test")
    finally:
        admin.execute(sql.SQL("alter database {} owner to current_user").format(database))
        admin.execute(f"drop owned by {OWNER} cascade")
        admin.execute(f"drop role {OWNER}")


def routines(conn, schema):
    return conn.execute(
        """select p.proname from pg_proc p join pg_namespace n on n.oid = p.pronamespace
            where n.nspname = %s order by 1""",
        (schema,),
    ).fetchall()


@pytest.mark.parametrize(
    "schema", ["acme_ops", "Acme Ops", 'a "b" c', "it's.ours", "öps", "select", "public"]
)
def test_any_schema_name_will_do(empty_dsn, admin, schema):
    assert migrate.migrate(empty_dsn, schema) == ALL
    assert migrate.migrate(empty_dsn, schema) == []
    assert migrate.status(empty_dsn, schema).up_to_date
    path = sql.SQL("{}, pg_temp").format(sql.Identifier(schema)).as_string(admin)
    pinned = admin.execute(
        "select distinct unnest(proconfig) from pg_proc where proname like 'fn\\_%' or proname = '_now'"
    ).fetchall()
    assert (f"search_path={path}",) in pinned or (f"search_path={schema}, pg_temp",) in pinned
    assert len([setting for (setting,) in pinned if setting.startswith("search_path")]) == 1
    with connect(empty_dsn, schema) as client:
        assert client.capabilities()["complete"]
    migrate.install_layer(empty_dsn, "ops", schema)
    assert migrate.layers(empty_dsn)["ops"] == schema
    migrate.remove_layer(empty_dsn, "ops", schema)

    assert migrate.rollback(empty_dsn, schema) == ALL[::-1]
    assert routines(admin, schema) == []


@pytest.mark.parametrize("schema", ["", "pg_ops", "x" * 64, "a\0b"])
def test_a_name_that_postgresql_does_not_allow_is_refused(empty_dsn, schema):
    for call in (migrate.migrate, migrate.rollback, migrate.status, migrate.seed):
        with pytest.raises(InvalidArgument):
            call(empty_dsn, schema)
    with pytest.raises(InvalidArgument):
        migrate.render_sql(schema)


@pytest.mark.parametrize("schema", ["opsloop", "public"])
def test_a_database_owner_without_other_rights_can_install_and_take_back(owner_dsn, admin, schema):
    assert migrate.migrate(owner_dsn, schema) == ALL
    owners = admin.execute(
        "select distinct proowner::regrole::text from pg_proc where pronamespace = %s::regnamespace",
        (schema,),
    ).fetchall()
    assert owners == [(OWNER,)]
    assert admin.execute("select extname from pg_extension").fetchall() == [("plpgsql",)]
    assert migrate.rollback(owner_dsn, schema) == ALL[::-1]


def test_the_owner_of_just_a_schema_can_install(empty_dsn, admin):
    admin.execute(f"create role {OWNER} login password 'test'")
    try:
        admin.execute(f"create schema opsloop authorization {OWNER}")
        assert migrate.migrate(make_conninfo(empty_dsn, user=OWNER, password="test")) == ALL
    finally:
        admin.execute(f"drop owned by {OWNER} cascade")
        admin.execute(f"drop role {OWNER}")


def test_who_may_not_create_anything_is_told_so(empty_dsn, admin):
    admin.execute(f"create role {OWNER} login password 'test'")
    try:
        with pytest.raises(NotAllowed):
            migrate.migrate(make_conninfo(empty_dsn, user=OWNER, password="test"))
    finally:
        admin.execute(f"drop role {OWNER}")


def test_two_schemas_in_one_database_do_not_see_each_other(empty_dsn, admin, programs):
    migrate.migrate(empty_dsn, "acme_a")
    alone = dump(programs, empty_dsn, "acme_a")
    migrate.migrate(empty_dsn, "acme_b")

    assert dump(programs, empty_dsn, "acme_a") == alone
    assert dump(programs, empty_dsn, "acme_b") == alone.replace("acme_a", "acme_b")
    admin.execute("select acme_a.fn_emit_event('test:seen', '{}')")
    assert admin.execute("select count(*) from acme_a.ops_agent_events").fetchone() == (1,)
    assert admin.execute("select count(*) from acme_b.ops_agent_events").fetchone() == (0,)

    admin.execute("drop schema acme_b cascade")
    assert migrate.status(empty_dsn, "acme_a").up_to_date
    admin.execute("select acme_a.fn_emit_event('test:seen_again', '{}')")


def test_other_peoples_objects_in_public_stay_as_they_are(empty_dsn, admin, programs):
    admin.execute(
        """create table customers (id integer primary key, name text not null);
           create view customers_with_a_name as select * from customers where name <> '';
           create function total() returns bigint language sql as 'select count(*) from customers';
           create table _yoyo_migration (migration_hash text primary key);
           create table yoyo_lock (locked integer primary key);
           insert into yoyo_lock values (1)"""
    )
    before = dump(programs, empty_dsn, "public")

    migrate.migrate(empty_dsn, "public")
    migrate.rollback(empty_dsn, "public")

    assert dump(programs, empty_dsn, "public") == before
    assert admin.execute("select locked from yoyo_lock").fetchall() == [(1,)]


@pytest.mark.parametrize(
    "theirs",
    [
        "create table ops_policy (id integer)",
        "create view ops_policy as select 1 as id",
        "create sequence ops_policy",
        "create table opsloop_routine (id integer)",
        "create type ops_policy as (id integer)",
    ],
)
def test_a_foreign_object_of_our_name_refuses_the_installation(empty_dsn, admin, theirs):
    admin.execute(theirs)

    with pytest.raises(ForeignObject) as refused:
        migrate.migrate(empty_dsn, "public")

    assert "already exists" in refused.value.detail
    admin.execute(f"drop {theirs.split()[1]} {theirs.split()[2]}")
    migrate.migrate(empty_dsn, "public")
    assert migrate.status(empty_dsn, "public").up_to_date


@pytest.mark.parametrize("grantee", ["public", OWNER])
def test_a_schema_where_others_may_create_objects_is_refused(empty_dsn, admin, grantee):
    admin.execute(f"create role {OWNER}")
    try:
        admin.execute(f"create schema opsloop; grant create on schema opsloop to {grantee}")

        with pytest.raises(ForeignObject, match="others may create") as refused:
            migrate.migrate(empty_dsn)

        assert grantee in refused.value.detail
        admin.execute(refused.value.hint)
        assert migrate.migrate(empty_dsn) == ALL
    finally:
        admin.execute(f"drop owned by {OWNER}")
        admin.execute(f"drop role {OWNER}")
