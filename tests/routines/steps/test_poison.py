"""One step on whose data a batch fails is failed with the code; the others of its batch go on as ever."""

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


def test_params_nested_900_deep_with_five_placeholders_fail_their_step_and_no_other(loop):
    loop.allow()
    mission = poisoned(loop, DEEP, {"v": 1})
    good = [loop.mission() for _ in range(50)]
    claimed = loop.claim(100)
    assert {w["mission_id"] for w in claimed} == set(good)
    bad = loop.step(mission, "b")
    assert (bad["status"], bad["last_error_code"]) == ("failed", "54001")
    assert loop.status(mission) == "failed"
    assert loop.value("select count(*) from dead_letter_archive where original_msg_id = %s", str(bad["id"])) == 1
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
    with pytest.raises(Exception) as caught, loop.conn.transaction():
        loop.claim(10)
    assert caught.value.sqlstate == state
    loop.do("drop trigger refuse on ops_mission_steps")
    assert [w["mission_id"] for w in loop.claim(10)] == [mission]
