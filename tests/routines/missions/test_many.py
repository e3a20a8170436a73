"""fn_retry_steps, fn_resolve_steps and fn_cancel_missions: many at once by a filter, each answered."""

from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from looping import Loop, Row, step

RETRY = "select * from fn_retry_steps(%s, 1000, false, 'ada')"


def answers(loop: Loop, query: str, *params: Any) -> list[Row]:
    """All answers, however few a call gives in its 50 ms; each call refuses the same ones again."""
    found: dict[UUID, Row] = {}
    while more := [r for r in loop.rows(query, *params) if r["id"] not in found]:
        found.update({r["id"]: r for r in more})
        given = params[0] if params and isinstance(params[0], dict) else {}
        if "ids" in given:
            left = [one for one in given["ids"] if UUID(one) not in found]
            params = ({**given, "ids": left}, *params[1:])
    return list(found.values())


@pytest.fixture
def failed(loop: Loop) -> list[UUID]:
    """Three missions whose only steps failed, and one that is at work."""
    loop.register()
    made = []
    for number in range(3):
        made.append(loop.mission(step("a"), title=f"m{number}"))
        loop.fail_for_good(made[-1], error=f"no room on disk {number}", code="OPS_007")
    loop.mission(step("a"), title="works")
    return made


def test_a_dry_run_is_the_default_and_changes_nothing(loop: Loop, failed: list[UUID]) -> None:
    before = loop.contents()
    found = loop.rows("select * from fn_retry_steps()")
    assert [(r["mission_id"], r["was"], r["ok"], r["code"]) for r in found] == [
        (m, "failed", None, "OPS_007") for m in reversed(failed)
    ]
    assert loop.contents() == before


def test_what_a_filter_matches_runs_again_and_is_on_record(loop: Loop, failed: list[UUID]) -> None:
    done = answers(loop, RETRY, {"error": "*disk 1"})
    assert [(r["mission_id"], r["ok"], r["status"]) for r in done] == [(failed[1], True, "queued")]
    assert [loop.status(m) for m in failed] == ["failed", "running", "failed"]
    assert loop.value("select count(*) from ops_audit_log where action = 'retry'") == 1


def test_a_group_names_all_that_failed_in_the_same_way(loop: Loop, failed: list[UUID]) -> None:
    (group,) = loop.rows("select * from fn_group_failures()")
    assert (group["pattern"], group["letters"], group["executors"]) == ("no room on disk #", 3, ["noop"])
    done = answers(loop, RETRY, {"group": group["group_key"]})
    assert sorted(r["mission_id"] for r in done) == sorted(failed)


def test_each_refusal_is_named_and_stops_no_other(loop: Loop, failed: list[UUID]) -> None:
    works = loop.row("select id from ops_missions where title = 'works'")["id"]
    gone = uuid4()
    ids = [loop.step(failed[0])["id"], loop.step(works)["id"], gone, loop.step(failed[2])["id"]]
    done = {r["id"]: r for r in answers(loop, RETRY, {"ids": [str(one) for one in ids]})}
    assert [done[one]["ok"] for one in (ids[0], ids[1], ids[3])] == [True, False, True]
    assert done[ids[1]]["code"] == "OPS_014"
    assert gone not in done


def test_policy_still_refuses_what_nobody_may_run(loop: Loop) -> None:
    loop.policy("worker_policy", command_allow=[["true"]])
    loop.register(executors={"command": {}})
    mission = loop.mission(step("a", kind="command", params={"argv": ["true"]}))
    loop.fail_for_good(mission)
    loop.policy("worker_policy", command_allow=[])
    (done,) = answers(loop, RETRY, {})
    assert (done["ok"], done["code"]) == (False, "OPS_003")


@pytest.mark.parametrize("outcome", ["succeeded", "failed"])
def test_waiting_steps_are_resolved(loop: Loop, outcome: str) -> None:
    loop.register()
    missions = [loop.mission(step("a", on_lease_lost="hold")) for _ in range(2)]
    loop.claim(2)
    loop.advance(3600)
    loop.turn()
    done = answers(
        loop, "select * from fn_resolve_steps('{\"code\": \"OPS_010\"}', %s, 10, false, 'ada')", outcome
    )
    assert [(r["was"], r["ok"], r["status"]) for r in done] == [("waiting", True, outcome)] * 2
    assert [loop.status(m) for m in missions] == [outcome] * 2
    loop.refused("018", "select * from fn_resolve_steps('{}', 'maybe')")


def test_open_missions_are_cancelled(loop: Loop, failed: list[UUID]) -> None:
    done: list[Row] = answers(loop, "select * from fn_cancel_missions('{}', 10, false, 'ada', 'too late')")
    assert [(r["title"], r["ok"], r["status"]) for r in done] == [("works", True, "cancelled")]
    assert [loop.status(m) for m in failed] == ["failed"] * 3


def test_stuck_missions_are_cancelled(loop: Loop) -> None:
    loop.register()
    loop.mission(step("a"), title="fine")
    loop.allow()
    loop.mission(step("a", kind="http", params={"url": "https://example.org"}), title="stuck")
    done = answers(loop, "select * from fn_cancel_missions('{\"stuck\": true}', 10, false)")
    assert [r["title"] for r in done] == ["stuck"]


@pytest.mark.parametrize("act", ["retry", "resolve", "cancel"])
def test_what_another_session_has_changed_since_it_was_matched_is_left_alone(
    loop: Loop, failed: list[UUID], act: str
) -> None:
    ids = failed if act == "cancel" else [loop.step(mission)["id"] for mission in failed]
    # Between the match and the lock: one is retried by one person, and cancelled by another.
    loop.retry(loop.step(failed[1])["id"])
    loop.cancel(failed[1])
    outcome = "succeeded" if act == "resolve" else None
    answered = loop.rows(
        "select * from _act_on_each(%s, %s, %s, 'bob', null, %s)", act, {"status": "failed"}, ids, outcome
    )
    assert [r["id"] for r in answered] == [ids[0], ids[2]]
    assert loop.status(failed[1]) == "cancelled"


@pytest.mark.parametrize("limit", [0, 1001])
def test_a_limit_is_bounded(loop: Loop, limit: int) -> None:
    loop.refused("018", "select * from fn_retry_steps('{}', %s)", limit)
    loop.refused("018", "select * from fn_cancel_missions('{}', %s)", limit)


def test_what_another_session_holds_is_refused_at_once_and_names_it(
    conn: psycopg.Connection[Any], connect: Any
) -> None:
    loop = Loop(conn)
    loop.register()
    missions = [loop.mission(step("a")) for _ in range(2)]
    for work in loop.claim(2):
        loop.fail(work, retryable=False)
    with connect() as other, other.transaction():
        other.execute("select from ops_missions where id = %s for update", (missions[0],))
        loop.do("set lock_timeout = 100")
        done = {r["mission_id"]: r for r in answers(loop, RETRY, {})}
        assert done[missions[1]]["ok"]
        assert (done[missions[0]]["ok"], done[missions[0]]["code"]) == (False, "OPS_031")
        assert f"session {other.info.backend_pid}" in done[missions[0]]["reason"]
    (done_now,) = answers(loop, RETRY, {})
    assert (done_now["mission_id"], done_now["ok"]) == (missions[0], True)


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("step 01a22cfe-d325-73f0-8420-72328035e062 took 1.5 s", "step # took # s"),
        ("connection to 10.0.0.7:5432 refused", "connection to # refused"),
        ("commit deadbeef01 of 12:30", "commit # of #"),
        ("a facade is no number", "a facade is no number"),
    ],
)
def test_ids_and_numbers_are_masked(loop: Loop, text: str, masked: str) -> None:
    assert loop.value("select _masked(%s)", text) == masked


def test_letters_are_put_back_by_group(loop: Loop, failed: list[UUID]) -> None:
    group = loop.row("select * from fn_group_failures()")["group_key"]
    done = loop.rows("select * from fn_redrive_dead_letters(%s, p_dry_run => false)", {"group": group})
    assert [r["outcome"] for r in done] == ["redriven"] * 3
    assert loop.rows("select * from fn_group_failures()") == []


def finished(loop: Loop, number: int) -> None:
    """So many finished missions of one step, newer than all others."""
    for statement in (
        """insert into ops_missions (id, title, status, steps_total, completed_at)
           select {id}, 'past', 'succeeded', 1, now() from generate_series(1, %s) n""",
        """insert into ops_mission_steps (id, mission_id, key, kind, executor, status, result)
           select {id}, {id}, 'a', 'noop', 'noop', 'succeeded', '{{}}' from generate_series(1, %s) n""",
        "analyze ops_missions, ops_mission_steps",
    ):
        made = statement.format(id="('f0000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid")
        loop.do(made, *[number] * made.count("%s"))


READ = "select sum(idx_tup_fetch + seq_tup_read) from pg_stat_xact_user_tables where relname = %s"


def test_what_is_behind_a_long_past_is_found_and_the_past_is_not_read(loop: Loop, failed: list[UUID]) -> None:
    finished(loop, 70_000)
    found = loop.rows("select * from fn_retry_steps()")
    assert [r["mission_id"] for r in found] == list(reversed(failed))
    works = loop.row("select id from ops_missions where title = 'works'")["id"]
    assert [r["id"] for r in loop.rows("select * from fn_cancel_missions()")] == [works]
    for query, table in (
        ('select * from fn_retry_steps(\'{"executor": "nothing"}\')', "ops_mission_steps"),
        ('select * from fn_cancel_missions(\'{"title": "nothing"}\')', "ops_missions"),
    ):
        with loop.conn.transaction():
            before = loop.value(READ, table) or 0
            assert loop.rows(query) == []
            assert loop.value(READ, table) - before < 50_000


def test_of_too_many_waiting_steps_the_newest_are_looked_at(loop: Loop) -> None:
    loop.register()
    missions = [loop.mission(step("a")) for _ in range(8)]
    loop.value("select fn_pause('kind', 'noop')")
    loop.claim(8)
    ids = [loop.step(m)["id"] for m in missions]
    for parked in (ids, ids[::-1]):
        loop.do(
            "with gone as (delete from ops_parked_steps returning *) "
            "insert into ops_parked_steps select g.* from gone g order by array_position(%s, g.step_id)",
            parked,
        )
        assert loop.value('select _matching_steps(\'{"status": "waiting"}\', 3, 3)') == ids[:-4:-1]
