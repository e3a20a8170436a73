"""Which nodes there are: adding one, emptying one, shares of the caps, and the commands that do it."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from decimal import Decimal

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from psycopg.types.json import Jsonb

from cli.documented import assert_documented
from fleet.servers import PRESENT, Servers, password, servers
from fleet.test_front import propose
from opsloop import fleet as fleets
from opsloop.errors import ForeignObject, NotAllowed, NotFound, WrongNode
from opsloop.fleet import Fleet
from support import require, wait_until_blocked


@pytest.fixture(scope="module")
def two() -> Iterator[Servers]:
    """Three servers, of which two are nodes."""
    require("plproxy", PRESENT)
    with servers(members=2) as made:
        yield made


def homes(fleet: Servers, keys: list[str]) -> dict[str, int]:
    with fleet.front() as conn:
        return {key: fleet.of(propose(conn, key)[0]).number for key in keys}


def test_adding_a_node_changes_where_new_keys_go_and_emptying_one_does_so_again(two: Servers) -> None:
    old = homes(two, [f"old-{n}" for n in range(60)])
    assert set(old.values()) == {1, 2}
    two.add(3)
    # A key that was seen stays where it is, and a call that is sent again finds what it did.
    assert homes(two, list(old)) == old
    new = homes(two, [f"new-{n}" for n in range(60)])
    assert set(new.values()) == {1, 2, 3}
    assert all(
        len(node.rows("select 1 from ops_mission_proposals where dedupe_key = 'old-1'")) in (0, 1)
        for node in two.nodes
    )
    everywhere = [
        key for node in two.nodes for (key,) in node.rows("select dedupe_key from ops_mission_proposals")
    ]
    assert len(everywhere) == len(set(everywhere)) == 120
    # Of the keys to come, only those that go to the new node go elsewhere than without it.
    with two.front() as conn:
        again = "select _route_key('proposal', null, %s)"
        with_ = {n: conn.execute(again, (f"k{n}",)).fetchone() for n in range(300)}
        with conn.transaction(force_rollback=True):
            conn.execute("delete from fleet_nodes where node = 3")
            without = {n: conn.execute(again, (f"k{n}",)).fetchone() for n in range(300)}
    moved = {n for n in range(300) if with_[n] != without[n]}
    assert {with_[n] for n in moved} == {(3,)}
    assert 60 < len(moved) < 140

    code, out = run("fleet", "drain", "1", "--dsn", two.front_dsn, "--json")
    assert code == 0, out
    left = json.loads(out)["open"]
    with Fleet.open(two.front_dsn) as front:
        assert left == len([one for one in [*old.values(), *new.values()] if one == 1])
        assert set(homes(two, [f"drained-{n}" for n in range(40)]).values()) == {2, 3}
        assert homes(two, [*old, *new]) == {**old, **new}
        with pytest.raises(WrongNode):
            front.drain(1, finish=True)
        two.node(1).rows("select count(*) from ops_missions m, fn_cancel_mission(m.id)")
        # An event may still become a mission, and a message is still to be delivered.
        two.node(1).rows("select fn_emit_event('x'), fn_publish_outbox('order', '1', 'paid', '{}')")
        with pytest.raises(WrongNode) as told:
            front.drain(1, finish=True)
        assert told.value.detail == {
            "node": 1,
            "open": 2,
            "events": 1,
            "messages": 1,
            "missions": 0,
            "proposals": 0,
            "reactions": 0,
        }
        assert front.status()[0].open == 2
        two.node(1).rows("select fn_heartbeat()")
        two.node(1).rows(
            "select fn_complete_outbox_event(m.id, 'a test') from fn_claim_outbox_events('a test') m"
        )
        assert front.drain(1, finish=True) == 0
        assert [one.node for one in front.status()] == [2, 3]
        with pytest.raises(WrongNode):
            front.add(1, two.reached_by(two.node(1)))


def test_nobody_routes_by_the_old_nodes_once_somebody_routes_by_the_new(two: Servers) -> None:
    """Adding a node waits for the transactions that have routed a key."""
    with two.front() as producer, two.front() as observer, two.front() as adding:
        producer.execute("begin")
        propose(producer, "in-flight")
        waits = threading.Thread(
            target=lambda: adding.execute("select fn_fleet_add(2, %s)", (two.reached_by(two.node(2)),))
        )
        waits.start()
        wait_until_blocked(observer, adding)
        producer.execute("commit")
        waits.join(30)
        assert not waits.is_alive()


@pytest.mark.parametrize("shares", [(1, 1, 1), (1, 2, 4), (Decimal("0.1"), 3, Decimal("7.77"))])
@pytest.mark.parametrize("limit", [3, 100, 101, 999_999])
def test_caps_that_are_cut_by_share_add_up(fleet: Servers, shares: tuple[Decimal, ...], limit: int) -> None:
    document = {
        "daily_limit": limit * 100,
        "max_waiting": 7,
        "per_source": {"a": limit, "b": {"hourly_limit": limit, "daily_limit": None}},
    }
    with fleet.front() as conn, conn.transaction(force_rollback=True):
        for node, share in enumerate(shares, 1):
            conn.execute("update fleet_nodes set share = %s where node = %s", (share, node))
        parts = [
            conn.execute("select _share_of(%s, 'proposal_caps', %s)", (node, Jsonb(document))).fetchone()[0]  # type: ignore[index]
            for node in (1, 2, 3)
        ]
        assert sum(part["daily_limit"] for part in parts) == limit * 100
        assert sum(part["per_source"]["a"] for part in parts) == limit
        assert sum(part["per_source"]["b"]["hourly_limit"] for part in parts) == limit
        assert {part["max_waiting"] for part in parts} == {7}
        assert {part["per_source"]["b"]["daily_limit"] for part in parts} == {None}


def test_a_share_reaches_the_node(fleet: Servers) -> None:
    with fleet.front() as conn:
        whole = conn.execute("select fn_get_policy('proposal_caps')").fetchone()
        assert whole is not None
        try:
            conn.execute("select fn_fleet_add(node, dsn, node) from fleet_nodes")
            conn.execute("select fn_set_policy('proposal_caps', '{\"daily_limit\": 600}')")
            limits = [
                node.rows("select fn_get_policy('proposal_caps') -> 'daily_limit'") for node in fleet.nodes
            ]
            assert limits == [[(100,)], [(200,)], [(300,)]]
            assert conn.execute("select fn_get_policy('proposal_caps')").fetchone() == ({"daily_limit": 600},)
            with pytest.raises(psycopg.Error) as caught:
                conn.execute("select fn_set_policy('proposal_caps', '{\"daily_limit\": 2}')")
            assert caught.value.sqlstate == "OP018"
        finally:
            conn.execute("update fleet_nodes set share = null")
            conn.execute("select fn_set_policy('proposal_caps', %s)", (Jsonb(whole[0]),))


def test_caps_that_leave_a_node_nothing_change_nothing(fleet: Servers) -> None:
    """A node that could not be told its part would never hand out work again."""
    limits = "select fn_get_policy('proposal_caps') ->> 'daily_limit'"
    before = [node.rows(limits) for node in fleet.nodes]
    with fleet.front() as conn:
        dsn = fleet.reached_by(fleet.node(3))
        conn.execute("update fleet_nodes set share = case node when 1 then 4 when 2 then 2 else 1 end")
        try:
            for call in (
                "fn_set_policy('proposal_caps', '{\"daily_limit\": 3}')",
                f"fn_fleet_add(3, '{dsn}', 0.00001)",
            ):
                with pytest.raises(psycopg.Error) as caught:
                    conn.execute(f"select {call}")  # type: ignore[call-overload]
                assert caught.value.sqlstate == "OP018", call
        finally:
            conn.execute("update fleet_nodes set share = null")
    assert [node.rows(limits) for node in fleet.nodes] == before


@pytest.mark.parametrize(
    ("node", "dsn", "share"),
    [
        (None, "host=db1 dbname=ops", None),
        (0, "host=db1 dbname=ops", None),
        (256, "host=db1 dbname=ops", None),
        (4, None, None),
        (4, "host=db1", None),
        (4, "postgresql://db1/ops", None),
        (4, "host=db1 dbname=ops password=s3cret", None),
        (4, "host=db1 dbname=ops sslpassword=s3cret", None),
        (4, "service=there dbname=ops", None),
        # The login that comes after it would be taken for the value.
        (4, "dbname=ops host=", None),
        (4, "dbname=ops host='db1", None),
        (4, "dbname=ops host=db1\\", None),
        (4, "host=db1 dbname=ops", "0"),
        (4, "host=db1 dbname=ops", "NaN"),
        (4, "host=db1 dbname=ops", "Infinity"),
    ],
)
def test_a_node_that_cannot_be_is_refused(
    fleet: Servers, node: int | None, dsn: str | None, share: str | None
) -> None:
    with fleet.front() as conn, pytest.raises(psycopg.Error) as caught:
        conn.execute("select fn_fleet_add(%s, %s, %s)", (node, dsn, share))
    assert caught.value.sqlstate == "OP018"
    assert "s3cret" not in str(caught.value)


def test_a_number_does_not_go_to_another_loop(fleet: Servers) -> None:
    dsn = fleet.reached_by(fleet.node(2))
    with fleet.front() as conn:
        # As a loop that is new, or came out of a backup from before.
        fleet.node(2).rows("update ops_control set told = '{}' returning 1")
        with pytest.raises(psycopg.Error) as caught:
            conn.execute("select fn_fleet_add(2, %s)", (dsn,))
        assert caught.value.sqlstate == "OP089"
        fleet.sync()
        conn.execute("select fn_fleet_add(2, %s)", (dsn,))


def test_a_loop_of_another_number_is_not_told_and_not_taken_for_the_node(fleet: Servers) -> None:
    move = "update fleet_nodes set dsn = %s, version = version + 1 where node = 3"
    with fleet.front() as conn:
        conn.execute(move, (fleet.reached_by(fleet.node(2)),))
        try:
            with Fleet.open(fleet.front_dsn) as front:
                (told,) = (one for one in front.sync() if one.node == 3)
                (found,) = (one for one in front.status() if one.node == 3)
        finally:
            conn.execute(move, (fleet.reached_by(fleet.node(3)),))
    assert (told.told, told.fault) == (False, "OPS_089: the loop there is node 2")
    assert (found.reached, found.fault) == (False, "the loop there is node 2")


def test_a_node_of_a_newer_release_may_answer_with_more_columns(fleet: Servers) -> None:
    """Nodes are brought to a new release one by one, and the front last."""
    with fleet.front() as conn, fleet.node(2).session() as newer:
        newer.execute("begin; alter function fn_count_stuck() rename to of_before")
        newer.execute("""
            create function fn_count_stuck()
            returns table (fresh text, reason text, missions bigint, steps bigint, oldest timestamptz)
            language sql as $$ select 'new', 'a test', 7::bigint, 8::bigint, now() $$;
            commit""")
        try:
            found = conn.execute(
                "select missions, steps from fn_count_stuck() where reason = 'a test'"
            ).fetchall()
        finally:
            newer.execute(
                "drop function fn_count_stuck(); alter function of_before() rename to fn_count_stuck"
            )
    assert found == [(7, 8)]


def run(*words: str) -> tuple[int, str]:
    """A command line: its exit code and what it printed, which is with --json what the schema says."""
    done = subprocess.run(
        [sys.executable, "-m", "opsloop", *words], capture_output=True, text=True, timeout=100, check=False
    )
    if "--json" in words and done.stdout:
        assert_documented(" ".join(words[:2]), done.stdout)
    return done.returncode, done.stdout or done.stderr


def one_admin(fleet: Servers) -> dict[str, str]:
    host = fleet.hosts[0].env
    return {
        "host": "127.0.0.1",
        "port": host["PGPORT"],
        "dbname": "front",
        "user": "one_admin",
        "password": password("one_admin"),
    }


def test_the_commands_show_and_do_it(fleet: Servers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", fleet.front_dsn)
    code, out = run("fleet", "status", "--json")
    assert code == 0, out
    assert [(one["node"], one["status"], one["reached"], one["waits"]) for one in json.loads(out)] == [
        (n, "open", True, False) for n in (1, 2, 3)
    ]
    code, out = run("fleet", "add", "4", "host=db1 s3cret")
    assert code != 0
    assert "OPS_018" in out
    assert "s3cret" not in out
    with Fleet.open(make_conninfo(**one_admin(fleet))) as front:
        assert [(one.reached, one.fault_code) for one in front.status()] == [(True, None)] * 3
        with pytest.raises(NotAllowed):
            front.login("nobody", "x")
    fleet.node(2).stop()
    code, out = run("fleet", "status")
    assert (code, "does not answer" in out) == (1, True)
    code, out = run("fleet", "sync", "--json")
    assert (code, [one["fault_code"] for one in json.loads(out)]) == (1, [None, "OP029", None])
    fleet.node(2).start()
    code, out = run("fleet", "sync")
    assert (code, "node 2 was told" in out) == (0, True)
    code, out = run("fleet", "add", "2", fleet.node(2).dsn, "--json")
    assert (code, [one["node"] for one in json.loads(out)["told"]]) == (0, [1, 2, 3])
    with fleet.front() as conn:
        conn.execute("select fn_fleet_add(2, %s)", (fleet.reached_by(fleet.node(2)),))


def test_installing_again_keeps_the_fleet_and_removing_it_leaves_the_nodes(
    two: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", two.front_dsn)
    assert run("fleet", "install", "--json")[0] == 0
    with Fleet.open(two.front_dsn) as front:
        assert front.status()
    assert run("fleet", "login", "nobody", "--forget", "--json")[0] == 0
    (before,) = two.node(2).rows("select count(*) from ops_mission_proposals")[0]
    assert run("fleet", "remove", "--json")[0] == 0
    with two.front() as conn:
        left = conn.execute(
            "select count(*) from pg_proc where pronamespace = 'opsloop'::regnamespace"
        ).fetchone()
        assert left == (0,)
    assert two.node(2).rows("select count(*) from ops_mission_proposals") == [(before,)]
    with pytest.raises(NotFound):
        fleets.remove(two.front_dsn)


def test_a_loop_is_no_front_and_a_loop_that_has_work_becomes_no_node(two: Servers) -> None:
    with pytest.raises(ForeignObject):
        fleets.install(two.node(3).dsn)
    with pytest.raises(WrongNode):
        fleets.number(two.node(2).dsn, two.node(2).dsn, 9)
    two.node(2).rows("select 1")
    assert two.node(2).rows("select node, _node() from ops_control") == [(2, 2)]
