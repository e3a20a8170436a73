"""A node that is killed: the others' work goes on, everybody is told, and it comes back as the fleet is by then."""

from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from fleet.servers import Node, Servers, password
from fleet.test_front import TEMPLATE, WAITS, on_each, propose
from opsloop.fleet import Fleet


def claim(node: Node) -> int:
    """How many steps the node hands out."""
    return len(node.rows("select step_id from fn_claim_steps('a test', 1000)"))


def warnings(conn: psycopg.Connection[Any]) -> list[str | None]:
    said: list[str | None] = []
    conn.add_notice_handler(lambda one: said.append(one.message_primary) if one.sqlstate == "OP029" else None)
    return said


def put_work(fleet: Servers, name: str) -> None:
    """A mission on each node."""
    on_each(fleet, name)


def test_the_work_of_the_others_goes_on(fleet: Servers) -> None:
    before = on_each(fleet, "goes-on")
    fleet.node(3).stop()
    done, refused, codes = [], [], set()
    with fleet.front("one_producer") as conn:
        for n in range(60):
            try:
                done.append(propose(conn, f"while-away-{n}"))
            except psycopg.Error as error:
                refused.append(f"while-away-{n}")
                codes.add(error.sqlstate)
        # Without a key any node will do.
        for _ in range(12):
            conn.execute("select fn_emit_event('x')")
    assert {fleet.of(one[0]).number for one in done} == {1, 2}
    assert 0 < len(refused) < 60
    assert codes == {"OP029"}
    with fleet.front() as conn:
        said = warnings(conn)
        listed = conn.execute("select mission_id from fn_list_missions(1000)").fetchall()
        assert said == ["OPS_029: without node 3, which does not answer"]
        assert {fleet.of(one).number for (one,) in listed} == {1, 2}
        with pytest.raises(psycopg.Error) as caught:
            conn.execute("select fn_cancel_mission(%s)", (before[3][2],))
        assert caught.value.sqlstate == "OP029"
        assert '"node": 3' in (caught.value.diag.message_detail or "")
        assert conn.execute("select fn_cancel_mission(%s)", (before[1][2],)).fetchone() == ("cancelled",)
    assert claim(fleet.node(1)) > 0
    fleet.node(3).start()
    with fleet.front("one_producer") as conn:
        assert {fleet.of(propose(conn, key)[0]).number for key in refused} == {3}


def test_health_names_it_and_it_counts_as_unsound(fleet: Servers) -> None:
    with fleet.front("one_reader") as conn:
        check = "select status, value from fn_check_health() where name = 'fleet nodes'"
        assert conn.execute(check).fetchone() == ("ok", "all answer")
        assert conn.execute("select * from fn_check_invariants()").fetchall() == []
        fleet.node(2).stop()
        assert conn.execute(check).fetchone() == ("fail", "node 2 does not answer")
        broken = conn.execute("select invariant, subject from fn_check_invariants()").fetchall()
        assert broken == [("fleet: every node answers", "node 2")]
        status = conn.execute("select node, reached from fn_fleet_status()").fetchall()
        assert status == [(1, True), (2, False), (3, True)]


@pytest.mark.parametrize("stop", ["fn_kill_switch", "fn_pause"])
def test_a_node_that_missed_a_stop_is_named_and_comes_back_stopped(fleet: Servers, stop: str) -> None:
    put_work(fleet, stop)
    fleet.node(3).stop()
    with fleet.front("one_operator") as conn:
        said = warnings(conn)
        call = (
            "fn_kill_switch('me', 'a test')"
            if stop == "fn_kill_switch"
            else "fn_pause('all', null, 'me', 'a test')"
        )
        (result,) = conn.execute(f"select {call}").fetchone() or ({},)  # type: ignore[call-overload]
    assert [one["node"] for one in result["not_told"]] == [3]
    assert [one["node"] for one in result["nodes"]] == [1, 2]
    assert result["changed"] is True
    assert said == ["OPS_029: not told: node 3"]
    assert [claim(fleet.node(n)) for n in (1, 2)] == [0, 0]

    fleet.node(3).start()
    assert fleet.node(3).rows("select * from fn_list_pauses()") == []
    assert claim(fleet.node(3)) == 0, "it hands out nothing before it was told"
    fleet.sync()
    assert fleet.node(3).rows("select scope, kill, paused_by from fn_list_pauses()") == [
        ("all", stop == "fn_kill_switch", "me" if stop == "fn_pause" else "postgres")
    ]
    assert claim(fleet.node(3)) == 0
    with fleet.front("one_operator") as conn:
        (result,) = conn.execute("select fn_resume('all')").fetchone() or ({},)
        assert result["not_told"] == []
        assert conn.execute("select * from fn_list_pauses()").fetchall() == []
    assert claim(fleet.node(3)) > 0


def test_a_node_that_was_restarted_hands_out_nothing_until_it_is_told_that_nothing_is_paused(
    fleet: Servers,
) -> None:
    put_work(fleet, "restarted")
    fleet.node(2).stop()
    fleet.node(2).start()
    assert claim(fleet.node(2)) == 0
    with fleet.front() as conn:
        check = "select status, value from fn_check_health() where name = 'fleet nodes'"
        assert conn.execute(check).fetchone() == ("warn", "node 2 hands out nothing until it is told")
    fleet.sync()
    assert claim(fleet.node(2)) > 0


def test_a_resume_that_a_node_missed_is_made_up_for(fleet: Servers) -> None:
    put_work(fleet, "missed-resume")
    with fleet.front() as conn:
        conn.execute("select fn_pause('executor', 'noop', 'me')")
        fleet.sync()
        fleet.node(1).rows("select fn_pause('kind', 'local', 'somebody on the node')")
        fleet.node(1).rows("select 1")
        fleet.node(2).stop()
        conn.execute("select fn_resume('executor', 'noop', 'me')")
    fleet.node(2).start()
    assert fleet.node(2).rows("select scope, target from fn_list_pauses()") == [("executor", "noop")]
    fleet.sync()
    assert fleet.node(2).rows("select scope, target from fn_list_pauses()") == []
    assert claim(fleet.node(2)) > 0
    # What was paused on the node itself is not the front's to lift.
    assert fleet.node(1).rows("select scope, target from fn_list_pauses()") == [("kind", "local")]
    fleet.node(1).rows("select fn_resume('kind', 'local')")


def test_a_kill_that_was_lifted_meanwhile_still_takes_back_what_ran(fleet: Servers) -> None:
    put_work(fleet, "missed-kill")
    fleet.sync()
    assert claim(fleet.node(3)) > 0
    (epoch,) = fleet.node(3).rows("select epoch from ops_control")[0]
    fleet.node(3).stop()
    with fleet.front() as conn:
        conn.execute("select fn_kill_switch('me')")
        conn.execute("select fn_resume('all', null, 'me')")
        fleet.node(3).start()
        # That it was told something else meanwhile does not count.
        conn.execute("select fn_pause('kind', 'local', 'me')")
        conn.execute("select fn_resume('kind', 'local', 'me')")
    fleet.sync()
    assert fleet.node(3).rows("select epoch from ops_control") == [(epoch + 1,)]
    assert fleet.node(3).rows("select * from fn_list_pauses()") == []
    fleet.sync()
    assert fleet.node(3).rows("select epoch from ops_control") == [(epoch + 1,)]


def test_a_policy_that_a_node_missed_is_in_force_before_it_hands_out_work(fleet: Servers) -> None:
    put_work(fleet, "missed-policy")
    fleet.node(2).stop()
    with fleet.front("one_admin") as conn:
        said = warnings(conn)
        policy = conn.execute("select fn_get_policy('auto_approve')").fetchone()
        assert policy is not None
        (version,) = conn.execute(
            "select version from fn_list_policies() where key = 'auto_approve'"
        ).fetchone() or (0,)
        closed = {**policy[0], "enabled": False}
        call = "select fn_set_policy('auto_approve', %s, 'me', %s, 'a test')"
        assert conn.execute(call, (Jsonb(closed), version)).fetchone() == (version + 1,)
        assert said == ["OPS_029: not told: node 2"]
        with pytest.raises(psycopg.Error) as caught:
            conn.execute(call, (Jsonb(closed), version))
        assert caught.value.sqlstate == "OP011"
    fleet.node(2).start()
    assert claim(fleet.node(2)) == 0
    fleet.sync()
    for node in fleet.nodes:
        assert node.rows("select fn_get_policy('auto_approve') ->> 'enabled'") == [("false",)]
    with fleet.front("one_admin") as conn:
        assert propose(conn, "by-new-policy")[1] == "pending"
        assert conn.execute("select fn_rollback_policy('auto_approve', null, 'me')").fetchone() == (
            version + 2,
        )
        assert propose(conn, "by-old-policy", TEMPLATE)[1] == "auto_approved"


def test_a_node_whose_machine_is_gone_keeps_nobody_waiting(fleet: Servers) -> None:
    """Nothing listens at its address: the front's connections have a limit, and it is told last."""
    with fleet.front() as conn, fleet.unreachable(3):
        (result,) = conn.execute("select fn_pause('all', null, 'me')").fetchone() or ({},)
        assert [one["node"] for one in result["not_told"]] == [3]


def test_what_no_node_would_take_is_not_written_down_though_none_answers(fleet: Servers) -> None:
    """Told later, it would be refused each time, and the nodes would never hand out work again."""
    with fleet.front() as conn, fleet.unreachable(1, 2, 3):
        for call in (
            "fn_pause('executor')",
            "fn_pause('all', 'x')",
            "fn_pause('nothing', 'x')",
            "fn_pause('kind', 'local', repeat('a', 501))",
            "fn_pause('kind', 'local', 'me', repeat('a', 10001))",
        ):
            with pytest.raises(psycopg.Error) as caught:
                conn.execute(f"select {call}")  # type: ignore[call-overload]
            assert caught.value.sqlstate == "OP018", call
        assert conn.execute("select * from fleet_pauses").fetchall() == []


def test_a_mission_whose_node_is_away_is_not_said_to_be_paused(fleet: Servers) -> None:
    """Nothing would tell the node later: it is not paused on the whole fleet."""
    mission = on_each(fleet, "pause-of-one")[3][2]
    with fleet.front() as conn:
        with fleet.unreachable(3), pytest.raises(psycopg.Error) as caught:
            conn.execute("select fn_pause('mission', %s)", (str(mission),))
        assert caught.value.sqlstate == "OP029"
        (result,) = conn.execute("select fn_pause('mission', %s)", (str(mission),)).fetchone() or ({},)
        assert (result["changed"], result["not_told"]) == (True, [])


def test_a_node_that_refuses_a_kill_does_not_keep_it_from_the_others(fleet: Servers) -> None:
    with fleet.front("one_operator") as conn, fleet.node(2).session() as there:
        there.execute("revoke opsloop_operator from one_operator")
        try:
            (result,) = conn.execute("select fn_kill_switch('me', 'a test')").fetchone() or ({},)
        finally:
            there.execute("grant opsloop_operator to one_operator")
    assert [one["node"] for one in result["nodes"]] == [1, 3]
    assert [(one["node"], one["sqlstate"]) for one in result["not_told"]] == [(2, "42501")]
    with fleet.front("one_reader") as conn:
        rows = conn.execute("select node, reached, fault_code from fn_fleet_status()").fetchall()
        assert rows == [(1, True, None), (2, True, "42501"), (3, True, None)], "it answers, and had refused"
    fleet.sync()
    assert fleet.node(2).rows("select kill from fn_list_pauses()") == [(True,)]


def test_a_node_whose_loop_is_moving_refuses_its_part_alone(fleet: Servers) -> None:
    waiting = {n: one[0] for n, one in on_each(fleet, "moving", WAITS).items()}
    on_each(fleet, "moving-too")
    decisions = [
        {"id": str(one), "decision": "reject", "digest": digest, "reason": "a test"}
        for n, one in waiting.items()
        for (digest,) in fleet.node(n).rows("select digest from fn_inbox(1000) where id = %s", one)
    ]
    fleet.node(3).rows("select fn_begin_move('elsewhere')")
    fleet.node(3).rows("select fn_close_move()")
    try:
        with fleet.front("one_operator") as conn:
            said = warnings(conn)
            rows = conn.execute("select id, ok, code from fn_decide(%s)", (Jsonb(decisions),)).fetchall()
            assert {n: row[1:] for n, one in waiting.items() for row in rows if row[0] == one} == {
                1: (True, None),
                2: (True, None),
                3: (False, "OPS_101"),
            }
            call = "select id, ok from fn_cancel_missions('{}', 1000, false, 'me', 'a test')"
            cancelled = conn.execute(call).fetchall()
            assert {fleet.of(one).number for one, ok in cancelled if ok} == {1, 2}
            assert len(said) == 1
            assert str(said[0]).startswith(
                "OPS_029: without node 3, which refuses: OPS_101: the loop is moving"
            )
        with fleet.front("one_producer") as conn:
            # What has no key goes to another node.
            ids = [conn.execute("select fn_emit_event('x')").fetchone() for _ in range(20)]
            assert {fleet.of(one[0]).number for one in ids if one} == {1, 2}
    finally:
        fleet.node(3).rows("select fn_take_back_move()")


def test_a_login_without_a_password_hears_why_no_node_answers(fleet: Servers) -> None:
    with Fleet.open(fleet.front_dsn) as front, fleet.front("one_producer") as conn:
        front.login("one_producer", None)
        try:
            for statement in ("select * from fn_list_missions()", "select fn_emit_event('x', '{}', 'k')"):
                with pytest.raises(psycopg.Error) as caught:
                    conn.execute(statement)  # type: ignore[call-overload]
                assert caught.value.sqlstate == "OP029"
                assert "no password supplied" in (caught.value.diag.message_detail or "")
            assert "Nothing was done" in (caught.value.diag.message_hint or "")
        finally:
            front.login("one_producer", password("one_producer"))
        assert conn.execute("select count(*) > 0 from fn_list_missions()").fetchone() == (True,)


def test_a_producer_with_an_open_transaction_keeps_no_pause_waiting(fleet: Servers) -> None:
    with fleet.front("one_producer") as producer, fleet.front() as conn:
        conn.execute("delete from fleet_routed")
        producer.execute("begin")
        propose(producer, "first-of-its-layout")
        conn.execute("select fn_pause('kind', 'local', 'me')")
        conn.execute("select fn_resume('kind', 'local', 'me')")
        producer.execute("commit")
        assert conn.execute("select count(*) from fleet_routed").fetchone() == (1,)
