"""Running and backfilling a schedule by hand; and who may decide on what comes of one."""

from datetime import timedelta

import pytest

from looping import step, template

BACKFILL = "select * from fn_backfill_schedule('s', %s, %s)"


def test_a_run_happens_at_once(loop):
    loop.schedule(template=template(step("a")))
    done = loop.row("select * from fn_run_schedule('s', 'ada', 'to see')")
    assert (done["outcome"], done["tick"]) == ("fired", loop.now)
    (proposal,) = loop.proposals()
    assert (proposal["id"], proposal["dedupe_key"]) == (
        done["proposal_id"],
        "schedule:s:2026-06-01T12:00:00Z",
    )
    assert loop.row("select cause, login from fn_list_schedule_ticks('s')") == {
        "cause": "run",
        "login": loop.value("select session_user"),
    }


def test_one_that_is_disabled_can_be_run_and_one_that_is_paused_cannot(loop):
    loop.schedule(enabled=False)
    assert loop.row("select * from fn_run_schedule('s')")["outcome"] == "fired"
    loop.value("select fn_pause('schedule', 's', 'ada', 'noise')")
    diag = loop.refused("028", "select fn_run_schedule('s')")
    assert "by ada: noise" in diag.message_primary
    loop.refused("028", BACKFILL, loop.now - timedelta(hours=1), loop.now)


def test_a_run_that_cannot_be_proposed_says_why(loop):
    loop.schedule(template=template(step("a"), rationale="x" * 3000))
    loop.value("select fn_set_policy('size_limits', %s)", {"template_bytes": 2000})
    loop.refused("045", "select fn_run_schedule('s')")


def test_a_backfill_does_what_did_not_happen_and_no_more(loop):
    loop.schedule(cron="0 * * * *", catch_up="none")
    loop.beat(3600, 86400 - 1800)
    happened = len(loop.events())
    made = loop.rows(BACKFILL, loop.now - timedelta(hours=24), loop.now)
    assert [row["outcome"] for row in made] == ["fired"] * len(made)
    assert len(loop.events()) == happened + sum(row["is_new"] for row in made)
    again = loop.rows(BACKFILL, loop.now - timedelta(hours=24), loop.now)
    assert [row["is_new"] for row in again] == [False] * len(made)
    assert len({e["dedupe_key"] for e in loop.events()}) == len(loop.events())
    assert loop.broken() == []


def test_a_backfill_takes_ticks_from_the_first_time_up_to_the_second(loop):
    loop.schedule()
    made = loop.rows(BACKFILL, loop.now - timedelta(seconds=1200), loop.now)
    assert [f"{row['tick']:%H:%M}" for row in made] == ["11:40", "11:50"]


def test_what_is_known_of_a_tick_may_be_gone_and_it_still_happens_once(loop):
    loop.schedule()
    loop.beat(600)
    loop.do("delete from ops_schedule_ticks")
    loop.at(loop.now + timedelta(seconds=1))
    loop.rows(BACKFILL, loop.now - timedelta(seconds=60), loop.now)
    assert len(loop.events()) == 1


@pytest.mark.parametrize("overlap", ["skip", "queue"])
def test_what_must_not_overlap_is_backfilled_one_after_the_other(loop, overlap):
    loop.schedule(template=template(step("a")), overlap=overlap)
    made = loop.rows(BACKFILL, loop.now - timedelta(seconds=1800), loop.now)
    assert [row["outcome"] for row in made] == ["fired", "queued", "queued"]
    for _ in made:
        (work,) = loop.claim(5)
        loop.complete(work)
        loop.beat(1)
    assert [outcome for _, outcome in loop.ticks()] == ["fired"] * 3
    assert {row["cause"] for row in loop.rows("select cause from ops_schedule_ticks")} == {"backfill"}


def test_a_backfill_of_too_many_ticks_says_how_far_it_may_go(loop):
    loop.schedule(every_seconds=1)
    since = loop.now - timedelta(days=1)
    diag = loop.refused("027", BACKFILL, since, loop.now)
    assert (since + timedelta(seconds=1000)).isoformat(" ")[:19] in diag.message_hint


@pytest.mark.parametrize(("since", "until"), [(0, 0), (60, 120), (None, 0), (-60, None), (-60, 60)])
def test_times_that_cannot_be_backfilled_are_refused(loop, since, until):
    loop.schedule()
    moments = [None if n is None else loop.now + timedelta(seconds=n) for n in (since, until)]
    loop.refused("018", BACKFILL, *moments)


@pytest.mark.parametrize(
    "call", ["fn_run_schedule('no')", "fn_backfill_schedule('no', now() - interval '1 h', now())"]
)
def test_an_unknown_schedule_is_refused(loop, call):
    loop.refused("025", f"select {call}")


def test_who_set_a_schedule_does_not_decide_on_what_comes_of_it(team):
    team.loop.allow("nothing")
    team.loop.do(f"grant opsloop_admin to {team.login('ada')}, {team.login('bob')}")
    document = {"every_seconds": 600, "template": template(step("a"))}
    with team.being("bob"):
        team.loop.value("select name from fn_set_schedule('s', %s)", document)
    with team.being("ada"):
        team.loop.value("select fn_disable_schedule('s')")
        team.loop.value("select fn_enable_schedule('s')")
    with team.being("eve"):
        proposal = team.loop.value("select proposal_id from fn_run_schedule('s')")
    for name in ("ada", "bob", "eve"):
        team.refused("015", name, "select fn_approve_proposal(%s)", proposal)
    assert team.approve("zoe", proposal)["status"] == "approved"


def test_who_set_a_schedule_does_not_decide_on_what_its_event_leads_to(team):
    team.loop.allow("nothing")
    team.loop.react({"event_type": "tick"})
    team.loop.do(f"grant opsloop_admin to {team.login('ada')}, {team.login('bob')}")
    for name, data in (("bob", {"n": 1}), ("ada", {"n": 2})):
        with team.being(name):
            team.loop.value(
                "select name from fn_set_schedule('s', %s)",
                {"every_seconds": 1, "event_type": "tick", "data": data},
            )
    team.loop.advance(2)
    team.loop.turn()
    proposal = team.loop.proposals()[0]["id"]
    for name in ("ada", "bob"):
        team.refused("015", name, "select fn_approve_proposal(%s)", proposal)
    assert team.approve("zoe", proposal)["status"] == "approved"
