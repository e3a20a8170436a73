"""Caps: the day and the hour in UTC, for all and per source; exact, whatever came before the cap."""

import pytest
from psycopg.types.json import Jsonb

from looping import step, template

HTTP = step("a", "http", params={"url": "https://x/"})


@pytest.fixture(autouse=True)
def noon(loop):
    """It is noon of a day nobody else proposes on."""
    loop.stop_clock("2030-05-05 12:00:00+00")


def statuses(loop, count, source="manual"):
    return [loop.propose(step("a"), source=source)["status"] for _ in range(count)]


def test_the_daily_limit_passes_exactly_so_many(loop):
    loop.policy("proposal_caps", daily_limit=3)
    assert statuses(loop, 5) == ["auto_approved"] * 3 + ["rejected"] * 2
    assert loop.proposals()[-1]["reason"] == "OPS_003: daily_limit 3 reached"
    assert loop.broken() == []


def test_one_batch_is_cut_at_the_cap_in_the_order_given(loop):
    loop.policy("proposal_caps", daily_limit=3)
    rows = loop.rows("select * from fn_create_proposals(%s)", Jsonb([{"template": template()}] * 5))
    assert [r["status"] for r in rows] == ["auto_approved"] * 3 + ["rejected"] * 2


def test_the_day_is_the_utc_day_of_creation(loop):
    loop.policy("proposal_caps", daily_limit=1)
    loop.do("set local timezone = 'Pacific/Auckland'")
    loop.stop_clock("2030-05-05 23:59:59+00")
    assert statuses(loop, 2) == ["auto_approved", "rejected"]
    loop.stop_clock("2030-05-06 00:00:00+00")
    assert statuses(loop, 2) == ["auto_approved", "rejected"]


def test_the_hourly_limit_begins_again_with_the_hour_and_the_daily_one_goes_on(loop):
    loop.policy("proposal_caps", daily_limit=3, hourly_limit=2)
    assert statuses(loop, 3) == ["auto_approved", "auto_approved", "rejected"]
    assert loop.proposals()[-1]["reason"] == "OPS_003: hourly_limit 2 reached"
    loop.stop_clock("2030-05-05 13:00:00+00")
    assert statuses(loop, 2) == ["auto_approved", "rejected"]
    assert loop.proposals()[-1]["reason"] == "OPS_003: daily_limit 3 reached"


@pytest.mark.parametrize("own", [2, {"daily_limit": 2}])
def test_a_source_has_its_own_cap_within_that_of_all(loop, own):
    loop.policy("proposal_caps", daily_limit=4, per_source={"mail": own})
    assert statuses(loop, 3, "mail") == ["auto_approved", "auto_approved", "rejected"]
    assert loop.proposals()[-1]["reason"] == "OPS_003: per_source.mail.daily_limit 2 reached"
    assert statuses(loop, 3, "other") == ["auto_approved", "auto_approved", "rejected"]


def test_a_source_may_have_an_hourly_cap(loop):
    loop.policy("proposal_caps", per_source={"mail": {"hourly_limit": 1}})
    assert statuses(loop, 2, "mail") == ["auto_approved", "rejected"]
    loop.stop_clock("2030-05-05 13:00:00+00")
    assert statuses(loop, 2, "mail") == ["auto_approved", "rejected"]
    assert "per_source.mail.hourly_limit" in loop.proposals()[-1]["reason"]


def test_no_limit_is_no_limit(loop):
    loop.policy("proposal_caps", daily_limit=None)
    assert statuses(loop, 5) == ["auto_approved"] * 5


def test_what_a_source_may_not_does_not_count_against_the_cap_of_all(loop):
    loop.policy("proposal_caps", daily_limit=2, per_source={"mail": 1})
    assert statuses(loop, 3, "mail") == ["auto_approved", "rejected", "rejected"]
    assert statuses(loop, 2) == ["auto_approved", "rejected"]


def test_the_hour_is_the_utc_hour_also_for_a_batch_in_a_time_zone_of_half_hours(loop):
    for moment in ("10:40", "10:41", "11:10"):  # one hour in Kolkata, 16:00 to 17:00, and two in UTC
        loop.stop_clock(f"2030-05-05 {moment}:00+00")
        loop.propose(HTTP)
    loop.allow(risk_rules=[])
    loop.policy("proposal_caps", daily_limit=100, hourly_limit=1)
    loop.do("update ops_mission_proposals set counted_at = null")
    loop.do("delete from ops_cap_counters")
    loop.do("set local timezone = 'Asia/Kolkata'")
    loop.turn()
    assert [p["status"] for p in loop.proposals()] == ["auto_approved", "rejected", "auto_approved"]
    assert loop.broken() == []


def test_pending_proposals_count_and_rejected_ones_do_not(loop):
    loop.policy("proposal_caps", daily_limit=2)
    first = loop.propose(HTTP)
    assert loop.propose(HTTP)["status"] == "pending"
    assert statuses(loop, 1) == ["rejected"]
    loop.row("select * from fn_reject_proposal(%s)", first["proposal_id"])
    assert statuses(loop, 2) == ["auto_approved", "rejected"]
    assert loop.broken() == []


def test_what_policy_forbids_does_not_count(loop):
    loop.policy("proposal_caps", daily_limit=1)
    assert loop.propose(step("a", "command", params={"argv": ["rm"]}))["status"] == "rejected"
    assert statuses(loop, 1) == ["auto_approved"]


def test_a_repeated_dedupe_key_does_not_count_again(loop):
    loop.policy("proposal_caps", daily_limit=2)
    for _ in range(3):
        assert loop.propose(step("a"), key="k")["status"] == "auto_approved"
    assert statuses(loop, 2) == ["auto_approved", "rejected"]


def test_a_cap_set_during_the_day_counts_what_was_before_it(loop):
    loop.policy("proposal_caps", daily_limit=None)
    statuses(loop, 3)
    loop.policy("proposal_caps", daily_limit=4)
    assert statuses(loop, 2) == ["auto_approved", "rejected"]
    assert loop.broken() == []


@pytest.mark.parametrize("cap", ["daily_limit", "hourly_limit"])
def test_a_cap_taken_away_and_set_again_counts_what_passed_in_between(loop, cap):
    loop.policy("proposal_caps", **{"daily_limit": None, cap: 3})
    statuses(loop, 2)
    loop.policy("proposal_caps", **{cap: None})
    assert statuses(loop, 2) == ["auto_approved"] * 2
    loop.policy("proposal_caps", **{cap: 3})
    assert statuses(loop, 1) == ["rejected"]
    loop.policy("proposal_caps", **{cap: 5})
    assert statuses(loop, 2) == ["auto_approved", "rejected"]
    assert loop.broken() == []


def test_the_cap_of_a_source_taken_away_and_set_again_does_so_too(loop):
    loop.policy("proposal_caps", per_source={"mail": 2})
    statuses(loop, 1, "mail")
    loop.policy("proposal_caps", per_source={})
    statuses(loop, 2, "mail")
    loop.policy("proposal_caps", per_source={"mail": 4})
    assert statuses(loop, 2, "mail") == ["auto_approved", "rejected"]
    assert loop.broken() == []


def test_a_lowered_cap_lets_nothing_more_through(loop):
    loop.policy("proposal_caps", daily_limit=5)
    statuses(loop, 3)
    loop.policy("proposal_caps", daily_limit=2)
    assert statuses(loop, 1) == ["rejected"]


def test_a_proposal_never_counted_is_counted_when_a_person_approves_it(loop):
    loop.policy("proposal_caps", daily_limit=1)
    made = loop.propose(HTTP)
    loop.do("update ops_mission_proposals set counted_at = null")
    loop.do("update ops_cap_counters set used = 0")
    other = loop.propose(HTTP)
    loop.refused("003", "select * from fn_approve_proposal(%s)", made["proposal_id"])
    loop.row("select * from fn_reject_proposal(%s)", other["proposal_id"])
    assert loop.approve(made["proposal_id"])["status"] == "approved"
    assert loop.broken() == []
