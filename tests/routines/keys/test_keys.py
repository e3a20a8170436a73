"""Keys of the HTTP control plane: what they are, and that a call with one is its login's, with one group's rights."""

from datetime import timedelta
from hashlib import sha256
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from logins import ROLES, logins, sqlstate
from looping import Loop
from opsloop import migrate
from support import start, wait_until_blocked

PROPOSE = """
  select proposal_id
    from fn_create_proposal('{"title": "x", "steps": [{"kind": "sql", "params": {"statement": "delete from t"}}]}',
                            'ann')"""


def digest(key: str) -> str:
    return sha256(key.encode()).hexdigest()


@pytest.fixture
def people(dsn):
    with logins(dsn) as made:
        yield made


def create(
    conn: psycopg.Connection[Any], name: str, role: str, login: str, key: str | None = None
) -> dict[str, Any]:
    row = (
        conn.cursor(row_factory=dict_row)
        .execute("select * from fn_create_api_key(%s, %s, %s, %s)", (name, role, digest(key or name), login))
        .fetchone()
    )
    assert row is not None
    return row


def acting(session: psycopg.Connection[Any], key: str, *, read_only: bool = False) -> None:
    session.execute("begin")
    session.execute("select * from fn_act_as(%s, p_read_only => %s)", (digest(key), read_only))


def test_a_call_with_a_key_has_the_rights_of_its_role_and_no_others(conn, connect, people):
    ann = people.make("admin")
    create(conn, "look", "reader", ann)
    server = connect()
    acting(server, "look")
    assert server.execute("select count(*) from fn_list_missions()").fetchone() == (0,)
    assert sqlstate(server.execute, "select fn_emit_event('shop:opened')") == "42501"
    server.execute("rollback")
    assert server.execute("select fn_emit_event('shop:opened') is not null").fetchone() == (True,)


def test_a_call_with_a_key_counts_as_its_login(conn, connect, people):
    ann, ben = people.make("producer"), people.make("operator")
    create(conn, "ann", "producer", ann)
    create(conn, "ben", "operator", ben)
    server = connect()
    acting(server, "ann")
    proposal = server.execute(PROPOSE).fetchone()[0]
    server.execute("commit")
    assert conn.execute(
        "select proposed_login, proposers from ops_mission_proposals where id = %s", (proposal,)
    ).fetchone() == (ann, [ann])
    acting(server, "ben")
    server.execute("select * from fn_reject_proposal(%s)", (proposal,))
    server.execute("commit")
    assert conn.execute(
        "select login, actor from ops_audit_log where action = 'reject' and subject_id = %s", (str(proposal),)
    ).fetchone() == (ben, ben)


def test_nobody_decides_by_a_key_on_what_he_proposed_by_another(conn, connect, people):
    ann = people.make("admin")
    create(conn, "one", "producer", ann)
    create(conn, "two", "admin", ann)
    server = connect()
    acting(server, "one")
    proposal = server.execute(PROPOSE).fetchone()[0]
    server.execute("commit")
    acting(server, "two")
    assert sqlstate(server.execute, "select * from fn_approve_proposal(%s)", (proposal,)) == "OP015"


def test_nobody_speaks_for_another_by_a_setting(conn, people):
    ann = people.session("producer")
    ann.execute("set opsloop.acting_login = 'somebody'")
    event = ann.execute("select fn_emit_event('shop:opened')").fetchone()[0]
    login = conn.execute("select emitted_login from ops_agent_events where id = %s", (event,)).fetchone()[0]
    assert login == ann.info.user


def test_a_server_without_the_owners_rights_can_act_but_do_nothing_by_itself(conn, people, dsn):
    ann = people.make("operator")
    create(conn, "ann", "operator", ann)
    conn.execute(
        "do $$ begin create role opsloop_server nologin noinherit; exception when duplicate_object then null; end $$"
    )
    for role in ("reader", "producer", "worker", "operator", "admin"):
        conn.execute(f"grant opsloop_{role} to opsloop_server")
    try:
        migrate.apply_rights(dsn)
        web = people.open(people.make("opsloop_server"))
        assert sqlstate(web.execute, "select * from fn_list_missions()") == "42501"
        acting(web, "ann")
        assert web.execute("select count(*) from fn_list_missions()").fetchone() == (0,)
        assert web.execute("select fn_pause('all', null, 'ann', 'now') is not null").fetchone() == (True,)
        web.execute("commit")
        assert conn.execute("select paused_login from ops_pauses").fetchone() == (ann,)
    finally:
        conn.execute("drop owned by opsloop_server")
        conn.execute("drop role opsloop_server")


def test_a_key_that_is_revoked_or_expired_or_not_known_is_refused(conn, people):
    ann = people.make("reader")
    create(conn, "look", "reader", ann)
    conn.execute("begin")
    assert sqlstate(conn.execute, "select fn_act_as(%s)", (digest("other"),)) == "OP091"
    conn.execute("rollback")
    conn.execute("select fn_revoke_api_key('look')")
    assert sqlstate(conn.execute, "select fn_act_as(%s)", (digest("look"),)) == "OP091"


def test_a_key_ends_with_its_time_and_one_that_follows_it_does_not_lengthen_it(conn, people):
    ann, loop = people.make("reader"), Loop(conn)
    end = "select _now() + interval '1 hour'"
    make = "select from fn_create_api_key('look', 'reader', %s, %s, %s)"
    loop.do(make, digest("first"), ann, loop.value(end))
    kept = loop.row("select old_expires_at from fn_rotate_api_key('look', %s, 1440)", digest("second"))
    assert kept["old_expires_at"] < loop.value(end)
    assert sqlstate(loop.value, "select fn_act_as(%s)::text", digest("first")) is None
    loop.advance(3601)
    assert sqlstate(loop.value, "select fn_act_as(%s)::text", digest("first")) == "OP091"
    assert sqlstate(loop.value, "select fn_act_as(%s)::text", digest("second")) is None


def test_one_secret_is_one_key(conn, people):
    ann = people.make("reader")
    create(conn, "look", "reader", ann, "secret")
    assert sqlstate(create, conn, "other", "reader", ann, "secret") == "OP018"
    assert (
        sqlstate(conn.execute, "select fn_rotate_api_key('look', %s)::text", (digest("secret"),)) == "OP018"
    )


def test_of_two_keys_of_one_name_made_at_once_one_is_refused(conn, connect, people):
    ann = people.make("reader")
    first, second = connect(autocommit=False), connect()
    create(first, "look", "reader", ann, "one")
    other = start(lambda: sqlstate(create, second, "look", "reader", ann, "two"))
    wait_until_blocked(conn, second)
    first.commit()
    assert other.result() == "OP014"


def test_the_last_use_of_a_key_is_written_down_once_a_minute(conn, people):
    loop = Loop(conn)
    create(conn, "look", "reader", people.make("reader"))
    used = "select last_used_at from ops_api_keys"
    moments = []
    now = loop.stop_clock()
    for seconds in (0, 59, 61):
        loop.stop_clock(now + timedelta(seconds=seconds))
        loop.value("select fn_act_as(%s)::text", digest("look"))
        moments.append(loop.value(used))
    assert moments[0] == moments[1] < moments[2]


def test_a_key_is_known_where_nothing_can_be_written(conn, connect, people):
    create(conn, "look", "reader", people.make("reader"))
    standby = connect(options="-c search_path=opsloop -c default_transaction_read_only=on")
    assert sqlstate(standby.execute, "select fn_act_as(%s)::text", (digest("look"),)) is None


def test_the_word_of_a_proxy_counts_where_policy_trusts_its_address(conn, people):
    ann = people.make("reader")
    trusted = {"proxies": ["10.0.0.1"], "roles": {ann: "reader"}}
    Loop(conn).value("select fn_set_policy('sign_in', %s)", trusted)
    call = "select fn_act_as(p_login => %s, p_proxy => %s)::text"
    assert sqlstate(conn.execute, call, (ann, "10.0.0.1")) is None
    assert sqlstate(conn.execute, call, (ann, "10.0.0.2")) == "OP091"
    assert sqlstate(conn.execute, call, ("ben", "10.0.0.1")) == "OP091"


def test_a_key_is_no_more_than_its_login(conn, people):
    ann = people.make("reader")
    assert sqlstate(create, conn, "ann", "operator", ann) == "OP015"
    create(conn, "ann", "reader", ann)
    conn.execute(f'revoke opsloop_reader from "{ann}"')
    assert sqlstate(conn.execute, "select fn_act_as(%s)", (digest("ann"),)) == "OP015"


def test_a_login_takes_exactly_the_roles_of_which_its_group_has_all_rights(conn, people):
    for group in ROLES:
        login = people.make(group)
        for role in ROLES:
            (has_all,) = conn.execute(
                "select bool_and(has_function_privilege(_role_name(%s), p.oid, 'execute')) from pg_proc p"
                " where p.pronamespace = current_schema()::regnamespace"
                "   and has_function_privilege(_role_name(%s), p.oid, 'execute')",
                (group, role),
            ).fetchone()
            refusal = sqlstate(conn.execute, "select _assert_in_group(%s, %s)", (login, role))
            assert refusal == (None if has_all else "OP015"), (group, role)


def test_an_admin_makes_keys_for_himself_only(conn, people):
    ann, ben = people.make("operator"), people.session("admin")
    assert sqlstate(create, ben, "ann", "operator", ann) == "OP015"
    assert create(ben, "ben", "operator", ben.info.user)["login"] == ben.info.user


def test_a_key_is_rotated_by_whoever_may_make_it_and_while_its_login_may_what_it_may(conn, people):
    ann, ben = people.make("operator"), people.session("admin")
    create(conn, "ann", "operator", ann)
    rotate = "select fn_rotate_api_key('ann', %s)::text"
    assert sqlstate(ben.execute, rotate, (digest("ben's"),)) == "OP015"
    conn.execute(f'revoke opsloop_operator from "{ann}"')
    assert sqlstate(conn.execute, rotate, (digest("new"),)) == "OP015"
    conn.execute(f'grant opsloop_operator to "{ann}"')
    assert sqlstate(conn.execute, rotate, (digest("new"),)) is None


def test_two_keys_are_valid_while_one_is_rotated_and_never_three(conn, people):
    ann = people.make("reader")
    create(conn, "look", "reader", ann, "first")
    for key in ("second", "third"):
        conn.execute("select * from fn_rotate_api_key('look', %s)", (digest(key),))
    refusals = [
        sqlstate(conn.execute, "select fn_act_as(%s)", (digest(key),)) for key in ("first", "second", "third")
    ]
    assert refusals == ["OP091", None, None]
    assert conn.execute(
        "select status, count(*) from fn_list_api_keys(10, true) group by 1 order by 1"
    ).fetchall() == [
        ("revoked", 1),
        ("valid", 2),
    ]


def test_whoever_signed_in_with_a_key_ends_with_it(conn, people):
    ann = people.make("reader")
    create(conn, "look", "reader", ann)
    conn.execute("select fn_sign_in(%s, %s)", (digest("look"), digest("cookie")))
    assert sqlstate(conn.execute, "select fn_act_as(null, %s)", (digest("cookie"),)) is None
    conn.execute("select fn_revoke_api_key('look')")
    assert sqlstate(conn.execute, "select fn_act_as(null, %s)", (digest("cookie"),)) == "OP091"
    assert conn.execute("select from ops_sign_ins").fetchall() == []


def test_a_sign_in_ends_with_its_time_and_is_not_kept(conn, people):
    loop = Loop(conn)
    create(conn, "look", "reader", people.make("reader"))
    sign_in = "select fn_sign_in(%s, %s, 10)::text"
    loop.value(sign_in, digest("look"), digest("cookie"))
    loop.advance(601)
    assert sqlstate(loop.value, "select fn_act_as(null, %s)::text", digest("cookie")) == "OP091"
    assert loop.row("select signed_in from fn_list_api_keys()") == {"signed_in": 0}
    loop.value(sign_in, digest("look"), digest("another"))
    assert loop.rows("select hash from ops_sign_ins") == [{"hash": digest("another")}]


def test_a_call_that_only_reads_cannot_write(conn, people):
    ann = people.make("admin")
    create(conn, "ann", "admin", ann)
    acting(conn, "ann", read_only=True)
    assert sqlstate(conn.execute, "select fn_emit_event('shop:opened')") == "25006"


def test_no_role_of_the_loop_reads_digests(conn, people):
    for role in ("reader", "admin"):
        assert sqlstate(people.session(role).execute, "select * from ops_api_keys") == "42501"
        assert sqlstate(people.session(role).execute, "select * from ops_sign_ins") == "42501"


def test_a_function_that_lends_its_owners_rights_does_not_let_a_readers_key_decide(conn, connect, people):
    ann, ben = people.make("producer"), people.make("admin")
    create(conn, "ann", "producer", ann)
    create(conn, "look", "reader", ben)
    conn.execute(
        """create function public.lend(p_id uuid) returns text language sql security definer
           as 'select status from opsloop.fn_approve_proposal(p_id)'"""
    )
    server = connect()
    acting(server, "ann")
    proposal = server.execute(PROPOSE).fetchone()[0]
    server.execute("commit")
    acting(server, "look")
    assert sqlstate(server.execute, "select public.lend(%s)", (proposal,)) == "OP015"
    server.execute("rollback")
    # The owner himself may.
    assert server.execute("select public.lend(%s)", (proposal,)).fetchone() == ("approved",)
