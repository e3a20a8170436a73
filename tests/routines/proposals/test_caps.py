"""Caps: the day and the hour in UTC, for all and per source; exact, whatever came before the cap."""

import pytest
from psycopg.types.json import Jsonb

from looping import step, template

HTTP = step("a", "http", params={"url": "https://x/"})


@pytest.fixture(autouse=True)
def noon(loop):
    """It is noon of a day nobody else proposes on."""
    loop.stop_clock("2030-05-05 12:00:00+00")
    loop.policy("proposal_caps", over_limit="reject")


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


def test_the_hour_is_the_utc_hour_also_in_a_time_zone_of_half_hours(loop):
    loop.policy("proposal_caps", daily_limit=100, hourly_limit=1)
    loop.do("set local timezone = 'Asia/Kolkata'")
    for moment in ("10:40", "10:41", "11:10"):  # one hour in Kolkata, 16:00 to 17:00, and two in UTC
        loop.stop_clock(f"2030-05-05 {moment}:00+00")
        loop.propose(step("a"))
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


class TestWaiting:
    """What is over a cap waits for its window, unless policy rejects it."""

    @pytest.fixture(autouse=True)
    def waits(self, noon, loop):
        loop.policy("proposal_caps", over_limit="wait", daily_limit=2)

    def test_it_is_pending_with_the_cap_and_the_end_of_its_window(self, loop):
        assert statuses(loop, 3) == ["auto_approved", "auto_approved", "pending"]
        last = loop.proposals()[-1]
        assert (last["reason_code"], last["counted_at"]) == ("OPS_003", None)
        assert last["reason"] == "OPS_003: daily_limit 2 reached; it waits until 2030-05-06 00:00 UTC"
        assert loop.broken() == []

    def test_leaving_over_limit_out_means_waiting(self, loop):
        loop.value("select fn_set_policy('proposal_caps', '{\"daily_limit\": 1}')")
        assert statuses(loop, 2) == ["auto_approved", "pending"]

    def test_it_is_gated_when_the_window_opens_and_counts_on_that_day(self, loop):
        statuses(loop, 5)
        loop.stop_clock("2030-05-05 23:59:59+00")
        loop.turn()
        assert [p["status"] for p in loop.proposals()].count("pending") == 3
        loop.stop_clock("2030-05-06 00:00:00+00")
        loop.turn()
        assert [p["status"] for p in loop.proposals()] == ["auto_approved"] * 4 + ["pending"]
        assert loop.proposals()[-1]["reason"].endswith("2030-05-07 00:00 UTC")
        assert statuses(loop, 1) == ["pending"]
        loop.stop_clock("2030-05-07 00:00:00+00")
        loop.turn()
        assert {p["status"] for p in loop.proposals()} == {"auto_approved"}
        assert loop.value("select count(*) from ops_missions") == 6
        assert loop.broken() == []

    def test_a_higher_cap_lets_the_next_heartbeat_gate_it(self, loop):
        statuses(loop, 4)
        loop.policy("proposal_caps", daily_limit=3)
        loop.turn()
        assert [p["status"] for p in loop.proposals()] == ["auto_approved"] * 3 + ["pending"]
        loop.do("update ops_policy set value = value || '{\"daily_limit\": 9}' where key = 'proposal_caps'")
        loop.turn()
        assert {p["status"] for p in loop.proposals()} == {"auto_approved"}

    def test_what_needs_a_person_is_told_only_when_it_passes(self, loop):
        statuses(loop, 2)
        told = "select count(*) from ops_agent_events where type = 'proposal:pending'"
        made = loop.propose(HTTP)
        assert (made["status"], loop.value(told)) == ("pending", 0)
        loop.refused("003", "select * from fn_approve_proposal(%s)", made["proposal_id"])
        loop.stop_clock("2030-05-06 00:00:00+00")
        loop.turn()
        assert loop.proposals()[-1]["reason_code"] == "OPS_009"
        assert loop.value(told) == 1
        assert loop.approve(made["proposal_id"])["status"] == "approved"
        assert loop.broken() == []

    def test_a_bounded_number_of_each_source_waits(self, loop):
        loop.policy("proposal_caps", max_waiting=2)
        statuses(loop, 2)
        assert statuses(loop, 3, "mail") == ["pending", "pending", "rejected"]
        assert loop.proposals()[-1]["reason"] == (
            "OPS_003: daily_limit 2 reached, and proposal_caps.max_waiting 2 of source mail wait already"
        )
        assert statuses(loop, 1, "chat") == ["pending"]
        batch = [{"template": template(), "source": "chat"}] * 3
        rows = loop.rows("select * from fn_create_proposals(%s)", Jsonb(batch))
        assert [r["status"] for r in rows] == ["pending", "rejected", "rejected"]

    def test_a_cap_of_nothing_never_opens_and_rejects(self, loop):
        loop.policy("proposal_caps", per_source={"mail": 0})
        assert statuses(loop, 1, "mail") == ["rejected"]

    def test_a_person_may_reject_it_and_it_never_counted(self, loop):
        statuses(loop, 2)
        made = loop.propose(step("a"))
        assert loop.row("select * from fn_reject_proposal(%s)", made["proposal_id"])["status"] == "rejected"
        assert loop.value("select used from ops_cap_counters where scope = 'day'") == 2
        assert loop.broken() == []

    def test_inbox_and_health_say_so_and_nobody_is_waited_for(self, loop):
        statuses(loop, 4)
        loop.stop_clock("2030-05-05 23:00:00+00")
        asked = loop.propose(HTTP, source="other")
        entries = loop.rows("select * from fn_inbox(2)")
        assert all(e["waits_because"].startswith("OPS_003: daily_limit 2 reached") for e in entries)
        assert all(e["waits_because"].endswith("it waits until 2030-05-06 00:00 UTC") for e in entries)
        assert all("approve" not in e["decide"] for e in entries)
        checks = {c["name"]: c for c in loop.rows("select * from fn_check_health()")}
        assert checks["waiting for a cap"]["status"] == "warn"
        assert checks["waiting for a cap"]["value"].startswith("3 proposals, until 2030-05-06")
        assert checks["waiting for a person"]["value"].startswith("0 proposals")
        (row, *_) = loop.rows("select * from fn_explain_proposal(%s)", asked["proposal_id"])
        assert (row["reason"], row["code"]) == ("cap", "OPS_003")
