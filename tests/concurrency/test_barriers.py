"""What holds a barrier is waited for without spinning, and named with the statement that ends it."""

import psycopg
import pytest
from psycopg.types.json import Jsonb

from logins import logins
from looping import step
from support import is_blocked, start, wait_until_blocked

CLASS = "'ops_control'::regclass::oid::integer"


@pytest.fixture
def left_behind(loop, session):
    """Leaves a prepared transaction behind that has run a statement; gone afterwards."""

    def prepare(statement):
        other = session()
        other.do("begin")
        other.rows(statement)
        other.do("prepare transaction 'it''s mine'")

    yield prepare
    for row in loop.rows("select gid from pg_prepared_xacts where database = current_database()"):
        loop.do("rollback prepared 'it''s mine'" if row["gid"] == "it's mine" else "select 1")


REMEDY = "rollback prepared 'it''s mine';"


@pytest.mark.parametrize(
    "statement", ["select fn_pause('all')", "select fn_kill_switch()", "select fn_resume('all')"]
)
def test_a_prepared_stop_is_named_by_its_gid(loop, left_behind, statement):
    left_behind(statement)
    said = loop.refused("023", "select fn_kill_switch()")
    assert "it''s mine" in said.message_primary
    assert REMEDY in said.message_hint
    loop.do("set lock_timeout = '50ms'")
    if "resume" not in statement:
        refused = loop.refused("023", "select * from fn_claim_steps('w1', 1)")
        assert "it''s mine" in refused.message_primary
        assert REMEDY in refused.message_hint
    loop.do(REMEDY)
    assert loop.claim() == []
    assert loop.value("select fn_pause('all')")["could_still_commit"] == []


def test_a_prepared_claim_is_among_those_that_could_still_commit(loop, left_behind):
    loop.allow()
    loop.mission(step("a"))
    left_behind("select * from fn_claim_steps('w1', 1)")
    (one,) = loop.value("select fn_kill_switch()")["could_still_commit"]
    assert (one["pid"], one["gid"], one["remedy"]) == (None, "it's mine", REMEDY)
    assert one["login"]
    loop.do(one["remedy"])
    loop.do("select fn_resume('all')")
    assert loop.broken() == []


def test_a_prepared_change_of_policy_is_named_by_its_gid(loop, left_behind):
    left_behind("select fn_set_policy('auto_approve', '{}')")
    said = loop.refused("023", "select fn_set_policy('auto_approve', '{}')")
    assert "it''s mine" in said.message_primary
    loop.do(REMEDY)
    loop.value("select fn_set_policy('auto_approve', '{}')")


@pytest.mark.parametrize(("lock", "call"), [(1, "claims"), (2, "claims"), (3, "reports"), (4, "reports")])
def test_a_call_waits_for_a_stranger_at_the_barrier_without_spinning_and_names_him(
    loop, session, dsn, lock, call
):
    with logins(dsn) as made:
        name = made.make()
        stranger = made.open(name)
        # A login without rights cannot ask for the oid by the name of the table; it is easily guessed.
        oid = loop.value(f"select {CLASS}")
        stranger.execute("select pg_advisory_lock(%s, %s)", (oid, lock))
        worker = session()
        worker.do("set lock_timeout = '1500ms'")
        waiting = start(lambda: worker.do(f"select _pass_barrier('{call}')"))
        wait_until_blocked(stranger, worker.conn)
        assert all(is_blocked(stranger, worker.conn) for _ in range(50))
        with pytest.raises(psycopg.Error, match="OPS_023") as refused:
            waiting.result()
        pid = stranger.info.backend_pid
        assert f"session {pid} of {name}" in refused.value.diag.message_primary
        assert f"select pg_terminate_backend({pid});" in refused.value.diag.message_hint
        assert worker.value("select current_setting('lock_timeout')") == "1500ms"

        waiting = start(lambda: worker.do(f"select _pass_barrier('{call}')"))
        wait_until_blocked(stranger, worker.conn)
        stranger.execute("select pg_advisory_unlock(%s, %s)", (oid, lock))
        waiting.result()
    assert (
        loop.rows("select * from pg_locks where locktype = 'advisory' and classid = 'ops_control'::regclass")
        == []
    )


def test_a_call_that_nobody_limits_gives_up_by_itself(loop, session):
    other = session()
    other.do(f"select pg_advisory_lock({CLASS}, 2)")
    loop.refused("023", "select * from fn_claim_steps('w1', 1)")
    other.do(f"select pg_advisory_unlock({CLASS}, 2)")
    assert loop.claim() == []
    assert loop.value("select current_setting('lock_timeout')") == "0"


#: Calls that write what a restore locks; {step}, {proposal} and the like are filled in.
WRITES = [
    "select * from fn_claim_outbox_deliveries('p1')",
    "select * from fn_claim_outbox_events('p1', 1)",
    "select fn_complete_outbox_event({message}, 'p0')",
    'select * from fn_complete_outbox_events(\'p0\', \'[{{"event_id": {message}, "outcome": "delivered"}}]\')',
    "select * from fn_extend_outbox_claims('p0', array[{message}])",
    "select * from fn_claim_steps('w1', 1)",
    "select * from fn_complete_steps({leases})",
    "select * from fn_extend_leases('w1', {leases})",
    "select fn_emit_event('signal')",
    'select fn_emit_events(\'[{{"type": "signal"}}]\')',
    "select fn_publish_outbox('a', '2', 'e')",
    'select * from fn_create_proposal(\'{{"title": "t", "steps": [{{"kind": "noop"}}]}}\')',
    "select * from fn_approve_proposal({proposal}, 'ann')",
    "select fn_cancel_mission({mission}, 'ann')",
    "select fn_acquire_lock('mine', 'me', 60)",
    "select fn_extend_lock('mine', 'me', 60)",
    "select fn_release_lock('mine', 'me')",
    "select fn_pause('all')",
    "select fn_kill_switch()",
]


@pytest.mark.parametrize("call", WRITES)
def test_a_restore_that_is_not_committed_is_named_and_not_waited_for_without_end(loop, session, call):
    loop.allow()
    mission = loop.mission(step("a"), step("b"))
    leases = Jsonb(
        [{name: str(lease[name]) for name in ("step_id", "lease_token")} for lease in loop.claim()]
    )
    proposal = loop.propose(step("a"), risk_level="high")["proposal_id"]
    loop.do("select fn_acquire_lock('mine', 'me', 60)")
    loop.do("select fn_publish_outbox('a', '1', 'e'), fn_publish_outbox('b', '1', 'e')")
    loop.policy("outbox", routes=[{"event_type": "*", "sink": "log"}])
    message = loop.rows("select id from fn_claim_outbox_deliveries('p0', 1)")[0]["id"]
    other = session()
    other.do("begin")
    other.value("select fn_after_restore('ann')")
    loop.do("set statement_timeout = '8s'")
    query = call.format(message=message, proposal=f"'{proposal}'", mission=f"'{mission}'", leases="%s")
    with pytest.raises(psycopg.Error, match=r"OPS_023|OPS_031") as refused:
        loop.rows(query, *([leases] if "%s" in query else []))
    assert str(other.conn.info.backend_pid) in refused.value.diag.message_primary
    assert "pg_terminate_backend" in refused.value.diag.message_hint
    other.do("rollback")
    assert loop.rows("select id from fn_claim_outbox_deliveries('p1')")


def test_a_lock_cannot_be_acquired_while_a_restore_is_not_committed(loop, session):
    loop.do("select fn_acquire_lock('expired', 'me', 1)")
    loop.advance(5)
    other = session()
    other.do("begin")
    other.value("select fn_after_restore('ann')")
    loop.do("set statement_timeout = '8s'")
    for name in ("new", "expired"):
        assert loop.value("select fn_acquire_lock(%s, 'you', 60)", name) is False
    other.do("rollback")
    for name in ("new", "expired"):
        assert loop.value("select fn_acquire_lock(%s, 'you', 60)", name) is True
