"""The layer m10_recovery: the names of migration 022 over a loop, installed and removed by itself."""

from uuid import uuid4

import psycopg
import pytest

from logins import ROLES, logins, sqlstate
from opsloop import cli, migrate, sqlfiles
from opsloop.errors import ForeignObject, IllegalState, InvalidArgument, NotAllowed, NotFound, SchemaMismatch
from upgrade.deploying import dump, psql

LAYER = "m10_recovery"
#: The contract, as programs written for migration 022 have these names: not read from the code.
TABLES = ["dead_letter_archive", "distributed_locks", "outbox", "replay_log"]
#: The contract likewise: how each function is called, and the one of the loop behind it.
CALLS = {
    "acquire_lock": ("acquire_lock('l', 'h', 60)", "fn_acquire_lock"),
    "archive_dead_letter": ("archive_dead_letter('d')", "fn_archive_dead_letter"),
    "claim_outbox_events": ("claim_outbox_events('p')", "fn_claim_outbox_events"),
    "cleanup_expired_locks": ("cleanup_expired_locks()", "fn_cleanup_expired_locks"),
    "complete_outbox_event": ("complete_outbox_event(1, 'p')", "fn_complete_outbox_event"),
    "extend_lock": ("extend_lock('l', 'h', 60)", "fn_extend_lock"),
    "publish_outbox": ("publish_outbox('a', '1', 'e')", "fn_publish_outbox"),
    "record_replay": ("record_replay('m')", "fn_record_replay"),
    "release_lock": ("release_lock('l', 'h')", "fn_release_lock"),
}

#: The contract likewise: the types that migration 022 has, and its clients give.
REAL_TYPES = {
    "record_replay": {
        "p_candidate_id text DEFAULT NULL::text": "p_candidate_id integer DEFAULT NULL::integer",
        "p_idempotency_key text DEFAULT NULL::text": "p_idempotency_key uuid DEFAULT NULL::uuid",
    },
    "archive_dead_letter": {
        "p_candidate_id text DEFAULT NULL::text": "p_candidate_id integer DEFAULT NULL::integer",
        "p_failure_match_id text DEFAULT NULL::text": "p_failure_match_id uuid DEFAULT NULL::uuid",
    },
}


@pytest.fixture
def layer(dsn):
    """A database with the layer over its loop."""
    migrate.install_layer(dsn, LAYER)
    return dsn


def contents(conn):
    """What the schema of the layer holds: functions with their arguments, and relations."""
    return conn.execute(
        """select oid::regprocedure::text from pg_proc where pronamespace = to_regnamespace('m10_recovery')
            union all
           select relname from pg_class where relnamespace = to_regnamespace('m10_recovery') order by 1"""
    ).fetchall()


def test_there_are_nine_functions_of_one_signature_and_four_tables(layer, conn):
    names = [name.split("(")[0].removeprefix("m10_recovery.") for (name,) in contents(conn)]
    assert sorted(names) == sorted([*CALLS, *TABLES])


def test_signatures_and_results_are_those_of_the_loop(layer, conn):
    described = """
        select pg_get_function_arguments(p.oid), pg_get_function_result(p.oid)
          from pg_proc p where p.oid = %s::regproc"""
    for name, (_, ours) in CALLS.items():
        theirs, loops = (
            conn.execute(described, (f"{schema}.{function}",)).fetchone()
            for schema, function in ((LAYER, name), ("opsloop", ours))
        )
        for ours_is, theirs_is in REAL_TYPES.get(name, {}).items():
            loops = (loops[0].replace(ours_is, theirs_is), loops[1])
        if name == "publish_outbox":  # migration 022 knew no dedupe key
            loops = (loops[0].replace(", p_dedupe_key text DEFAULT NULL::text", ""), loops[1])
        assert theirs == loops, name


def test_what_is_done_by_one_name_is_seen_by_the_other(layer, conn):
    one = lambda query: conn.execute(query).fetchone()[0]  # noqa: E731
    assert one("select m10_recovery.acquire_lock('l', 'a')") is True
    assert one("select fn_acquire_lock('l', 'b')") is False
    assert one("select holder_id from m10_recovery.distributed_locks") == "a"
    event = one("select m10_recovery.publish_outbox('order', '1', 'paid', '{\"n\": 1}')")
    assert one("select id from m10_recovery.claim_outbox_events('p', 5)") == event
    assert one(f"select m10_recovery.complete_outbox_event({event}, 'p')") is True
    assert one("select processed_at is not null from m10_recovery.outbox") is True
    assert one("select m10_recovery.archive_dead_letter('dl', 'msg', p_payload => '{\"n\": 1}')") == one(
        "select id from m10_recovery.dead_letter_archive"
    )
    assert one("select already_replayed from m10_recovery.record_replay('msg', 'dl')") is False
    assert one("select already_replayed from m10_recovery.record_replay('msg', 'dl')") is True
    assert one("select count(*) from m10_recovery.replay_log") == 1
    assert one("select redriven from fn_redrive_dead_letter('dl')") is False
    assert one("select m10_recovery.release_lock('l', 'a')") is True


def test_it_takes_the_types_of_real_clients(layer, conn):
    one = lambda query, *given: conn.execute(query, given).fetchone()[0]  # noqa: E731
    key = uuid4()
    replay = "select already_replayed from m10_recovery.record_replay"
    assert one(f"{replay}('o', 'd', 7)") is False
    assert one(f"{replay}('p', 'd', null, %s::uuid, 'new', 'me')", str(key)) is False
    assert one(f"{replay}('q', null, 8, %s, 'new', 'me')", key) is True
    assert one("select m10_recovery.archive_dead_letter('dl', 'm', 12345, gen_random_uuid(), '{}'::jsonb, 'why', 0,"
               " now(), 'me')")  # fmt: skip
    found = conn.execute("select candidate_id, idempotency_key from m10_recovery.replay_log order by id")
    assert found.fetchall() == [("7", None), (None, str(key))]


def test_the_outbox_has_the_columns_of_real_clients(layer, conn):
    def state():
        return conn.execute(
            "select status, claimed_by, claimed_at between now() - interval '1 minute' and now(), process_after > now()"
            "  from m10_recovery.outbox order by id"
        ).fetchall()

    for n in range(2):
        conn.execute("select m10_recovery.publish_outbox('order', %s, 'paid', '{}')", (str(n),))
    assert state() == [("pending", None, None, None)] * 2
    ids = [i for (i,) in conn.execute("select id from m10_recovery.claim_outbox_events('p', 5) order by id")]
    assert state() == [("processing", "p", True, None)] * 2
    conn.execute("select m10_recovery.complete_outbox_event(%s, 'p', true)", (ids[0],))
    conn.execute("select m10_recovery.complete_outbox_event(%s, 'p', false, 'no')", (ids[1],))
    assert state() == [("processed", None, None, None), ("pending", None, None, True)]


def test_twice_is_once_and_removal_leaves_the_loop_as_it_was(dsn, conn, programs):
    before = dump(programs, dsn)
    migrate.install_layer(dsn, LAYER)
    once = dump(programs, dsn, LAYER)
    migrate.install_layer(dsn, LAYER)
    assert dump(programs, dsn, LAYER) == once
    conn.execute("select m10_recovery.acquire_lock('l', 'a')")
    migrate.remove_layer(dsn, LAYER)
    assert conn.execute("select to_regnamespace('m10_recovery')").fetchone() == (None,)
    assert dump(programs, dsn) == before
    assert conn.execute("select holder_id from distributed_locks").fetchone() == ("a",)


def test_psql_alone_installs_and_removes_the_same(dsn, conn, programs):
    migrate.install_layer(dsn, LAYER)
    theirs = dump(programs, dsn, LAYER)
    migrate.remove_layer(dsn, LAYER)

    def run(script):
        done = psql(programs, dsn, "--single-transaction", "-c", "set local opsloop.schema = 'opsloop'",
                    "-f", str(sqlfiles.sql_root() / "compat" / script))  # fmt: skip
        assert (done.returncode, done.stderr) == (0, "")

    run("m10_recovery.sql")
    assert dump(programs, dsn, LAYER) == theirs
    run("m10_recovery_remove.sql")
    assert contents(conn) == []


def test_a_schema_of_that_name_that_is_somebody_elses_is_refused_untouched(dsn, conn):
    conn.execute("create schema m10_recovery create table outbox (id integer)")
    for comment in ("null", "'opsloop compat of schema other'"):
        conn.execute(f"comment on schema m10_recovery is {comment}")
        with pytest.raises(ForeignObject):
            migrate.install_layer(dsn, LAYER)
        with pytest.raises(NotFound):
            migrate.remove_layer(dsn, LAYER)
    assert contents(conn) == [("outbox",)]


def test_two_loops_cannot_both_have_it(layer, conn):
    migrate.migrate(layer, "second")
    with pytest.raises(ForeignObject, match="loop"):
        migrate.install_layer(layer, LAYER, "second")
    with pytest.raises(NotFound):
        migrate.remove_layer(layer, LAYER, "second")
    assert migrate.layers(layer)[LAYER] == "opsloop"
    conn.execute("select m10_recovery.acquire_lock('l', 'a')")
    assert conn.execute("select count(*) from opsloop.distributed_locks").fetchone() == (1,)


def test_what_others_put_there_or_built_on_it_keeps_it(layer, conn):
    before = contents(conn)
    for theirs in (
        "create table m10_recovery.theirs ()",
        "create view opsloop.theirs as select * from m10_recovery.outbox",
        "create function m10_recovery.acquire_lock(text) returns int language sql as 'select 1'",
    ):
        with psycopg.connect(layer) as other:
            other.execute(theirs)
        with pytest.raises(ForeignObject):
            migrate.remove_layer(layer, LAYER)
        conn.execute(
            "drop table if exists m10_recovery.theirs; drop view if exists opsloop.theirs; "
            "drop function if exists m10_recovery.acquire_lock(text)"
        )
        assert contents(conn) == before
    migrate.remove_layer(layer, LAYER)


def test_without_a_loop_there_is_nothing_to_lay_it_over(empty_dsn):
    with pytest.raises(SchemaMismatch):
        migrate.install_layer(empty_dsn, LAYER)
    with psycopg.connect(empty_dsn) as conn:
        assert conn.execute("select to_regnamespace('opsloop')").fetchone() == (None,)
    with pytest.raises(InvalidArgument):
        migrate.install_layer(empty_dsn, "m11")


def test_a_rollback_says_to_remove_it_first_and_takes_nothing_back(layer):
    before = migrate.status(layer)
    with pytest.raises(IllegalState) as refused:
        migrate.rollback(layer)
    assert refused.value.hint.endswith("opsloop compat remove m10_recovery")
    assert migrate.status(layer) == before
    migrate.remove_layer(layer, LAYER)
    assert migrate.rollback(layer) == before.applied[::-1]


def test_routines_are_loaded_anew_beneath_it(layer, conn):
    conn.execute("update opsloop_schema_change set code_digest = 'other' where code_digest is not null")
    conn.execute("create function fn_of_before() returns integer language sql as 'select 1'")
    conn.execute("insert into opsloop_routine values ('fn_of_before', '')")
    assert len(migrate.migrate(layer)) == 1
    assert conn.execute("select to_regproc('fn_of_before')").fetchone() == (None,)
    assert conn.execute("select m10_recovery.acquire_lock('l', 'a')").fetchone() == (True,)


def test_it_lets_each_role_do_what_the_loop_lets_it_do_and_nobody_else_anything(dsn, conn):
    nobody = "opsloop_test_nobody_of_compat"
    conn.execute(f"create role {nobody} login password 'test'")
    try:
        for what in ("schemas", "tables", "functions"):
            conn.execute(f"alter default privileges grant all on {what} to {nobody}, public")
        migrate.install_layer(dsn, LAYER)
        with logins(dsn) as people:
            sessions = {role: people.session(role) for role in ROLES}
            sessions["nobody"] = people.open(nobody)
            for role, session in sessions.items():
                for table in TABLES:
                    assert sqlstate(session.execute, f"select from {LAYER}.{table}") == (
                        "42501" if role == "nobody" else None
                    ), (role, table)
                    assert sqlstate(session.execute, f"delete from {LAYER}.{table}") == "42501"
                for name, (call, ours) in CALLS.items():
                    (may,) = conn.execute(
                        "select has_function_privilege(%s, %s::regproc, 'execute')",
                        (session.info.user, f"opsloop.{ours}"),
                    ).fetchone()
                    state = sqlstate(session.execute, f"select {LAYER}.{call}")
                    assert state == (None if may else "42501"), (role, name)
    finally:
        conn.execute(f"drop owned by {nobody}; drop role {nobody}")


def test_whoever_is_not_the_owner_cannot_install_it(dsn):
    with logins(dsn) as people, pytest.raises(NotAllowed):
        migrate.install_layer(people.dsn_of(people.make("admin")), LAYER)


def test_the_commands_say_what_they_did(dsn, monkeypatch, capsys):
    monkeypatch.setenv("DATABASE_URL", dsn)

    def opsloop(*arguments):
        code = cli.run(["compat", *arguments])
        said = capsys.readouterr()
        return code, said.out + said.err

    assert "not installed" in opsloop("list")[1]
    assert opsloop("install", LAYER) == (0, "m10_recovery is installed over schema opsloop\n")
    assert opsloop("list", "--json") == (
        0,
        '[{"name": "leo", "schema": null}, {"name": "m10_recovery", "schema": "opsloop"},'
        ' {"name": "ops", "schema": null}]\n',
    )
    assert opsloop("remove", LAYER) == (0, "m10_recovery is removed\n")
    assert opsloop("remove", LAYER)[0] == 1
    assert opsloop("install", "other")[0] == 2
