"""What pages are made of: statements taken apart, differences, depths, texts."""

from datetime import UTC, datetime, timedelta

import pytest
from markupsafe import Markup

from looping import Loop, step
from opsloop.serve.pages import text, ways
from opsloop.serve.pages.difference import Difference, changes
from opsloop.serve.pages.missions import depths


@pytest.mark.parametrize(
    ("statement", "call", "arguments"),
    [
        ("select opsloop.fn_resume('executor', 'no''op');", "resume", ("executor", "no'op")),
        ("select opsloop.fn_resume('kind', NULL);", "resume", ("kind", None)),
        ('select "my loop".fn_heartbeat();', "heartbeat", ()),
        ("select * from opsloop.fn_recover_stale_steps(1);", "recover_stale_steps", (1,)),
        ("select pg_terminate_backend(4711);", "end_session", (4711,)),
    ],
)
def test_a_statement_of_literals_is_a_call(statement, call, arguments):
    found = ways.way(statement)
    assert (found.runs, found.call, found.arguments) == (True, call, arguments)


@pytest.mark.parametrize(
    "statement",
    [
        "", "select 1;", "select opsloop.fn_kill_switch();", "select opsloop.fn_resume(current_user);",
        "select opsloop.fn_resume('a'); drop table x;", "select opsloop.fn_resume('a', (select 'b'));",
        "select pg_terminate_backend(pg_backend_pid());", "select opsloop.fn_heartbeat(); --", "drop table x;",
        "select opsloop.fn_resume('a' || 'b');", "select opsloop.fn_retry_step('a', 'b'",
    ],
)  # fmt: skip
def test_any_other_statement_is_only_shown(statement):
    assert not ways.way(statement).runs


def test_what_pages_do_better_leads_there():
    assert ways.way("select * from opsloop.fn_approve_proposal('x');").page == "/inbox/x"
    assert ways.way("select opsloop.fn_resume('all', NULL);").page == "/#stop"
    policy = "select opsloop.fn_set_policy('proposal_caps', y.value) from opsloop.ops_policy y where …"
    assert ways.way(policy).page == "/policy/proposal_caps"


def test_every_statement_that_lifts_a_pause_or_a_hold_is_a_call(conn):
    loop = Loop(conn)
    loop.register()
    loop.value("select fn_pause('source', %s)", "it's; drop table x;")
    mission = loop.mission(step("a"), source="it's; drop table x;")
    loop.turn()
    frees = [one["frees"] for one in loop.rows("select frees from fn_explain_mission(%s)", mission)]
    (found,) = {ways.way(one).arguments for one in frees if "fn_resume" in (one or "")}
    assert found == ("source", "it's; drop table x;")


def test_differences_are_named_by_path_and_steps_by_key():
    before = {"title": "x", "steps": [{"key": "a", "params": {"to": 1}}, {"key": "b"}], "tags": [1, 2]}
    after = {
        "title": "x",
        "steps": [{"key": "b"}, {"key": "a", "params": {"to": 2}}],
        "tags": [1],
        "more": True,
    }
    assert changes(before, after) == [
        Difference("steps[a].params.to", 1, 2),
        Difference("tags[1]", 2, None),
        Difference("more", None, True),
    ]
    assert changes(before, before) == []


def test_a_step_is_as_deep_as_what_it_waits_for_wherever_it_stands():
    assert depths({"last": ["middle"], "first": [], "middle": ["first"]}) == {
        "first": 0,
        "middle": 1,
        "last": 2,
    }
    assert depths({"a": ["b"], "b": ["a"]}) == {"a": 0, "b": 0}


def test_text_of_data_shows_what_cannot_be_seen_and_markup_of_ours_is_left_alone():
    assert text.visible("a\u202eb\u200b") == "a\\u202eb\\u200b"
    assert text.visible(None) == ""
    assert text.visible(Markup("<b>\u202e</b>")) == Markup("<b>\u202e</b>")


def test_times_and_durations_are_short():
    now = datetime.now(UTC)
    assert text.ago(now - timedelta(minutes=5, seconds=3)) == "5m ago"
    assert text.ago(now + timedelta(hours=2, minutes=1)) == "in 2h"
    assert (
        text.took({"started_at": now.isoformat(), "completed_at": (now + timedelta(seconds=3)).isoformat()})
        == "3.00 s"
    )
    assert text.moment("2026-11-30T12:00:00") == datetime(2026, 11, 30, 12, tzinfo=UTC)
    assert text.moment("soon") is None


@pytest.mark.parametrize(
    "written", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-13-01", "infinity", ""]
)
def test_what_is_no_time_on_any_clock_is_text(written):
    assert text.moment(written) is None
