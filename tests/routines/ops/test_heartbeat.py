"""One turn of the loop: its result as documented, its phases each for themselves, its own events."""

import re

import pytest

from looping import step
from opsloop import sqlfiles

QUIET = {
    "ok": True,
    "triggerResult": {"events": 0, "queued": 0},
    "reactionResult": {"processed": 0, "created": 0},
    "leaseResult": {"requeued_steps": 0, "failed_steps": 0},
    "staleResult": {"recovered": 0},
}


def beats(loop):
    return loop.rows("select * from ops_agent_events where type like 'heartbeat:%%' order by created_at, id")


def break_routine(loop, name):
    """Replaces a routine of the throwaway database by one that changes something and then fails."""
    signature = loop.row(
        "select p.oid::regprocedure::text as routine, pg_get_function_arguments(p.oid) as args,"
        " pg_get_function_result(p.oid) as result from pg_proc p"
        " where p.proname = %s and p.pronamespace = 'opsloop'::regnamespace",
        name,
    )
    body = (
        "begin insert into ops_sweep (name) values ('broken');"
        " raise exception 'on purpose' using errcode = '22012'; end"
    )
    loop.do(
        f"create or replace function {name}({signature['args']}) returns {signature['result']} language plpgsql"
        f" security definer set search_path from current as $break$ {body} $break$"
    )


def test_with_nothing_to_do_it_says_so(loop):
    assert loop.heartbeat() == QUIET


def test_it_turns_an_event_into_work_in_one_go(loop):
    loop.react({})
    loop.emit()
    result = loop.heartbeat()
    assert result["triggerResult"] == {"events": 1, "queued": 1}
    assert result["reactionResult"] == {"processed": 1, "created": 1}
    assert len(loop.claim(5)) == 1


def test_its_batches_are_those_given(loop):
    loop.react({})
    for _ in range(4):
        loop.emit()
    result = loop.heartbeat(3, 2)
    assert result["triggerResult"]["events"] == 3
    assert result["reactionResult"]["processed"] == 2


def test_it_takes_back_what_was_lost(loop):
    loop.work(loop.mission(step("a")))
    loop.advance(3600)
    assert loop.heartbeat()["leaseResult"] == {"requeued_steps": 1, "failed_steps": 0}


def test_it_leaves_an_event_born_processed_at_most_every_ten_seconds(loop):
    loop.react({"event_type": "*"})
    moment = loop.stop_clock()
    for _ in range(3):
        loop.turn()
    (beat,) = beats(loop)
    assert (beat["type"], beat["processed_at"], beat["created_at"]) == ("heartbeat:success", moment, moment)
    assert beat["data"] == QUIET
    loop.advance(0)
    loop.run_clock()
    loop.advance(11)
    loop.turn()
    assert len(beats(loop)) == 2
    assert loop.reactions() == []


@pytest.mark.parametrize(
    ("routine", "phase"),
    [
        ("fn_recover_expired_leases", "leases"),
        ("fn_recover_stale_steps", "stale"),
        ("fn_evaluate_triggers", "triggers"),
        ("fn_process_reactions", "reactions"),
        ("_duty_control", "pauses"),
        ("_duty_proposals", "gates"),
        ("_duty_base", "duties"),
        ("_duty_locks", "duties"),
        ("_duty_steps", "duties"),
    ],
)
def test_a_phase_that_fails_is_rolled_back_alone_and_reported(loop, routine, phase):
    loop.react({})
    loop.emit()
    loop.work(loop.mission(step("a")))
    loop.advance(3600)
    hand = loop.mission(step("a"))
    loop.cancel(hand)
    loop.queue_by_hand(loop.step(hand)["id"])
    break_routine(loop, routine)
    result = loop.heartbeat()
    assert result["ok"] is False
    assert result["errors"] == [{"phase": phase, "code": "22012", "message": "on purpose"}]
    assert loop.value("select count(*) from ops_sweep where name = 'broken'") == 0
    assert result["leaseResult"]["requeued_steps"] == (0 if phase == "leases" else 1)
    assert result["staleResult"]["recovered"] == (0 if phase == "stale" else 1)
    assert result["triggerResult"]["events"] >= (0 if phase == "triggers" else 1)
    assert result["reactionResult"]["created"] == (0 if phase in ("triggers", "reactions") else 1)
    (beat,) = beats(loop)
    assert (beat["type"], beat["data"], beat["processed_at"] is not None) == (
        "heartbeat:failure",
        result,
        True,
    )


@pytest.mark.parametrize("broken", ["_duty_base", "_duty_locks", "_duty_steps"])
def test_a_duty_that_fails_leaves_the_others_done_and_is_tried_again_by_the_next_turn(loop, broken):
    loop.rows("select _count('m10_locks_failed_total')")
    loop.do(
        "insert into distributed_locks (lock_name, holder_id, acquired_at, expires_at, token)"
        " values ('old', 'x', now(), now() - interval '1 minute', 1)"
    )
    loop.register("gone")
    loop.do("update ops_workers set last_seen_at = now() - interval '8 days'")
    done = {
        "_duty_base": "select not exists (select from ops_counts where name = 'm10_locks_failed_total')",
        "_duty_locks": "select not exists (select from distributed_locks where lock_name = 'old')",
        "_duty_steps": "select not exists (select from ops_workers)",
    }
    whole = loop.value("select pg_get_functiondef(to_regproc(%s))", broken)
    break_routine(loop, broken)
    for _ in range(2):
        assert [e["phase"] for e in loop.heartbeat()["errors"]] == ["duties"]
        assert {name: loop.value(query) for name, query in done.items()} == {
            name: name != broken for name in done
        }
    loop.do(whole)
    loop.turn()
    assert all(loop.value(query) for query in done.values())


def test_it_lists_every_duty_and_each_is_the_one_of_its_area():
    code = sqlfiles.sql_root() / "code"
    duties = {(file.parent.name, file.stem) for file in code.glob("*/_duty_*.sql")}
    assert duties == {(area, f"_duty_{area}") for area, _ in duties}
    listed = re.findall(r"perform (_duty_\w+)\(", (code / "ops/fn_heartbeat.sql").read_text())
    assert sorted(listed) == sorted(name for _, name in duties)


def test_failures_are_recorded_every_time(loop):
    break_routine(loop, "_duty_proposals")
    for _ in range(3):
        assert not loop.heartbeat()["ok"]
    assert [b["type"] for b in beats(loop)] == ["heartbeat:failure"] * 3


def test_after_a_failure_a_success_within_ten_seconds_is_recorded_too(loop):
    loop.do("insert into ops_agent_events (id, type, processed_at, created_at)"
            " values (gen_random_uuid(), 'heartbeat:failure', now(), now())")  # fmt: skip
    loop.turn()
    assert sorted(b["type"] for b in beats(loop)) == ["heartbeat:failure", "heartbeat:success"]


@pytest.mark.parametrize("args", [(0, None, None), (None, -1, None), (None, None, 0)])
def test_an_argument_that_cannot_be_fails_its_phase_and_no_other(loop, args):
    loop.work(loop.mission(step("a")))
    loop.advance(3600)
    result = loop.heartbeat(*args)
    assert result["errors"][0]["code"] == "OP018"
    assert result["leaseResult"]["requeued_steps"] == 1
