"""The kill switch: every lease is void, late reports are evidence and no more, and resuming brings all of it back."""

import pytest
from psycopg.types.json import Jsonb

from looping import step

KILL = "select fn_kill_switch('ada', 'smoke')"
RESUME = "select fn_resume('all', null, 'ada', 'aired')"


@pytest.fixture
def running(loop):
    """Two steps at work: one that may run again, and one whose outcome nobody would know."""
    loop.allow()
    missions = [loop.mission(step("a")), loop.mission(step("a", kind="custom"))]
    works = {work["mission_id"]: work for work in loop.claim(2)}
    return [works[mission] for mission in missions]


@pytest.fixture
def kill(loop):
    """Pulls the kill switch."""
    return lambda: loop.value(KILL)


@pytest.fixture
def unrevoked(loop):
    """Kills as if every running step had been held by somebody: their leases are void, and not taken back."""

    def pull():
        timers = loop.rows("delete from ops_timers returning *")
        result = loop.value(KILL)
        for timer in timers:
            loop.do("insert into ops_timers values (%s, %s, %s)", *timer.values())
        return result

    return pull


def status(loop, work):
    return loop.value("select status from ops_mission_steps where id = %s", work["step_id"])


def test_a_kill_revokes_leases_and_lets_nothing_start_until_it_is_lifted(loop, running, kill):
    again, unknown = running
    done = kill()
    assert done == {
        "epoch": 1,
        "changed": True,
        "revoked": 2,
        "held": 1,
        "remaining": 0,
        "could_still_commit": [],
    }
    assert (status(loop, again), status(loop, unknown)) == ("queued", "waiting")
    assert loop.claim(10) == []
    loop.mission(step("a"))
    loop.turn()
    assert loop.claim(10) == []
    assert loop.broken() == []
    assert loop.value(RESUME)["changed"] is True
    assert again["step_id"] in {work["step_id"] for work in loop.claim(10)}
    assert loop.broken() == []


def test_what_may_run_again_has_lost_an_attempt_and_no_try(loop, running, kill):
    again, _ = running
    kill()
    row = loop.row("select * from ops_mission_steps where id = %s", again["step_id"])
    assert (row["failure_count"], row["lease_token"], row["lease_expires_at"]) == (0, None, None)
    (run,) = loop.runs(again["step_id"])
    assert (run["status"], run["error"], run["run_id"]) == (
        "lost",
        "revoked by the kill switch",
        again["lease_token"],
    )


def test_what_must_not_run_twice_unnoticed_waits_for_a_person(loop, running, kill):
    _, unknown = running
    kill()
    row = loop.row("select * from ops_mission_steps where id = %s", unknown["step_id"])
    assert (
        row["wait_reason"]
        == "OPS_010: outcome unknown: the kill switch stopped worker w1; retry it or resolve it"
    )
    loop.value(RESUME)
    assert status(loop, unknown) == "waiting"
    assert loop.retry(unknown["step_id"]) == "queued"


def test_what_was_asked_to_stop_is_cancelled(loop, running, kill):
    again, _ = running
    loop.cancel(again["mission_id"])
    kill()
    assert status(loop, again) == "cancelled"
    assert loop.broken() == []


@pytest.mark.parametrize("taken_back", [True, False], ids=["taken back", "not yet taken back"])
def test_late_reports_change_nothing_and_are_kept_as_evidence(loop, running, kill, unrevoked, taken_back):
    again, unknown = running
    kill() if taken_back else unrevoked()
    before = [status(loop, again), status(loop, unknown)]
    assert before == (["queued", "waiting"] if taken_back else ["running", "running"])
    loop.value(RESUME) if taken_back else None
    assert loop.complete(again, {"late": True}) == "OPS_006"
    assert loop.fail(unknown, "late") == "OPS_006"
    assert loop.release(again) == ["OPS_006"]
    assert not loop.extend(again)[0]["ok"]
    loop.refused("006", "select fn_assert_lease(%s, %s)", again["step_id"], again["lease_token"])
    assert [status(loop, again), status(loop, unknown)] == before
    fenced = loop.rows("select step_id, meta ->> 'said' as said, meta -> 'result' as result, error"
                       " from ops_action_runs where status = 'fenced' order by said")  # fmt: skip
    assert fenced == [
        {"step_id": unknown["step_id"], "said": "failed", "result": None, "error": "late"},
        {"step_id": again["step_id"], "said": "succeeded", "result": {"late": True}, "error": None},
    ]
    assert loop.broken() == []


def test_what_the_kill_could_not_take_back_the_next_heartbeat_does(loop, running, unrevoked):
    again, unknown = running
    assert unrevoked()["revoked"] == 0
    loop.do("update ops_control set revoked_epoch = 0")  # it saw no timers, and took itself to be done
    loop.turn()
    assert (status(loop, again), status(loop, unknown)) == ("queued", "waiting")
    assert loop.row("select epoch, revoked_epoch from ops_control") == {"epoch": 1, "revoked_epoch": 1}
    assert loop.value("select failure_count from ops_mission_steps where id = %s", again["step_id"]) == 0


def test_resuming_takes_back_what_is_left_before_it_lifts(loop, running, unrevoked):
    again, unknown = running
    unrevoked()
    done = loop.value(RESUME)
    assert (done["revoked"], done["held"]) == (2, 1)
    assert (status(loop, again), status(loop, unknown)) == ("queued", "waiting")


def test_a_void_lease_that_runs_out_is_no_failure(loop, running, unrevoked):
    again, _ = running
    unrevoked()
    loop.advance(3600)
    loop.rows("select * from fn_recover_expired_leases()")
    row = loop.row("select status, failure_count from ops_mission_steps where id = %s", again["step_id"])
    assert row == {"status": "queued", "failure_count": 0}


def test_leases_given_after_it_was_lifted_hold(loop, running, kill):
    kill()
    loop.value(RESUME)
    (work,) = loop.claim(10)
    assert loop.extend(work)[0]["ok"]
    loop.rows("select fn_assert_lease(%s, %s)", work["step_id"], work["lease_token"])
    assert loop.complete(work) == "accepted"


def test_a_result_accepted_before_is_answered_alike_afterwards(loop, running, kill):
    again, _ = running
    assert loop.complete(again) == "accepted"
    kill()
    assert loop.complete(again) == "accepted"
    assert len(loop.runs(again["step_id"])) == 1


def test_twice_the_same_changes_nothing(loop, running, kill):
    kill()
    before = loop.contents()
    assert kill() == {
        "epoch": 1,
        "changed": False,
        "revoked": 0,
        "held": 0,
        "remaining": 0,
        "could_still_commit": [],
    }
    assert loop.contents() == before


def test_a_kill_over_a_pause_is_lifted_with_it(loop, running, kill):
    loop.value("select fn_pause('all', null, 'bob', 'earlier')")
    assert kill()["changed"]
    (pause,) = loop.rows("select scope, kill, paused_by, reason from fn_list_pauses()")
    assert pause == {"scope": "all", "kill": True, "paused_by": "ada", "reason": "smoke"}
    loop.value(RESUME)
    assert loop.rows("select * from fn_list_pauses()") == []
    assert len(loop.claim(10)) == 1


def test_other_pauses_stay_when_it_is_lifted(loop, running, kill):
    loop.value("select fn_pause('kind', 'noop')")
    kill()
    loop.value(RESUME)
    assert loop.claim(10) == []


def test_while_it_is_in_force_events_and_proposals_go_on(loop, kill):
    loop.allow()
    loop.react({})
    kill()
    loop.emit()
    assert loop.turn()["reactionResult"]["created"] == 1
    assert loop.claim(1) == []
    loop.value(RESUME)
    assert len(loop.claim(1)) == 1


def test_who_killed_and_who_resumed_is_written_down_with_the_login(loop, running, kill):
    kill()
    loop.value(RESUME)
    login = loop.value("select session_user")
    rows = loop.rows(
        "select action, scope, target, actor, login, reason, detail from ops_control_log order by id"
    )
    assert [{k: v for k, v in row.items() if k != "detail"} for row in rows] == [
        {"action": a, "scope": "all", "target": "", "actor": "ada", "login": login, "reason": r}
        for a, r in (("kill", "smoke"), ("resume", "aired"))
    ]
    assert rows[0]["detail"]["revoked"] == 2


def test_a_batch_of_reports_is_judged_one_by_one(loop, running, kill):
    kill()
    loop.value(RESUME)
    (fresh,) = loop.claim(1)
    stale = running[1]
    answers = loop.rows(
        "select * from fn_complete_steps(%s)",
        Jsonb([{"step_id": str(w["step_id"]), "lease_token": str(w["lease_token"])} for w in (fresh, stale)]),
    )
    assert {a["step_id"]: a["outcome"] for a in answers} == {
        fresh["step_id"]: "accepted",
        stale["step_id"]: "OPS_006",
    }
