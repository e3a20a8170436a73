"""One odd row among 50 stops no phase of the heartbeat: it fails alone, or is set aside and named by health."""

import psycopg
import pytest

from looping import step, template
from tracked import directive

GOOD = 50


def refuse(loop, table, condition, on="update"):
    """A trigger of the team's own that lets nobody change the rows of the condition."""
    loop.do("""create or replace function pg_temp.refuse() returns trigger language plpgsql as $$
      begin raise 'never'; end $$""")
    loop.do(f"""create trigger refuse before {on} on {table} for each row
      when (old.{condition}) execute function pg_temp.refuse()""")


def aside(loop):
    return [
        row["id"] for row in loop.rows("select id from ops_strays where kind = 'row that cannot be changed'")
    ]


def turn(loop):
    """A heartbeat of which every phase succeeds, at a time when each sweep has its turn."""
    loop.advance(5)
    result = loop.heartbeat()
    assert result["ok"] is True, result
    return result


@pytest.fixture
def missions(loop):
    """51 missions of one step; the eighth is the odd one."""
    loop.allow()
    return [loop.mission(step("a", params={"n": n}, on_lease_lost="retry")) for n in range(GOOD + 1)]


def others(loop, missions):
    return {loop.step(m)["status"] for n, m in enumerate(missions) if n != 7}


def test_pauses_resume_all_but_the_row_that_cannot_be_changed_which_is_named(loop, missions):
    loop.do("select fn_pause('kind', 'noop', 'ann', 'test')")
    turn(loop)
    assert others(loop, missions) == {"waiting"}
    bad = loop.step(missions[7])["id"]
    refuse(loop, "ops_mission_steps", "params @> '{\"n\": 7}'")
    loop.do("delete from ops_pauses")
    turn(loop)
    assert others(loop, missions) == {"queued"}
    assert (loop.step(missions[7])["status"], aside(loop)) == ("waiting", [bad])


def test_a_pause_is_lifted_by_hand_for_all_but_the_row_that_cannot_be_changed(loop, missions):
    loop.do("select fn_pause('kind', 'noop', 'ann', 'test')")
    turn(loop)
    refuse(loop, "ops_mission_steps", "params @> '{\"n\": 7}'")
    lifted = loop.value("select fn_resume('kind', 'noop', 'ann')")
    assert (lifted["requeued"], lifted["remaining"]) == (GOOD, 1)


def test_pauses_park_all_but_the_row_that_cannot_be_changed(loop, missions):
    refuse(loop, "ops_mission_steps", "params @> '{\"n\": 7}'")
    loop.do("select fn_pause('kind', 'noop', 'ann', 'test')")
    turn(loop)
    assert others(loop, missions) == {"waiting"}
    assert aside(loop) == [loop.step(missions[7])["id"]]


def test_a_mission_is_paused_although_a_step_of_its_cannot_be_changed(loop):
    loop.allow()
    mission = loop.mission(step("a", after=[]), step("b", after=[], params={"n": 7}))
    refuse(loop, "ops_mission_steps", "params @> '{\"n\": 7}'")
    assert loop.value("select fn_pause('mission', %s, 'ann', 'test')", str(mission))["parked"] == 1


def test_a_step_that_cannot_be_queued_again_is_failed_alone_when_its_pause_ends(loop, missions):
    loop.do("select fn_pause('kind', 'noop', 'ann', 'test')")
    turn(loop)
    bad = loop.step(missions[7])["id"]
    loop.do("""create function pg_temp.refuse() returns trigger language plpgsql as $$
      begin if new.status = 'queued' then raise 'not this one'; end if; return new; end $$""")
    loop.do("""create trigger refuse before update on ops_mission_steps for each row
      when (old.params @> '{"n": 7}') execute function pg_temp.refuse()""")
    loop.do("delete from ops_pauses")
    turn(loop)
    assert others(loop, missions) == {"queued"}
    assert (loop.step(missions[7])["status"], loop.step(missions[7])["last_error_code"]) == (
        "failed",
        "P0001",
    )
    assert loop.value("select count(*) from ops_parked_steps where step_id = %s", bad) == 0


@pytest.mark.parametrize(
    ("change", "mended"),
    [
        ("status = 'queued'", {"queued"}),
        (
            "status = 'running', lease_token = null, lease_expires_at = null, reserved_at = null",
            {"queued"},
        ),
        ("status = 'waiting', wait_reason = 'by hand'", {"waiting"}),
        ("status = 'cancelled', lease_expires_at = now() - interval '1 hour'", {"cancelled"}),
    ],
)
def test_the_sweep_mends_all_but_the_row_that_cannot_be_changed(loop, missions, change, mended):
    for work in loop.claim(GOOD + 1):
        loop.fail(work, retryable=False)
    loop.do(f"update ops_mission_steps set {change}, updated_at = now() - interval '1 day'")
    refuse(loop, "ops_mission_steps", "params @> '{\"n\": 7}'")
    for _ in range(3):
        turn(loop)
    bad = loop.step(missions[7])["id"]
    assert others(loop, missions) == mended
    assert bad in aside(loop)
    assert (
        loop.value(
            "select count(*) from ops_mission_steps"
            " where status <> 'running' and lease_expires_at is not null and id <> %s",
            bad,
        )
        == 0
    )


def test_missions_are_mended_but_for_the_one_that_cannot_be_changed(loop, missions):
    loop.do("update ops_mission_steps set status = 'cancelled'")
    refuse(loop, "ops_missions", f"id = '{missions[7]}'")
    for _ in range(3):
        turn(loop)
    assert loop.rows("select id from ops_missions where steps_open > 0") == [{"id": missions[7]}]
    assert aside(loop) == [missions[7]]


def test_a_row_that_was_set_aside_is_not_tried_again_for_ten_minutes_and_forgotten_once_mended(
    loop, missions
):
    loop.do("update ops_mission_steps set status = 'cancelled'")
    refuse(loop, "ops_missions", f"id = '{missions[7]}'")
    turn(loop)
    noticed = "select noticed_at from ops_strays"
    first = loop.value(noticed)
    for _ in range(3):
        turn(loop)
    assert loop.value(noticed) == first
    check = loop.row("select * from fn_check_health() where name = 'strays'")
    assert check["status"] == "warn"
    assert (
        f"select * from ops_missions where id = '{missions[7]}'; -- OPS_042: never (P0001)" in check["value"]
    )
    loop.advance(601)
    turn(loop)
    assert loop.value(noticed) > first
    loop.do("drop trigger refuse on ops_missions")
    loop.advance(601)
    turn(loop)
    assert loop.rows("select id from ops_missions where steps_open > 0") == []
    loop.advance(601)
    turn(loop)
    assert aside(loop) == []


def test_a_kill_is_carried_out_although_a_running_row_cannot_be_changed(loop, missions):
    loop.claim(GOOD + 1)
    refuse(loop, "ops_mission_steps", "params @> '{\"n\": 7}'")
    loop.do("select fn_kill_switch('ann', 'test')")
    for _ in range(2):
        turn(loop)
    assert others(loop, missions) <= {"queued", "waiting"}
    assert aside(loop) == [loop.step(missions[7])["id"]]
    assert loop.value("select revoked_epoch = epoch from ops_control") is True


@pytest.mark.parametrize("what", ["events", "reactions"])
def test_events_and_reactions_written_by_hand_are_adopted_but_for_the_one_that_cannot_be_changed(loop, what):
    loop.react({})
    events = [loop.emit() for _ in range(GOOD + 1)]
    table = f"ops_agent_{what}"
    if what == "reactions":
        loop.rows("select * from fn_evaluate_triggers(100)")
        bad = loop.reactions()[7]["id"]
    else:
        bad = events[7]
    loop.do("delete from ops_ready")
    refuse(loop, table, f"id = '{bad}'")
    loop.heartbeat(100, 100)
    turn(loop)
    assert aside(loop) == [bad]
    assert {r["status"] for r in loop.reactions() if r["id"] != bad} == {"done"}
    assert len(loop.proposals()) == GOOD


def test_messages_written_by_hand_are_adopted_but_for_the_one_that_cannot_be_changed(loop):
    ids = [loop.value("select fn_publish_outbox('t', %s, 'e')", str(n)) for n in range(GOOD + 1)]
    loop.do("delete from ops_ready")
    refuse(loop, "outbox", f"id = {ids[7]}")
    turn(loop)
    assert loop.value("select count(*) from ops_ready") == GOOD
    assert loop.value("select remedy from ops_strays").startswith(
        f"select * from outbox where id = '{ids[7]}';"
    )


@pytest.mark.parametrize("how", ["cannot be gated", "cannot be changed", "cannot be digested"])
def test_proposals_that_had_to_wait_are_gated_but_for_the_odd_one(loop, how):
    loop.policy("proposal_caps", daily_limit=None)
    loop.allow("none")
    made = [
        loop.row("select * from fn_create_proposal(%s)", template(step("a", params={"n": n})))
        for n in range(GOOD + 1)
    ]
    loop.allow()
    loop.do("update ops_mission_proposals set counted_at = null, status = 'pending'")
    bad = made[7]["proposal_id"]
    if how == "cannot be digested":
        # As for a template of hundreds of megabytes.
        loop.do("""create or replace function _template_digest(p_template jsonb, p_slots jsonb) returns text
          language plpgsql immutable set search_path from current as $$
          begin
            if p_template @> '{"steps": [{"params": {"n": 7}}]}' then
              raise program_limit_exceeded using message = 'invalid memory alloc request size';
            end if;
            return _digest(jsonb_build_array(p_template, p_slots));
          end; $$""")
    elif how == "cannot be gated":
        loop.do(
            "update ops_mission_proposals set template = template || '{\"priority\": 99999}',"
            " template_digest = _template_digest(template || '{\"priority\": 99999}', slots) where id = %s",
            bad,
        )
    else:
        refuse(loop, "ops_mission_proposals", f"id = '{bad}'")
    for _ in range(3):
        loop.advance(5)
        assert loop.heartbeat(50, 100)["ok"] is True
    states = {p["id"]: p["status"] for p in loop.rows("select id, status from ops_mission_proposals")}
    odd = states.pop(bad)
    assert set(states.values()) == {"auto_approved"}
    assert (odd, aside(loop)) == (("pending", [bad]) if how == "cannot be changed" else ("rejected", []))


def test_workers_of_the_past_are_deleted_but_for_the_one_that_cannot_be(loop):
    for n in range(GOOD + 1):
        loop.register(f"w{n}")
    loop.do("update ops_workers set last_seen_at = now() - interval '8 days'")
    refuse(loop, "ops_workers", "worker_id = 'w7'", on="update or delete")
    turn(loop)
    assert loop.rows("select worker_id from ops_workers") == [{"worker_id": "w7"}]


def test_counts_that_are_more_than_a_bigint_stop_no_other(loop):
    loop.do("insert into ops_counts (name, n) values ('a', 9223372036854775807), ('a', 1), ('b', 1)")
    turn(loop)
    loop.do("insert into ops_counts (name, n) values ('a', 9223372036854775807)")
    loop.advance(60)
    turn(loop)
    assert {
        r["name"]: r["value"] for r in loop.rows("select * from ops_counters where name in ('a', 'b')")
    } == {
        "a": 9223372036854775807,
        "b": 1,
    }


@pytest.mark.parametrize("moment", ["infinity", "-infinity", "294276-12-31 23:59:59"])
@pytest.mark.parametrize(
    "column", ["run_after", "updated_at", "reserved_at", "deadline_at", "lease_expires_at"]
)
def test_a_step_with_a_time_without_end_stops_no_phase(loop, missions, column, moment):
    for work in loop.claim(30):
        loop.fail(work, after=60 if column == "run_after" else 1)
    loop.do(f"update ops_mission_steps set {column} = %s where mission_id = %s", moment, missions[7])
    loop.advance(3600)
    for _ in range(3):
        turn(loop)
    assert others(loop, missions) == {"queued"}


def test_texts_too_large_for_an_index_are_refused_where_they_enter_and_stop_nothing(loop):
    loop.react({"dedupe_key": "{{event.data.key}}"}, {"name": "other"})
    incompressible = loop.value("select string_agg(md5(n::text), '') from generate_series(1, 300) n")
    for n in range(GOOD):
        loop.emit(data={"key": f"k{n}"})
    loop.emit(data={"key": incompressible})
    for _ in range(3):
        turn(loop)
    assert len(loop.proposals()) == 2 * GOOD + 1
    assert {r["status"] for r in loop.reactions() if r["status"] != "done"} == {"failed"}
    for call, *args in (
        ("select fn_emit_event('a', '{}', %s)", incompressible),
        ("select fn_publish_outbox('a', 'b', 'c', '{}', %s)", incompressible),
        ("select fn_acquire_lock(%s, 'me', 60)", incompressible),
    ):
        loop.refused("019" if "emit" in call else "018", call, *args)


def test_a_nul_in_a_document_is_refused_by_the_server_and_one_escaped_twice_arrives(loop):
    loop.allow()
    with pytest.raises(psycopg.errors.UntranslatableCharacter), loop.savepoint():
        loop.do("select fn_emit_event('a', %s::jsonb)", '{"x": "\\u0000"}')
    loop.react({"template": template(step("a", params={"x": "{{event.data.x}}"}))})
    loop.emit(data={"x": "\\u0000"})
    turn(loop)
    (work,) = loop.claim()
    assert work["params"] == {"x": "\\u0000"}
    assert loop.complete(work, {"x": "\\u0000"}) == "accepted"


@pytest.mark.parametrize(
    ("made", "table", "key"),
    [
        ("insert into distributed_locks (lock_name, holder_id, expires_at) select 'l' || n, 'me', now()",
         "distributed_locks", "lock_name"),
        ("insert into ops_idempotency_keys (key, taken_at, taken_in, expires_at)"
         " select 'l' || n, now(), pg_current_xact_id(), now()", "ops_idempotency_keys", "key"),
    ],
)  # fmt: skip
def test_what_is_over_is_deleted_but_for_the_row_that_a_trigger_of_the_team_keeps(loop, made, table, key):
    loop.do(f"{made} from generate_series(1, {GOOD + 1}) n")
    loop.do(f"""create or replace function pg_temp.refuse() returns trigger language plpgsql as $$
      begin raise foreign_key_violation; end $$;
      create trigger refuse before delete on {table} for each row
        when (old.{key} = 'l7') execute function pg_temp.refuse()""")
    turn(loop)
    assert loop.rows(f"select {key} as key from {table} where {key} like 'l%%'") == [{"key": "l7"}]


def test_a_lock_of_the_duties_without_end_keeps_nobody_from_them(loop):
    loop.register("w1")
    loop.do("update ops_workers set last_seen_at = now() - interval '8 days'")
    loop.do(
        "insert into distributed_locks (lock_name, holder_id, expires_at)"
        " values ('heartbeat:duties', 'by hand', 'infinity')"
    )
    turn(loop)
    assert loop.rows("select worker_id from ops_workers") == []


@pytest.mark.parametrize("moment", ["infinity", "294276-12-31 23:59:59"])
def test_a_sweep_that_was_said_to_be_of_the_future_goes_on(loop, missions, moment):
    loop.do("update ops_sweep set swept_at = %s, seen = 20000", moment)
    loop.do("delete from ops_ready")
    turn(loop)
    assert loop.value("select count(*) from ops_ready") == GOOD + 1


def test_events_are_processed_but_for_the_one_that_cannot_be_changed(loop):
    loop.react({})
    events = [loop.emit() for _ in range(GOOD + 1)]
    refuse(loop, "ops_agent_events", f"id = '{events[7]}'")
    loop.advance(5)
    assert loop.heartbeat(100, 100)["triggerResult"] == {"events": GOOD + 1, "queued": GOOD + 1}
    assert aside(loop) == [events[7]]
    assert loop.rows("select id from ops_agent_events where type = 'signal' and processed_at is null") == [
        {"id": events[7]}
    ]


def test_reactions_are_processed_but_for_the_one_that_can_be_neither_done_nor_failed(loop):
    loop.react({})
    for _ in range(GOOD + 1):
        loop.emit()
    loop.rows("select * from fn_evaluate_triggers(100)")
    bad = loop.reactions()[7]["id"]
    refuse(loop, "ops_agent_reactions", f"id = '{bad}'")
    loop.advance(5)
    result = loop.heartbeat(100, 100)
    assert (result["ok"], result["reactionResult"]["created"]) == (True, GOOD)
    assert aside(loop) == [bad]


@pytest.mark.parametrize(
    "agents", ["[1]", "null", '{"A": {"priority": "high"}}', '{"A": {"result_id": "x"}}']
)
def test_the_runs_of_sub_agents_go_on_but_for_the_one_that_cannot_be_read(loop, agents):
    directive(loop)
    loop.allow()
    loop.do("insert into leo_sub_agents (code, phases) values ('A', '{EXEC}')")
    for session in "ab":
        loop.value("select fn_orchestrate_sub_agents('d1', 'EXEC', %s)", session)
    first, second = loop.rows("select id, proposal_id from sub_agent_runs order by id")
    loop.do("update sub_agent_runs set agents = %s::jsonb where id = %s", agents, first["id"])
    loop.cancel(loop.value("select id from ops_missions where proposal_id = %s", second["proposal_id"]))
    turn(loop)
    assert loop.rows("select id from sub_agent_runs where open") == [{"id": first["id"]}]
    assert aside(loop) == [first["id"]]


@pytest.mark.parametrize(
    ("table", "statement"),
    [
        ("ops_counts", "insert into ops_counts (name, n) values (repeat('x', 1001), 1)"),
        ("ops_control", "update ops_control set epoch = 2147483647"),
        ("ops_control", "update ops_control set epoch = -1"),
        ("ops_cap_counters", "insert into ops_cap_counters (scope, window_start) values ('week', now())"),
    ],
)
def test_what_no_phase_could_ever_count_with_is_refused_where_it_is_written(loop, table, statement):
    with pytest.raises(psycopg.errors.CheckViolation) as refused, loop.savepoint():
        loop.do(statement)
    assert refused.value.diag.table_name == table
