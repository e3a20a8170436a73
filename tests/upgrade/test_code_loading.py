"""Loading the routines: what opsloop no longer ships goes, what is somebody else's stays."""

import psycopg
import pytest

from opsloop import migrate, sqlfiles
from opsloop.errors import ForeignObject

RELOAD = f"code_{sqlfiles.code_digest()[:12]}"

FOREIGN = "create function {name} returns text language sql as $$ select 'theirs' $$"


@pytest.fixture
def owner(dsn):
    """A session that changes what is installed behind opsloop's back."""
    with psycopg.connect(dsn, autocommit=True, options="-c search_path=opsloop") as conn:
        yield conn


def pretend_other_code_is_loaded(owner):
    owner.execute("update opsloop_schema_change set code_digest = 'other' where code_digest is not null")


def routines(owner):
    return {
        row[0]
        for row in owner.execute(
            "select oid::regprocedure::text from pg_proc where pronamespace = 'opsloop'::regnamespace"
        )
    }


def test_routines_are_loaded_again_when_they_are_not_those_of_this_package(dsn, owner):
    pretend_other_code_is_loaded(owner)
    assert not migrate.status(dsn).code_current

    assert migrate.migrate(dsn) == [RELOAD]

    assert migrate.status(dsn).up_to_date
    assert migrate.migrate(dsn) == []


def test_going_back_and_forth_between_two_versions_of_the_routines_loads_each_time(dsn, owner):
    for _ in range(2):
        pretend_other_code_is_loaded(owner)
        assert migrate.migrate(dsn) == [RELOAD]


def test_a_routine_no_longer_shipped_is_dropped(dsn, owner):
    before = routines(owner)
    owner.execute(FOREIGN.format(name="fn_of_an_earlier_release(p_what text)"))
    owner.execute("insert into opsloop_routine values ('fn_of_an_earlier_release', 'text')")
    pretend_other_code_is_loaded(owner)

    migrate.migrate(dsn)

    assert routines(owner) == before
    assert owner.execute("select count(*) from opsloop_routine").fetchone() == (len(before),)


def test_a_changed_signature_replaces_the_earlier_one(dsn, owner):
    before = routines(owner)
    owner.execute(FOREIGN.format(name="_now(p_ignored integer)"))
    owner.execute("insert into opsloop_routine values ('_now', 'integer')")
    pretend_other_code_is_loaded(owner)

    migrate.migrate(dsn)

    assert routines(owner) == before


def test_a_foreign_routine_is_never_touched(dsn, owner):
    owner.execute(FOREIGN.format(name="theirs()"))
    owner.execute("create procedure their_job() language sql as $$ select 1 $$")
    owner.execute("create aggregate their_sum(integer) (sfunc = int4pl, stype = integer)")
    pretend_other_code_is_loaded(owner)

    migrate.migrate(dsn)
    assert {"theirs()", "their_job()", "their_sum(integer)"} <= routines(owner)

    migrate.rollback(dsn)
    assert routines(owner) == {"theirs()", "their_job()", "their_sum(integer)"}


def test_a_routine_somebody_else_depends_on_is_not_dropped_with_what_depends(dsn, owner):
    owner.execute(FOREIGN.format(name="fn_of_an_earlier_release()"))
    owner.execute("insert into opsloop_routine values ('fn_of_an_earlier_release', '')")
    owner.execute("create view theirs as select fn_of_an_earlier_release()")
    pretend_other_code_is_loaded(owner)

    with pytest.raises(ForeignObject, match="cannot drop function fn_of_an_earlier_release"):
        migrate.migrate(dsn)

    assert owner.execute("select * from theirs").fetchall() == [("theirs",)]
    assert not migrate.status(dsn).code_current


@pytest.mark.parametrize("signature", ["_now()", "_now(p_zone text)"])
def test_a_foreign_routine_of_our_name_refuses_the_installation(empty_dsn, signature):
    with psycopg.connect(empty_dsn, autocommit=True) as conn:
        conn.execute("create schema opsloop")
        conn.execute("set search_path = opsloop")
        conn.execute(
            f"create function {signature} returns timestamptz language sql as $$ select null::timestamptz $$"
        )
        definition = "select pg_get_functiondef(oid) from pg_proc where proname = '_now'"
        before = conn.execute(definition).fetchall()

        with pytest.raises(ForeignObject, match="did not install") as refused:
            migrate.migrate(empty_dsn)

        assert "_now" in refused.value.detail
        assert conn.execute(definition).fetchall() == before
        assert len(routines(conn)) == 1


def test_a_routine_created_by_another_session_during_the_load_is_not_taken_for_ours(dsn, owner):
    pretend_other_code_is_loaded(owner)
    with psycopg.connect(dsn) as loader:
        text = sqlfiles.reload_text("opsloop")
        first, rest = text.split("-- After the routines were loaded", 1)
        loader.execute(first.encode())
        owner.execute(FOREIGN.format(name="theirs()"))
        loader.execute(("--" + rest).encode())

    assert owner.execute("select from opsloop_routine where name = 'theirs'").fetchall() == []
    assert "theirs()" in routines(owner)


def test_the_routines_can_be_loaded_inside_a_savepoint(dsn, owner):
    before = routines(owner)
    with psycopg.connect(dsn) as loader, loader.transaction(), loader.transaction():
        loader.execute(sqlfiles.reload_text("opsloop").encode())

    assert owner.execute("select count(*) from opsloop_routine").fetchone() == (len(before),)


def test_nobody_but_the_owner_and_the_five_roles_has_any_right_whatever_the_default_privileges_are(empty_dsn):
    with psycopg.connect(empty_dsn, autocommit=True) as conn:
        conn.execute("create role opsloop_test_reader")
        try:
            for what in ("functions", "tables", "sequences"):
                conn.execute(f"alter default privileges grant all on {what} to opsloop_test_reader, public")
            conn.execute("alter default privileges grant all on schemas to opsloop_test_reader")
            migrate.migrate(empty_dsn)
            five = [name for (name,) in conn.execute("select name from opsloop.fn_list_roles()").fetchall()]
            conn.execute("select opsloop._ensure_lanes(array['later'], array[0::smallint])")
            rows = conn.execute(
                """select p.proname, a.grantee
                     from pg_proc p
                    cross join lateral aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
                    where p.pronamespace = 'opsloop'::regnamespace and a.grantee <> p.proowner
                      and a.grantee <> all (select r.oid from pg_roles r where r.rolname = any (%(five)s))
                    union all
                   select c.relname, a.grantee
                     from pg_class c
                    cross join lateral aclexplode(c.relacl) a
                    where c.relnamespace = 'opsloop'::regnamespace and a.grantee <> c.relowner
                      and a.grantee <> all (select r.oid from pg_roles r where r.rolname = any (%(five)s))
                    union all
                   select 'the schema', a.grantee
                     from pg_namespace n
                    cross join lateral aclexplode(n.nspacl) a
                    where n.nspname = 'opsloop' and a.grantee <> n.nspowner
                      and a.grantee <> all (select r.oid from pg_roles r where r.rolname = any (%(five)s))""",
                {"five": five},
            ).fetchall()
            assert rows == []
        finally:
            conn.execute("drop owned by opsloop_test_reader")
            conn.execute("drop role opsloop_test_reader")


def test_a_right_somebody_granted_on_a_table_outlives_the_next_change(empty_dsn):
    migrate.migrate(empty_dsn)
    migrate.rollback(empty_dsn, to=sqlfiles.changes()[-2].name)
    with psycopg.connect(empty_dsn, autocommit=True) as conn:
        conn.execute("grant select on opsloop.ops_policy to public")
        migrate.migrate(empty_dsn)
        assert conn.execute(
            "select has_table_privilege('public', 'opsloop.ops_policy', 'select')"
        ).fetchone() == (True,)


def test_loading_again_does_not_wait_for_a_pause_that_is_open_nor_a_pause_for_a_load(dsn, owner):
    """Both would, if a load made the triggers of the audit log anew."""
    with psycopg.connect(dsn, options="-c search_path=opsloop") as pausing:
        pausing.execute("select fn_pause('all')")
        pretend_other_code_is_loaded(owner)
        assert migrate.migrate(dsn) == [RELOAD]
        pausing.rollback()
    with psycopg.connect(dsn) as loading:
        loading.execute(sqlfiles.reload_text("opsloop"))
        owner.execute("set lock_timeout = '2s'")
        assert owner.execute("select fn_pause('all') ->> 'changed'").fetchone() == ("true",)
        loading.rollback()
