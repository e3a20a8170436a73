"""The steps of a move: in their order, on the right side, each once; closed means that nothing writes."""

import json

import psycopg
import pytest

from looping import Loop, step
from routines.moves.copying import arrived, refused
from support import run, wait_until_blocked


def begin(loop, to="db2:5432/ops"):
    return loop.value("select fn_begin_move(%s, 'db1:5432/ops', 'ada', 'a bigger server')", to)


def close(loop):
    begin(loop)
    return loop.value("select fn_close_move()")


def said(caught):
    return json.loads(caught.value.diag.message_detail)


@pytest.fixture
def loop(conn):
    return Loop(conn)


def test_while_it_drains_claims_are_refused_and_all_else_goes_on(loop):
    mission = loop.mission(step("a"))
    (work,) = loop.claim()
    loop.mission(step("b"))
    state = begin(loop)
    assert (state["phase"], state["side"], state["running"]) == ("draining", "source", 1)
    for claim in (
        "select * from fn_claim_steps('w')",
        "select * from fn_claim_outbox_events('w')",
        "select * from fn_claim_outbox_deliveries('w')",
    ):
        with refused("OPS_101") as caught:
            loop.rows(claim)
        assert said(caught)["to"] == "db2:5432/ops"
        assert said(caught)["loop_is_at"] == "db1:5432/ops"
    loop.emit("late")
    assert loop.complete(work) == "accepted"
    assert loop.status(mission) == "succeeded"
    assert loop.value("select fn_show_move() ->> 'running'") == "0"
    assert loop.broken() == []


def test_once_it_is_closed_no_statement_writes_to_any_table(loop):
    loop.mission(step("a"))
    close(loop)
    tables = [row["relname"] for row in loop.rows(
        "select relname from pg_class where relnamespace = 'opsloop'::regnamespace and relkind in ('r', 'p')"
        " and relname <> 'ops_moves'")]  # fmt: skip
    assert len(tables) > 60
    before = loop.contents()
    for table in tables:
        for statement in (
            f"delete from {table}",
            f"truncate {table} cascade",
            f"insert into {table} default values",
        ):
            with refused("OPS_101"):
                loop.do(statement)
    for call in ("select fn_emit_event('late')", "select fn_heartbeat()", "select fn_pause('all')",
                 "select fn_kill_switch()", "select fn_acquire_lock('l', 'h', 5)",
                 "select fn_register_worker('w')"):  # fmt: skip
        with refused("OPS_101"):
            loop.rows(call)
    assert loop.contents() == before
    assert loop.rows("select * from fn_list_missions()") != []


def test_a_snapshot_from_before_writes_nothing_either(loop, connect):
    old = connect(autocommit=False)
    old.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    old.execute("select count(*) from ops_missions")
    close(loop)
    with pytest.raises(psycopg.errors.SerializationFailure):
        old.execute("select fn_emit_event('late')")
    old.rollback()
    with refused("OPS_101"):
        old.execute("select fn_emit_event('late')")


def test_closing_waits_for_those_who_write_and_they_are_stored(loop, connect):
    writer = connect(autocommit=False)
    writer.execute("select fn_emit_event('in:time')")
    begin(loop)
    closer = connect()
    closing = run(closer, "select fn_close_move()")
    wait_until_blocked(connect(), closer)
    writer.commit()
    ((state,),) = closing.result()
    assert state["phase"] == "closed"
    assert loop.value("select count(*) from ops_agent_events where type = 'in:time'") == 1


def test_a_session_that_does_not_end_is_named_and_nothing_is_closed(loop, connect):
    writer = connect(autocommit=False)
    writer.execute("select fn_emit_event('open')")
    begin(loop)
    with refused("OPS_031") as caught:
        loop.rows("select fn_close_move()")
    assert writer.info.backend_pid in [one["pid"] for one in said(caught)["holders"]]
    assert loop.value("select fn_show_move() ->> 'phase'") == "draining"
    assert loop.value("select count(*) from pg_trigger where tgname = 'ops_move_closed'") == 0
    writer.rollback()
    loop.emit("still:open")


def test_what_comes_in_a_wrong_order_or_on_the_wrong_side_is_refused(loop):
    assert loop.value("select fn_show_move()") is None
    for call in ("fn_close_move", "fn_receive_move", "fn_finish_move", "fn_take_back_move"):
        with refused("OPS_103"):
            loop.rows(f"select {call}()")
    begin(loop)
    for call in ("fn_receive_move", "fn_finish_move"):
        with refused("OPS_103"):
            loop.rows(f"select {call}()")
    with refused("OPS_103"):
        begin(loop, "db3:5432/ops")
    assert begin(loop)["changed"] is False
    assert loop.value("select fn_close_move()")["changed"] is True
    assert loop.value("select fn_close_move()")["changed"] is False
    with refused("OPS_103"):
        loop.rows("select fn_receive_move()")
    assert loop.value("select fn_finish_move()")["phase"] == "moved"
    with refused("OPS_103") as caught:
        begin(loop)
    assert said(caught)["phase"] == "moved"


def test_a_copy_does_not_begin_the_move_that_it_came_with(loop, dsn, databases):
    close(loop)
    with arrived(databases, dsn) as copy:
        with refused("OPS_103") as caught:
            begin(copy)
        assert said(caught)["side"] == "target"
        assert copy.value("select fn_show_move() ->> 'phase'") == "closed"


def test_what_a_relay_has_leased_holds_the_other_side_up_as_well(loop):
    loop.do("select fn_publish_outbox('order', '1', 'changed', '{}')")
    assert len(loop.rows("select * from fn_claim_outbox_events('relay')")) == 1
    ends = loop.value("select max(lease_expires_at) from outbox_heads")
    close(loop)
    assert loop.value("select leases_until from ops_moves") == ends


def test_what_ends_last_counts(loop):
    loop.do("select fn_publish_outbox('order', '1', 'changed', '{}')")
    loop.rows("select * from fn_claim_outbox_events('relay')")
    loop.mission(step("a"))
    (work,) = loop.claim()
    loop.do("update ops_mission_steps set lease_expires_at = lease_expires_at + interval '1 hour'")
    close(loop)
    assert loop.value("select leases_until from ops_moves") == loop.value(
        "select lease_expires_at from ops_mission_steps where id = %s", work["step_id"]
    )


def test_a_step_is_not_lost_with_the_server(loop, connect):
    other = connect(autocommit=False)
    other.execute("set synchronous_commit = off")
    other.commit()
    for call in ("fn_begin_move('db2')", "fn_close_move()", "fn_finish_move()", "fn_take_back_move()"):
        other.execute(f"select {call}")
        assert other.execute("show synchronous_commit").fetchone() == ("local",), call
        other.commit()
    assert other.execute("show synchronous_commit").fetchone() == ("off",)


@pytest.mark.parametrize(
    "place", ["host=db2 password=geheim", "postgresql://ops:geheim@db2/ops", "", "x" * 501]
)
def test_a_place_is_for_people_and_has_no_password(loop, place):
    with refused("OPS_018"):
        begin(loop, place)
    assert loop.rows("select from ops_moves") == []


def test_a_step_is_taken_in_read_committed_only(loop, connect):
    other = connect(autocommit=False)
    other.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    with refused("OPS_018"):
        other.execute("select fn_begin_move('db2')")


@pytest.mark.parametrize("phase", ["draining", "closed", "moved"])
def test_taken_back_it_goes_on_where_it_was(loop, phase):
    loop.mission(step("a"))
    begin(loop)
    if phase != "draining":
        loop.rows("select fn_close_move()")
    if phase == "moved":
        loop.rows("select fn_finish_move()")
    state = loop.value("select fn_take_back_move('ada', 'not today')")
    assert (state["phase"], state["in_force"], state["changed"]) == ("taken_back", False, True)
    assert loop.value("select fn_take_back_move()")["changed"] is False
    (work,) = loop.claim()
    assert loop.complete(work) == "accepted"
    assert loop.rows("select from ops_pauses") == []
    assert loop.value("select count(*) from pg_trigger where tgname = 'ops_move_closed'") == 0
    assert loop.broken() == []
    assert begin(loop)["changed"] is True


def test_a_pause_of_before_is_in_force_on_the_other_side_too(loop, dsn, databases):
    loop.rows("select fn_pause('all', null, 'ada')")
    close(loop)
    with arrived(databases, dsn) as copy:
        copy.rows("select fn_receive_move()")
        loop.rows("select fn_finish_move()")
        copy.rows("select fn_finish_move()")
        assert [row["scope"] for row in copy.rows("select scope from fn_list_pauses()")] == ["all"]
        assert copy.claim() == []


def test_a_loop_goes_on_where_it_went_and_nowhere_else(loop, dsn, databases):
    ended, runs = loop.mission(step("a")), loop.mission(step("b"))
    first, second = loop.claim(2)
    assert loop.complete(first) == "accepted"
    assert loop.value("select fn_acquire_lock('l', 'h', 600)") is True
    token = loop.value("select fn_lock_token('l', 'h')")
    loop.rows("select fn_register_worker('w')")
    state = close(loop)
    assert state["leases_until"] is not None
    with arrived(databases, dsn) as copy:
        with refused("OPS_101") as caught:
            copy.claim()
        assert "here" in caught.value.diag.message_primary
        with refused("OPS_101"):
            copy.emit("early")
        with refused("OPS_103"):
            copy.rows("select fn_finish_move()")
        received = copy.value("select fn_receive_move('ada')")
        assert (received["phase"], received["side"], received["restored"]["revoked"]) == (
            "arrived",
            "target",
            1,
        )
        assert copy.value("select fn_receive_move()")["changed"] is False
        with refused("OPS_101"):
            copy.emit("early")
        assert copy.broken() == []
        assert loop.value("select fn_finish_move()")["phase"] == "moved"
        with refused("OPS_102") as caught:
            loop.emit("late")
        assert said(caught)["loop_is_at"] == "db2:5432/ops"
        with refused("OPS_102"):
            loop.complete(second)
        with refused("OPS_103") as caught:
            copy.rows("select fn_finish_move()")
        assert said(caught)["leases_until"] is not None
        copy.do("update ops_moves set leases_until = now()")
        assert copy.value("select fn_finish_move()")["phase"] == "open"
        assert copy.value("select fn_finish_move()")["changed"] is False
        with refused("OPS_104"):
            copy.rows("select fn_take_back_move()")
        assert copy.complete(second) == "OPS_006"
        (again,) = copy.claim(5)
        assert copy.complete(again) == "accepted"
        assert copy.status(ended) == copy.status(runs) == "succeeded"
        assert copy.value("select fn_acquire_lock('l', 'other', 5)") is True
        assert copy.value("select fn_lock_token('l', 'other')") > token
        assert copy.broken() == []
        # What was let through is closed again behind it, on either side.
        assert loop.value("select count(*) from ops_moves where let_through is not null") == 0
        assert copy.value("select count(*) from ops_moves where let_through is not null") == 0
        # And on to the next server.
        assert copy.value("select fn_begin_move('db3')")["side"] == "source"


def test_a_copy_that_is_given_up_stays_closed(loop, dsn, databases):
    close(loop)
    with arrived(databases, dsn) as copy:
        copy.rows("select fn_receive_move()")
        assert copy.value("select fn_take_back_move('ada')")["phase"] == "given_up"
        loop.rows("select fn_take_back_move('ada')")
        with refused("OPS_102") as caught:
            copy.emit("astray")
        assert said(caught)["loop_is_at"] == "db1:5432/ops"
        with refused("OPS_103"):
            copy.rows("select fn_finish_move()")
        with refused("OPS_102"):
            copy.claim()
    loop.emit("home")


def test_each_step_is_in_the_audit_log(loop):
    close(loop)
    loop.rows("select fn_take_back_move('ben', 'not today')")
    login = loop.value("select session_user::text")
    assert loop.rows(
        "select action, subject_type, actor, reason, detail ->> 'phase' as phase from ops_audit_log"
        " where action = 'move' order by id"
    ) == [
        {"action": "move", "subject_type": "loop", "actor": actor, "reason": reason, "phase": phase}
        for actor, reason, phase in [
            ("ada", "a bigger server", "draining"),
            (login, "a bigger server", "closed"),
            ("ben", "not today", "taken_back"),
        ]
    ]


def test_a_step_that_waits_says_that_the_loop_moves(loop):
    mission = loop.mission(step("a"))
    begin(loop)
    (why,) = loop.rows("select * from fn_explain_mission(%s) where reason = 'pause'", mission)
    assert "move" in why["detail"]
    assert "fn_take_back_move" in why["frees"]
    assert [row["scope"] for row in loop.rows("select scope from fn_list_pauses()")] == ["move"]
    with refused("OPS_018"):
        loop.rows("select fn_resume('move')")


def test_whatever_is_made_later_is_closed_as_well(loop):
    loop.do("create table notes (id integer primary key)")
    close(loop)
    with refused("OPS_101"):
        loop.do("insert into notes values (1)")
