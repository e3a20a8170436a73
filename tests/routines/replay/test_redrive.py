"""Redriving: what gave up comes back, whole, once."""

import json

import psycopg
import pytest

from looping import step

REDRIVE = "select * from fn_redrive_dead_letter(%s, 'ada')"
MANY = "select * from fn_redrive_dead_letters(%s, %s, %s, 'ada')"


def failed_step(loop, *steps):
    """A mission whose first step has failed for good; its id."""
    mission = loop.mission(*(steps or (step("a", max_retries=1), step("b"))))
    (work,) = loop.claim()
    loop.fail(work, "no", retryable=False)
    return mission


def status(loop, mission):
    return loop.value("select status from ops_missions where id = %s", mission)


def letter(loop):
    return loop.value("select dl_msg_id from dead_letter_archive order by id desc limit 1")


def dead_message(loop, number=1):
    """A message that a relay gave up; its id."""
    event = loop.value("select fn_publish_outbox('order', %s, 'paid', '{}')", str(number))
    loop.rows("select * from fn_claim_outbox_events('relay', 10)")
    loop.rows(
        "select * from fn_complete_outbox_events('relay', jsonb_build_array(jsonb_build_object("
        "'event_id', %s::bigint, 'outcome', 'dead', 'error', 'gone')))",
        event,
    )
    return event


def failed_reaction(loop):
    """A reaction that could not be processed; its id."""
    loop.react({"name": "bad"})
    loop.emit()
    loop.rows("select * from fn_evaluate_triggers()")
    reaction = loop.value("select id from ops_agent_reactions")
    loop.do("""update ops_agent_reactions set payload = jsonb_set(payload, '{depth}', '"deep"')""")
    loop.rows("select * from fn_process_reactions()")
    return reaction


def test_a_failed_step_is_put_back_and_its_mission_succeeds(loop):
    mission = failed_step(loop)
    assert status(loop, mission) == "failed"
    answer = loop.row(REDRIVE, letter(loop))
    assert answer["redriven"] is True
    assert answer["new_msg_id"].startswith("step:")
    for _ in range(2):
        (work,) = loop.claim()
        assert loop.complete(work) == "accepted"
    assert status(loop, mission) == "succeeded"
    assert loop.rows("select * from fn_check_invariants()") == []


def test_a_second_redrive_does_nothing_and_answers_with_the_first(loop):
    failed_step(loop)
    name = letter(loop)
    first = loop.row(REDRIVE, name)
    before = loop.contents("ops_counts")
    assert loop.row(REDRIVE, name) == {**first, "redriven": False}
    assert loop.contents("ops_counts") == before


def test_a_step_that_gives_up_again_leaves_a_letter_that_can_be_redriven_in_its_turn(loop):
    failed_step(loop)
    first = letter(loop)
    loop.row(REDRIVE, first)
    (work,) = loop.claim()
    loop.fail(work, "again", retryable=False)
    assert letter(loop) != first
    assert loop.row(REDRIVE, letter(loop))["redriven"] is True


def test_the_letter_of_a_step_that_was_retried_by_hand_has_had_its_time(loop):
    failed_step(loop)
    loop.value(
        "select fn_retry_step(%s)", loop.value("select id from ops_mission_steps where status = 'failed'")
    )
    before = loop.contents()
    loop.refused("014", REDRIVE, letter(loop))
    assert loop.contents() == before


def test_the_letter_of_an_earlier_death_does_not_raise_a_later_one(loop):
    failed_step(loop)
    first = letter(loop)
    loop.value(
        "select fn_retry_step(%s)", loop.value("select id from ops_mission_steps where status = 'failed'")
    )
    (work,) = loop.claim()
    loop.fail(work, "again", retryable=False)
    loop.refused("014", REDRIVE, first)


def test_the_letter_of_a_step_that_is_gone_says_so(loop):
    failed_step(loop)
    loop.do("delete from ops_mission_steps")
    loop.refused("012", REDRIVE, letter(loop))


def test_a_letter_that_is_not_there_is_ops_012(loop):
    loop.refused("012", REDRIVE, "step:none:1")


def test_a_reaction_that_cannot_be_processed_arrives_whole(loop):
    reaction = failed_reaction(loop)
    row = loop.row("select * from fn_list_dead_letters()")
    assert (row["what"], row["original_msg_id"], row["attempts"]) == ("reaction", str(reaction), 1)
    assert row["payload"]["event"]["type"] == "signal"
    assert row["payload"]["pattern"] == "bad"
    assert row["payload"]["error_history"][0]["error"] == row["reason"]
    assert "22P02" in row["reason"]


def test_a_reaction_is_queued_again_and_makes_its_proposal(loop):
    reaction = failed_reaction(loop)
    loop.do("update ops_agent_reactions set payload = jsonb_set(payload, '{depth}', '0')")
    assert loop.row(REDRIVE, letter(loop))["new_msg_id"] == f"reaction:{reaction}"
    loop.rows("select * from fn_process_reactions()")
    assert loop.row("select status, reason_code from ops_agent_reactions") == {
        "status": "done",
        "reason_code": None,
    }
    assert len(loop.proposals()) == 1


def test_a_reaction_that_fails_again_leaves_a_second_letter_with_both_errors(loop):
    failed_reaction(loop)
    loop.row(REDRIVE, letter(loop))
    loop.rows("select * from fn_process_reactions()")
    newest = loop.row("select * from fn_list_dead_letters()")
    assert newest["attempts"] == 2
    assert len(newest["payload"]["error_history"]) == 2


def test_a_message_is_delivered_again_with_all_its_tries(loop):
    event = dead_message(loop)
    assert loop.row(REDRIVE, letter(loop))["new_msg_id"] == f"outbox:{event}"
    (again,) = loop.rows("select * from fn_claim_outbox_events('relay', 10)")
    assert (again["id"], again["retry_count"]) == (event, 0)
    assert loop.value("select fn_complete_outbox_event(%s, 'relay', true)", event) is True
    assert loop.rows("select * from fn_check_invariants()") == []


def test_a_message_that_is_dead_again_after_as_many_tries_leaves_a_second_letter(loop):
    event = dead_message(loop)
    loop.row(REDRIVE, f"outbox:{event}:1")
    loop.rows("select * from fn_claim_outbox_events('relay', 10)")
    loop.rows(
        "select * from fn_complete_outbox_events('relay', %s)",
        json.dumps([{"event_id": event, "outcome": "dead", "error": "gone"}]),
    )
    assert letter(loop) == f"outbox:{event}:1:1"
    assert loop.row(REDRIVE, letter(loop))["redriven"] is True


def test_of_a_letter_of_another_system_an_event_tells(loop):
    loop.react({"event_type": "dead_letter:redriven"})
    loop.value("select fn_archive_dead_letter('dl-9', 'msg-9', p_payload => '{\"n\": 1}')")
    assert loop.row(REDRIVE, "dl-9")["redriven"] is True
    (event,) = loop.events("dead_letter:%")
    assert event["data"]["payload"] == {"n": 1}
    assert event["processed_at"] is None


@pytest.mark.parametrize("what", ["step", "reaction", "outbox"])
def test_a_letter_that_was_archived_by_hand_under_a_name_like_the_loops_is_of_another_system(loop, what):
    loop.do(
        "insert into dead_letter_archive (dl_msg_id, original_msg_id, payload, archived_by)"
        " values (%s, 'msg-9', '{}', 'opsloop')",
        f"{what}:7:1",
    )
    assert loop.row("select what from fn_list_dead_letters()") == {"what": "other"}
    assert loop.rows("select * from fn_list_dead_letters(%s)", {"what": what}) == []
    assert loop.row(REDRIVE, f"{what}:7:1")["new_msg_id"] == "event:dead_letter:redriven"


def test_two_letters_of_one_message_of_another_system_are_one_replay(loop):
    loop.value("select fn_archive_dead_letter('dl-1', 'msg-9')")
    loop.value("select fn_archive_dead_letter('dl-2', 'msg-9')")
    assert loop.row(REDRIVE, "dl-1")["redriven"] is True
    assert loop.row(REDRIVE, "dl-2")["redriven"] is False
    assert len(loop.events("dead_letter:%")) == 1
    assert loop.rows("select * from fn_list_dead_letters()") == []
    assert loop.row(REDRIVE, "dl-2")["replay_id"] == loop.value("select id from replay_log")
    assert loop.rows("select * from fn_check_invariants()") == []


def test_a_letter_that_is_archived_after_its_replay_was_recorded_comes_too_late(loop):
    loop.rows("select * from fn_record_replay('msg-9', 'dl-1')")
    loop.value("select fn_archive_dead_letter('dl-1', 'msg-9')")
    assert loop.rows("select * from fn_check_invariants()") == []
    assert loop.row(REDRIVE, "dl-1")["redriven"] is False
    assert loop.events("dead_letter:%") == []
    assert loop.rows("select * from fn_list_dead_letters()") == []


def test_many_are_redriven_by_a_filter_oldest_first(loop):
    messages = [dead_message(loop, n) for n in range(3)]
    failed_step(loop)
    done = loop.rows(MANY, {"what": "outbox", "event_type": "paid"}, 2, False)
    assert [d["outcome"] for d in done] == ["redriven", "redriven"]
    assert [d["new_msg_id"] for d in done] == [f"outbox:{m}" for m in messages[:2]]
    waiting = loop.rows("select what from fn_list_dead_letters()")
    assert sorted(w["what"] for w in waiting) == ["outbox", "step"]


def test_a_dry_run_is_the_default_and_changes_nothing(loop):
    dead_message(loop)
    before = loop.contents()
    assert [r["outcome"] for r in loop.rows("select * from fn_redrive_dead_letters()")] == [
        "would be redriven"
    ]
    assert loop.contents() == before


def test_one_that_cannot_be_put_back_fails_alone_and_stays(loop):
    failed_step(loop)
    gone = letter(loop)
    loop.do("delete from ops_mission_steps")
    dead_message(loop)
    done = loop.rows(MANY, {}, 10, False)
    assert "OP012" in done[0]["outcome"]
    assert done[1]["outcome"] == "redriven"
    assert loop.row("select dl_msg_id from fn_list_dead_letters()")["dl_msg_id"] == gone
    assert loop.value("select count(*) from replay_log") == 1


@pytest.mark.parametrize("state", ["53100", "57P01", "40001", "42501"])
def test_what_the_server_refuses_whatever_the_letter_is_no_outcome_of_one(loop, state):
    failed_step(loop)
    dead_message(loop)
    loop.do(
        f"create function pg_temp.refuse() returns trigger language plpgsql as $$"
        f" begin raise exception using errcode = '{state}', message = 'not now'; end $$"
    )
    loop.do(
        "create trigger refuse before update on ops_mission_steps"
        " for each row execute function pg_temp.refuse()"
    )
    with pytest.raises(psycopg.Error, match="not now") as raised, loop.savepoint():
        loop.rows(MANY, {}, 10, False)
    assert raised.value.sqlstate == state
    loop.do("drop trigger refuse on ops_mission_steps")
    assert [done["outcome"] for done in loop.rows(MANY, {}, 10, False)] == ["redriven"] * 2


@pytest.mark.parametrize(
    ("filter_", "limit"),
    [({"whta": "step"}, 10), ({"what": "stone"}, 10), ({"redriven": 1}, 10), ({}, 0), ({}, 10_001)],
    ids=str,
)
def test_a_filter_or_limit_that_cannot_be_is_ops_018(loop, filter_, limit):
    loop.refused("018", MANY, filter_, limit, True)
    loop.refused("018", "select * from fn_list_dead_letters(%s, %s)", filter_, limit)


def test_what_was_redriven_is_listed_when_asked_for(loop):
    dead_message(loop)
    name = letter(loop)
    loop.row(REDRIVE, name)
    assert loop.rows("select * from fn_list_dead_letters()") == []
    (row,) = loop.rows("select * from fn_list_dead_letters(%s)", {"redriven": True})
    assert (row["dl_msg_id"], row["replayed_by"]) == (name, "ada")


def test_a_letter_and_the_log_that_disagree_are_found(loop):
    dead_message(loop)
    loop.do("update dead_letter_archive set redriven_at = now()")
    (broken,) = loop.rows("select * from fn_check_invariants('replays')")
    assert "no replay is on record" in broken["detail"]


@pytest.mark.parametrize("call", ["fn_list_dead_letters(%s)", "fn_redrive_dead_letters(%s)"])
def test_a_reason_that_ends_with_an_escape_character_is_refused_whatever_the_archive_holds(loop, call):
    loop.refused("018", f"select * from {call}", {"reason": "n\\\\\\"})
    failed_step(loop)
    loop.rows(f"select * from {call}", {"reason": "no\\\\"})
