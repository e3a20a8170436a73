"""One step on whose data a batch fails is failed with the code; the others of its batch go on as ever."""

import json

import psycopg
import pytest
from psycopg.types.json import Jsonb

from looping import step


def nested(depth, leaf):
    document = leaf
    for _ in range(depth):
        document = {"d": document}
    return document


def put_params(loop, mission, key, params, slots=None):
    """Writes params as a row from before the limits has them; slots are found as at the gate."""
    loop.do(
        "update ops_mission_steps set params = %s, slots = _template_slots(%s) where mission_id = %s and key = %s",
        Jsonb(params), Jsonb(params), mission, key,
    )  # fmt: skip


def poisoned(loop, params, result=1):
    """A mission whose step b has these params and is ready: a, before it, has succeeded with the result."""
    mission = loop.mission(step("a"), step("b"))
    put_params(loop, mission, "b", params)
    (work,) = loop.claim()
    assert loop.complete(work, result) == "accepted"
    return mission


DEEP = nested(900, {f"f{n}": "{{steps.a.result.v}}" for n in range(5)})


def test_params_nested_900_deep_with_five_placeholders_are_rendered_beside_all_others(loop):
    loop.allow()
    mission = poisoned(loop, DEEP, {"v": 1})
    good = [loop.mission() for _ in range(50)]
    claimed = {w["mission_id"]: w["params"] for w in loop.claim(100)}
    assert set(claimed) == {mission, *good}
    assert claimed[mission] == nested(900, {f"f{n}": 1 for n in range(5)})


def test_a_step_whose_rendering_runs_out_of_stack_is_failed_alone(loop):
    loop.allow()
    mission = poisoned(loop, DEEP, {"v": 1})
    loop.do("""create or replace function _set_values(p_document jsonb, p_values jsonb, p_depth integer default 0)
      returns jsonb language plpgsql set search_path from current as $$
      begin return _set_values(p_document, p_values, p_depth + 1); end $$""")
    good = [loop.mission() for _ in range(50)]
    assert {w["mission_id"] for w in loop.claim(100)} == set(good)
    bad = loop.step(mission, "b")
    assert (bad["status"], bad["last_error_code"]) == ("failed", "54001")
    assert loop.status(mission) == "failed"
    assert (
        loop.value("select count(*) from dead_letter_archive where original_msg_id = %s", str(bad["id"])) == 1
    )
    assert loop.claim(100) == []


def test_seventy_placeholders_on_one_result_of_4_megabytes_are_refused_before_they_are_rendered(loop):
    loop.allow()
    params = {f"f{n}": "text {{steps.a.result.v}}" for n in range(70)}
    mission = poisoned(loop, params, {"v": "x" * 4_000_000})
    good = loop.mission()
    loop.do("set local statement_timeout = '10s'")
    assert [w["mission_id"] for w in loop.claim(10)] == [good]
    bad = loop.step(mission, "b")
    assert (bad["status"], bad["last_error_code"]) == ("failed", "OPS_040")
    assert "4194304" in bad["last_error"]


def test_rendered_params_up_to_the_bound_arrive_whole(loop):
    loop.allow()
    poisoned(loop, {"v": "{{steps.a.result.v}}"}, {"v": "x" * 4_000_000})
    (work,) = loop.claim(10)
    assert work["params"] == {"v": "x" * 4_000_000}


def test_many_large_steps_are_claimed_in_parts_and_all_of_them(loop):
    loop.allow()
    missions = [loop.mission(step("a"), step("b")) for _ in range(40)]
    for mission in missions:
        put_params(loop, mission, "b", {"v": "{{steps.a.result.v}}"})
    for work in loop.claim(40):
        loop.complete(work, {"v": "x" * 3_000_000})
    claims = [[w["mission_id"] for w in loop.claim(100)] for _ in range(10)]
    assert sorted(m for claim in claims for m in claim) == sorted(missions)
    assert max(len(claim) for claim in claims) < 40


def test_a_step_whose_attempts_cannot_be_counted_further_is_failed_alone(loop):
    loop.allow()
    bad, good = loop.mission(), [loop.mission() for _ in range(20)]
    loop.do("update ops_mission_steps set attempt = 2147483647 where mission_id = %s", bad)
    assert {w["mission_id"] for w in loop.claim(100)} == set(good)
    assert (loop.step(bad)["status"], loop.step(bad)["last_error_code"]) == ("failed", "22003")


def test_a_step_whose_inputs_are_too_large_for_one_document_is_failed_alone(loop):
    loop.allow()
    bad = loop.mission(step("a", after=[]), step("b", after=[]), step("c", after=["a", "b"]))
    for work in loop.claim(2):
        loop.complete(work)
    loop.do(
        "update ops_mission_steps set result = to_jsonb(repeat('x', 140000000))"
        " where mission_id = %s and key in ('a', 'b')",
        bad,
    )
    good = [loop.mission() for _ in range(20)]
    assert {w["mission_id"] for w in loop.claim(100)} == set(good)
    assert (loop.step(bad, "c")["status"], loop.step(bad, "c")["last_error_code"]) == ("failed", "54000")


def test_a_trigger_of_the_teams_own_that_refuses_one_step_stops_no_other(loop):
    loop.allow()
    bad, good = loop.mission(step("a", params={"v": "bad"})), [loop.mission() for _ in range(20)]
    loop.do("""create function pg_temp.refuse() returns trigger language plpgsql as $$
      begin if new.status = 'running' then raise 'not this one'; end if; return new; end $$""")
    loop.do("""create trigger refuse before update on ops_mission_steps for each row
      when (new.params @> '{"v": "bad"}') execute function pg_temp.refuse()""")
    assert {w["mission_id"] for w in loop.claim(100)} == set(good)
    assert loop.step(bad)["last_error_code"] == "P0001"
    assert loop.step(bad)["last_error"] == "P0001: not this one"


def test_a_row_that_cannot_be_changed_at_all_stops_no_other(loop):
    loop.allow()
    bad, good = loop.mission(step("a", params={"v": "bad"})), [loop.mission() for _ in range(20)]
    loop.do("""create function pg_temp.refuse() returns trigger language plpgsql as $$
      begin raise 'never'; end $$""")
    loop.do("""create trigger refuse before update on ops_mission_steps for each row
      when (new.params @> '{"v": "bad"}') execute function pg_temp.refuse()""")
    assert {w["mission_id"] for w in loop.claim(100)} == set(good)
    assert loop.step(bad)["status"] == "queued"


@pytest.mark.parametrize("state", ["57014", "40001", "40P01", "53200", "25006", "08006", "55P03", "42501"])
def test_not_now_is_not_no(loop, state):
    loop.allow()
    mission = loop.mission()
    loop.do(f"""create function pg_temp.refuse() returns trigger language plpgsql as $$
      begin raise sqlstate '{state}' using message = 'not now'; end $$""")
    loop.do("""create trigger refuse before update on ops_mission_steps for each row
      execute function pg_temp.refuse()""")
    with pytest.raises(psycopg.Error) as caught, loop.conn.transaction():
        loop.claim(10)
    assert caught.value.sqlstate == state
    loop.do("drop trigger refuse on ops_mission_steps")
    assert [w["mission_id"] for w in loop.claim(10)] == [mission]


# Reports


def report(work, **fields):
    return {"step_id": str(work["step_id"]), "lease_token": str(work["lease_token"]), **fields}


def outcomes(loop, routine, reports):
    return {r["step_id"]: r["outcome"] for r in loop.rows(f"select * from {routine}(%s)", Jsonb(reports))}


@pytest.mark.parametrize(
    ("extras", "code"),
    [
        ({"events": [{"type": "step:reserved"}]}, "OPS_019"),
        ({"events": [{"type": "signal", "dedupe_key": 7}]}, "OPS_019"),
        ({"outbox": [{"aggregate_type": "", "aggregate_id": "1", "event_type": "t"}]}, "OPS_018"),
        (
            {"outbox": [{"aggregate_type": "a", "aggregate_id": "1", "event_type": "t", "dedupe_key": ""}]},
            "OPS_018",
        ),
    ],
)
def test_one_bad_completion_among_50_costs_only_itself(loop, extras, code):
    loop.allow()
    for _ in range(50):
        loop.mission()
    works = loop.claim(50)
    bad = works[17]
    said = outcomes(
        loop, "fn_complete_steps", [report(w, result=1, **(extras if w is bad else {})) for w in works]
    )
    assert said.pop(bad["step_id"]) == code
    assert set(said.values()) == {"accepted"}
    assert len(said) == 49
    assert loop.status(bad["mission_id"]) == "running"
    # Its lease holds: the worker can still say that it failed.
    assert loop.fail(bad, retryable=False) == "failed"


def test_a_completion_sent_twice_in_a_batch_with_a_bad_one_is_answered_once(loop):
    loop.allow()
    loop.mission(), loop.mission()
    good, bad = loop.claim(2)
    rows = loop.rows(
        "select * from fn_complete_steps(%s)",
        Jsonb([report(good), report(bad, events=[{"type": "no blanks"}]), report(good)]),
    )
    assert sorted(r["outcome"] for r in rows) == ["OPS_019", "accepted"]


def test_a_bad_completion_alone_raises_and_changes_nothing(loop):
    loop.allow()
    loop.mission()
    (work,) = loop.claim()
    with pytest.raises(psycopg.Error) as caught, loop.conn.transaction():
        loop.complete(work, events=[{"type": "step:reserved"}])
    assert caught.value.sqlstate == "OP019"
    assert loop.complete(work) == "accepted"


def test_one_bad_failure_among_50_costs_only_itself(loop):
    loop.allow()
    for _ in range(50):
        loop.mission()
    works = loop.claim(50)
    bad = works[17]
    reports = [report(w, error="broken", retry_after_seconds=60) for w in works]
    reports[17]["retry_after_seconds"] = "HUGE"
    sent = json.dumps(reports).replace('"HUGE"', "-1e5000")
    said = {r["step_id"]: r["outcome"] for r in loop.rows("select * from fn_fail_steps(%s::jsonb)", sent)}
    assert said.pop(bad["step_id"]) == "22003"
    assert set(said.values()) == {"queued"}


def test_a_wait_too_short_for_double_precision_is_none(loop):
    loop.allow()
    loop.mission()
    (work,) = loop.claim(1)
    assert (
        loop.value(
            "select fn_fail_step(%s, %s, 'broken', true, '1e-400')", work["step_id"], work["lease_token"]
        )
        == "queued"
    )


def test_one_bad_release_and_one_bad_extension_cost_only_themselves(loop):
    loop.allow()
    bad_mission, _ = loop.mission(step("a", params={"v": "bad"})), [loop.mission() for _ in range(20)]
    works = loop.claim(50)
    bad = next(w for w in works if w["mission_id"] == bad_mission)
    loop.do("""create function pg_temp.refuse() returns trigger language plpgsql as $$
      begin raise 'never'; end $$""")
    loop.do("""create trigger refuse before update on ops_mission_steps for each row
      when (new.params @> '{"v": "bad"}') execute function pg_temp.refuse()""")
    extended = {r["step_id"]: r["ok"] for r in loop.extend(*works)}
    assert extended.pop(bad["step_id"]) is False
    assert set(extended.values()) == {True}
    said = {
        r["step_id"]: r["outcome"]
        for r in loop.rows("select * from fn_release_steps('w1', %s)", Jsonb([report(w) for w in works]))
    }
    assert said.pop(bad["step_id"]) == "P0001"
    assert set(said.values()) == {"queued"}


# Recovery and the sweep


@pytest.mark.parametrize(
    "odd",
    [
        "lease_token = null",
        "lease_token = null, lease_expires_at = null, reserved_at = null, worker_id = null, attempt = 0",
        "lease_expires_at = null",
        "failure_count = 2147483647",
        "failure_count = -5",
        "max_retries = -1",
        "lease_epoch = null",
        "priority = -32768",
        "executor = ''",
        "lease_expires_at = '-infinity'",
        "last_error = repeat('x', 1000000)",
        "params = 'null'",
    ],
)
def test_one_odd_running_row_among_20_is_recovered_or_failed_and_stops_no_other(loop, odd):
    loop.allow()
    missions = [loop.mission(step("a", on_lease_lost="retry")) for _ in range(20)]
    loop.claim(20)
    loop.do(f"update ops_mission_steps set {odd} where mission_id = %s", missions[7])
    loop.do(
        "update ops_mission_steps set updated_at = now() - interval '1 day' where mission_id = %s",
        missions[7],
    )
    loop.do(
        "update ops_mission_steps set reserved_at = now() - interval '1 day' where reserved_at is not null"
    )
    loop.advance(3600)
    for _ in range(3):
        loop.turn()
        loop.advance(61)
    assert {loop.step(m)["status"] for m in missions if m != missions[7]} == {"queued"}
    assert loop.step(missions[7])["status"] in ("queued", "failed", "waiting")


def test_a_step_that_recovery_cannot_take_back_is_failed_with_the_code(loop):
    loop.allow()
    missions = [loop.mission(step("a", on_lease_lost="retry")) for _ in range(20)]
    loop.claim(20)
    loop.do("update ops_mission_steps set failure_count = 2147483647 where mission_id = %s", missions[7])
    loop.advance(3600)
    turn = loop.turn()
    assert turn["leaseResult"] == {"requeued_steps": 19, "failed_steps": 1}
    assert loop.step(missions[7])["last_error_code"] == "22003"


@pytest.mark.parametrize("change", ["executor = repeat('x', 100)", "attempt = -1", "depth = 2147483647"])
def test_one_odd_row_set_to_queued_by_hand_stops_no_other(loop, change):
    loop.allow()
    missions = [loop.mission() for _ in range(20)]
    for work in loop.claim(20):
        loop.fail(work, retryable=False)
    loop.do(f"update ops_mission_steps set {change} where mission_id = %s", missions[3])
    loop.do("update ops_mission_steps set status = 'queued'")
    loop.turn()
    claimed = {w["mission_id"] for w in loop.claim(100)}
    assert claimed >= set(missions) - {missions[3]}


def test_a_row_that_cannot_be_changed_stops_neither_recovery_nor_sweep(loop):
    loop.allow()
    missions = [loop.mission(step("a", params={"n": n}, on_lease_lost="retry")) for n in range(20)]
    loop.claim(20)
    loop.do("""create function pg_temp.refuse() returns trigger language plpgsql as $$
      begin raise 'never'; end $$""")
    loop.do("""create trigger refuse before update on ops_mission_steps for each row
      when (new.params @> '{"n": 7}') execute function pg_temp.refuse()""")
    loop.advance(3600)
    for _ in range(3):
        loop.turn()
        loop.advance(61)
    assert {loop.step(m)["status"] for m in missions if m != missions[7]} == {"queued"}
