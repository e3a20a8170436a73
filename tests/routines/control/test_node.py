"""A loop as a node of a fleet: its number in its ids, and what it hands out before the front has spoken."""

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from looping import Loop, step
from opsloop import migrate

QUIET = {"generation": 1, "kill_missed": False, "pauses": [], "policies": {}}
IDS = """
  select string_agg(distinct right(i.id::text, 2), ',')
    from (select id from ops_missions union all select id from ops_mission_steps union all
          select id from ops_mission_proposals union all select id from ops_agent_events union all
          select id from ops_action_runs) i"""


def start_anew(loop: Loop) -> None:
    """As after a start of the server: the front has told an earlier one."""
    loop.value("update ops_control set told_server_start = told_server_start - interval '1 day' returning 1")


def paused(*scopes: str) -> list[dict[str, Any]]:
    return [
        {"scope": one, "target": "" if one == "all" else "noop", "kill": False, "reason": "r", "by": "ann"}
        for one in scopes
    ]


def test_a_loop_by_itself_has_no_number_and_waits_for_nobody(loop: Loop) -> None:
    for _ in range(9):
        loop.mission()
    assert len(loop.value(IDS).split(",")) > 3
    assert loop.value("select fn_node() - 'server_start' - 'release'") == {
        "node": 0,
        "compatibility": 1,
        "generation": 0,
        "waits": False,
        "killed": False,
    }
    assert len(loop.claim(9)) == 9


@pytest.mark.parametrize(("number", "digits"), [(1, "01"), (175, "af"), (255, "ff")])
def test_every_id_of_a_node_ends_with_its_number(loop: Loop, number: int, digits: str) -> None:
    loop.value("select _set_node(%s)", number)
    loop.value("select fn_tell_node(%s)", QUIET)
    loop.mission(step("a"), step("b"))
    loop.value("select fn_emit_event('one')")
    (work,) = loop.claim()
    loop.complete(work)
    loop.value("select fn_heartbeat()")
    assert loop.value(IDS) == digits
    ids = loop.value(
        "select array_agg(_nth_uuid_v7(s.start, s.tail, n) order by n)"
        " from _uuid_v7_start() s cross join generate_series(1, 100000) n"
    )
    assert ids == sorted(set(ids))
    assert len({str(one)[-8:] for one in ids}) == len(ids)
    single = loop.value("select array_agg(_uuid_v7()) from generate_series(1, 10000)")
    assert {str(one)[-2:] for one in [*single, *ids]} == {digits}
    assert {(one.version, str(one.variant)) for one in single} == {(7, "specified in RFC 4122")}


def test_a_session_of_before_makes_ids_of_the_new_number(
    connect: Callable[..., psycopg.Connection[Any]],
) -> None:
    """Its plans hold the old one as a constant."""
    before = Loop(connect())
    begin = "select start, tail from _uuid_v7_start()"
    for _ in range(9):
        before.value("select _uuid_v7()")
        before.row(begin)
    Loop(connect()).value("select _set_node(175)")
    ids = [before.value("select _uuid_v7()") for _ in range(9)]
    assert {str(one)[-2:] for one in ids} == {"af"}
    assert {before.row(begin)["tail"] % 256 for _ in range(9)} == {175}


def test_a_node_keeps_its_number_when_the_code_is_loaded_again(dsn: str) -> None:
    digest = "update opsloop_schema_change set code_digest = %s where code_digest is not null"
    with psycopg.connect(dsn, autocommit=True, options="-c search_path=opsloop") as conn:
        conn.execute("select _set_node(7)")
        conn.execute(digest, ("old",))
        assert migrate.migrate(dsn) != []
        assert conn.execute("select _node()").fetchone() == (7,)
        conn.execute(digest, ("unknown",))
        assert migrate.status(dsn).up_to_date


def test_a_loop_that_has_work_keeps_its_number(loop: Loop) -> None:
    loop.mission()
    loop.value("select _set_node(0)")
    with pytest.raises(psycopg.Error) as caught, loop.conn.transaction():
        loop.value("select _set_node(3)")
    assert caught.value.sqlstate == "OP089"
    with pytest.raises(psycopg.Error) as caught, loop.conn.transaction():
        loop.value("select _set_node(256)")
    assert caught.value.sqlstate == "OP018"


def test_a_node_hands_out_nothing_until_it_is_told_after_each_start(loop: Loop) -> None:
    loop.value("select _set_node(2)")
    loop.mission()
    loop.value("select fn_publish_outbox('a', '1', 'e')")
    assert loop.claim() == []
    assert loop.rows("select * from fn_claim_outbox_events('r')") == []
    check = "select status, value from fn_check_health() where name = 'pauses'"
    assert loop.row(check) == {"status": "warn", "value": "this node waits for the front of its fleet"}
    assert loop.value("select fn_tell_node(%s) -> 'waits'", QUIET) is False
    assert loop.row(check)["status"] == "ok"
    assert len(loop.claim()) == 1
    assert len(loop.rows("select * from fn_claim_outbox_events('r')")) == 1
    start_anew(loop)
    loop.mission()
    assert loop.claim() == []
    loop.value("select fn_tell_node(%s)", QUIET)
    assert len(loop.claim()) == 1


def test_a_restored_node_waits_to_be_told(loop: Loop) -> None:
    loop.value("select _set_node(2)")
    loop.value("select fn_tell_node(%s)", QUIET)
    loop.mission()
    loop.value("select fn_after_restore()")
    assert loop.claim() == []


def test_what_the_front_says_is_done_whole_or_not_at_all(loop: Loop) -> None:
    loop.value("select _set_node(2)")
    loop.mission()
    closed = {**loop.value("select fn_get_policy('auto_approve')"), "enabled": False}
    bad = {
        **QUIET,
        "pauses": paused("executor"),
        "policies": {"auto_approve": closed, "worker_policy": {"max_retries": "x"}},
    }
    with pytest.raises(psycopg.Error) as caught, loop.conn.transaction():
        loop.value("select fn_tell_node(%s)", bad)
    assert caught.value.sqlstate == "OP017"
    assert loop.rows("select * from fn_list_pauses()") == []
    assert loop.value("select fn_node() -> 'waits'") is True
    loop.value("select fn_tell_node(%s, 'ann')", {**bad, "policies": {"auto_approve": closed}})
    assert loop.rows("select scope, target, paused_by from fn_list_pauses()") == [
        {"scope": "executor", "target": "noop", "paused_by": "ann"}
    ]
    assert loop.value("select fn_get_policy('auto_approve') -> 'enabled'") is False
    assert loop.claim() == []


def test_only_what_the_front_paused_is_lifted_by_it(loop: Loop) -> None:
    loop.value("select _set_node(2)")
    loop.value("select fn_pause('kind', 'local', 'somebody here')")
    loop.value("select fn_tell_node(%s)", {**QUIET, "pauses": paused("executor", "all")})
    loop.value("select fn_tell_node(%s)", {**QUIET, "generation": 2})
    assert loop.rows("select scope from fn_list_pauses()") == [{"scope": "kind"}]


def test_a_kill_that_was_missed_is_made_up_for(loop: Loop) -> None:
    loop.value("select _set_node(2)")
    loop.value("select fn_tell_node(%s)", QUIET)
    loop.mission()
    (work,) = loop.claim()
    start_anew(loop)
    loop.value("select fn_tell_node(%s)", {**QUIET, "kill_missed": True})
    assert loop.value("select fn_node() -> 'killed'") is False
    assert loop.complete(work) == "OPS_006"


@pytest.mark.parametrize(
    ("state", "code"),
    [
        ({**QUIET, "generation": 4}, "OP089"),
        ({**QUIET, "generation": None}, "OP018"),
        ({"generation": 9}, "OP018"),
        ({**QUIET, "generation": 9, "pauses": {}}, "OP018"),
    ],
)
def test_what_is_older_or_no_state_is_refused(loop: Loop, state: dict[str, Any], code: str) -> None:
    loop.value("select _set_node(2)")
    loop.value("select fn_tell_node(%s)", {**QUIET, "generation": 5})
    with pytest.raises(psycopg.Error) as caught, loop.conn.transaction():
        loop.value("select fn_tell_node(%s)", state)
    assert caught.value.sqlstate == code


def test_a_loop_by_itself_is_told_nothing(loop: Loop) -> None:
    with pytest.raises(psycopg.Error) as caught, loop.conn.transaction():
        loop.value("select fn_tell_node(%s)", QUIET)
    assert caught.value.sqlstate == "OP089"


def test_a_node_does_not_become_another_one_of_the_fleet(loop: Loop) -> None:
    """Both numbers would lead to it, and what was found by the old one no longer."""
    loop.value("select _set_node(1)")
    loop.value("select _set_node(2)")
    loop.value("select fn_tell_node(%s)", QUIET)
    with pytest.raises(psycopg.Error) as caught, loop.conn.transaction():
        loop.value("select _set_node(3)")
    assert caught.value.sqlstate == "OP089"
    loop.value("select _set_node(2)")
    assert loop.value("select fn_node() -> 'waits'") is False
    loop.value("select _set_node(0)")
    loop.value("select _set_node(3)")
