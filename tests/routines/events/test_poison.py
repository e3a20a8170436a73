"""An event or a pattern on whose data a batch fails leaves a failed reaction with the code; the others go on."""

import json

import psycopg
import pytest
from psycopg.types.json import Jsonb

from looping import step, template


def failed(loop):
    return {(r["event_id"], r["reason_code"]) for r in loop.reactions() if r["status"] == "failed"}


def test_a_large_event_twice_in_a_pattern_is_refused_and_the_others_react(loop):
    twice = template(step("a", params={"v": "{{event.data.text}} {{event.data.text}}"}))
    loop.react({"template": twice})
    good = [loop.emit(data={"text": "x"}) for _ in range(49)]
    bad = loop.emit(data={"text": "x"})
    loop.do(
        "update ops_agent_events set data = jsonb_build_object('text', repeat('x', 140000000)) where id = %s",
        bad,
    )
    assert loop.turn()["triggerResult"] == {"events": 50, "queued": 49}
    assert failed(loop) == {(bad, "OPS_040")}
    assert {r["event_id"] for r in loop.reactions() if r["status"] == "done"} == set(good)


def test_a_pattern_that_was_written_by_hand_and_cannot_be_read_fails_for_itself_alone(loop):
    loop.react({"name": "good"}, {"name": "bad"})
    loop.do("alter table ops_policy disable trigger user")
    loop.do(
        "update ops_policy set value = jsonb_set(value, '{patterns,1,max_depth}', '1e30')"
        " where key = 'reaction_matrix'"
    )
    events = [loop.emit() for _ in range(5)]
    assert loop.turn()["triggerResult"] == {"events": 5, "queued": 5}
    assert failed(loop) == {(event, "22003") for event in events}
    assert {r["pattern"] for r in loop.reactions() if r["status"] == "done"} == {"good"}
    assert loop.turn()["triggerResult"] == {"events": 0, "queued": 0}


def test_one_reaction_that_cannot_be_proposed_among_50_is_failed_alone(loop):
    loop.react({})
    for _ in range(50):
        loop.emit()
    loop.rows("select * from fn_evaluate_triggers()")
    bad = loop.reactions()[17]["id"]
    loop.do(
        "update ops_agent_reactions set payload = jsonb_set(payload, '{template,priority}', '99999') where id = %s",
        bad,
    )
    assert loop.row("select * from fn_process_reactions()") == {"processed": 50, "created": 49}
    (row,) = [r for r in loop.reactions() if r["status"] == "failed"]
    assert (row["id"], row["reason_code"]) == (bad, "22003")
    assert loop.value("select count(*) from dead_letter_archive where original_msg_id = %s", str(bad)) == 1


@pytest.mark.parametrize("state", ["40001", "53200", "55P03"])
def test_not_now_leaves_events_waiting(loop, state):
    loop.react({})
    loop.emit()
    loop.do(f"""create function pg_temp.refuse() returns trigger language plpgsql as $$
      begin raise sqlstate '{state}' using message = 'not now'; end $$""")
    loop.do("""create trigger refuse before insert on ops_agent_reactions for each row
      execute function pg_temp.refuse()""")
    turn = loop.heartbeat()
    assert [(e["phase"], e["code"]) for e in turn["errors"]] == [("triggers", state)]
    assert loop.reactions() == []
    loop.do("drop trigger refuse on ops_agent_reactions")
    assert loop.turn()["triggerResult"] == {"events": 1, "queued": 1}


# Numbers that no reader holds


HUGE = json.loads('{"here": [1, {"json": "HUGE"}]}')


def huge(document):
    return json.dumps(document).replace('"HUGE"', "1e5000")


def test_a_number_that_no_reader_holds_is_refused_in_templates_with_its_path(loop):
    with pytest.raises(psycopg.Error) as caught, loop.conn.transaction():
        loop.rows("select * from fn_create_proposal(%s::jsonb)", huge(template(step("a", params=HUGE))))
    assert caught.value.sqlstate == "OP004"
    assert "steps[0].params.here[1].json: a number of 5001 digits" in str(caught.value)


def test_a_number_that_no_reader_holds_is_refused_in_events_and_policies(loop):
    with pytest.raises(psycopg.Error) as caught, loop.conn.transaction():
        loop.rows("select fn_emit_event('signal', %s::jsonb)", huge(HUGE))
    assert caught.value.sqlstate == "OP019"
    assert "data.here[1].json: a number" in str(caught.value)
    with pytest.raises(psycopg.Error) as caught, loop.conn.transaction():
        loop.rows("select fn_set_policy('own', %s::jsonb)", huge(HUGE))
    assert caught.value.sqlstate == "OP017"


@pytest.mark.parametrize(
    "call",
    [
        "fn_publish_outbox('t', '1', 'e', %s::jsonb)",
        "fn_archive_dead_letter('x', p_payload => %s::jsonb)",
        """fn_radar_upsert(jsonb_build_array(jsonb_build_object('title', 't', 'evidence', %s::jsonb)))""",
    ],
)
def test_a_number_that_no_reader_holds_is_refused_where_it_enters(loop, call):
    with pytest.raises(psycopg.Error) as caught, loop.conn.transaction():
        loop.rows(f"select {call}", huge(HUGE))
    assert caught.value.sqlstate == "OP041"


@pytest.mark.parametrize("number", ["1e308", "-1e308", "12345678901234567890.5", "1e-5000"])
def test_large_and_small_numbers_that_readers_hold_pass(loop, number):
    loop.rows("select fn_emit_event('signal', %s::jsonb)", json.dumps({"n": 1}).replace("1", number))
    assert loop.value("select count(*) from ops_agent_events where type = 'signal'") == 1


def test_a_result_and_a_progress_with_such_a_number_are_refused(loop):
    loop.allow()
    loop.mission()
    (work,) = loop.claim()
    given = {"step_id": str(work["step_id"]), "lease_token": str(work["lease_token"])}
    for routine, field in [
        ("fn_complete_steps(%s::jsonb)", "result"),
        ("fn_extend_leases('w1', %s::jsonb)", "progress"),
    ]:
        with pytest.raises(psycopg.Error) as caught, loop.conn.transaction():
            loop.rows(f"select * from {routine}", huge([{**given, field: HUGE}]))
        assert caught.value.sqlstate == "OP041"
    assert loop.complete(work, Jsonb(1).obj) == "accepted"
