"""The inbox: what waits for a person, exactly what would run, and decisions that count for what was shown."""

import re

import pytest
from psycopg.types.json import Jsonb

from looping import step, template

OPENCLAW = ["openclaw", "agent"]


def entries(loop, limit=50):
    return loop.rows("select * from fn_inbox(%s)", limit)


def the_entry(loop):
    (only,) = entries(loop)
    return only


def decide(loop, entry, what):
    """Runs the statement that the entry gives for it."""
    return loop.row(entry["decide"][what].replace("%", "%%"))


def parked_by_policy(loop, *steps):
    """A step that policy allowed when it was proposed, and no longer when it was claimed."""
    loop.allow("noop", "other")
    mission = loop.mission(*(steps or (step("a", "other", params={"size": 3}),)))
    loop.allow("noop")
    assert loop.claim(10) == []
    return mission


def lost(loop, kind="http"):
    """A step whose worker vanished, and that must not run twice unnoticed."""
    loop.allow(kind, max_risk_level="high", risk_rules=[])
    mission = loop.mission(step("a", kind, params={"url": "https://example.com/"}))
    loop.work(mission)
    loop.advance(3600)
    loop.turn()
    assert loop.steps(mission) == {"a": "waiting"}
    return mission


def test_a_proposal_is_shown_with_exactly_what_would_run(loop):
    proposed = loop.propose(
        step("look", params={"n": 1}),
        step("ask", "openclaw", params={"prompt": "mend {{steps.look.result.what}}"}),
        step("tell", after=["look", "ask"]),
        source="reviewer",
    )
    entry = the_entry(loop)
    assert (entry["kind"], entry["id"], entry["title"]) == ("proposal", proposed["proposal_id"], "a test")
    assert (entry["status"], entry["risk_level"], entry["proposed_by"]) == ("pending", "medium", "reviewer")
    assert entry["waits_because"].startswith("OPS_009: steps.ask: ")
    assert entry["would_run"] == [
        {
            "key": "look", "kind": "noop", "executor": "noop", "run_with": "noop", "params": {"n": 1}, "after": [],
        },
        {
            "key": "ask", "kind": "openclaw", "executor": "openclaw", "run_with": "command",
            "params": {"argv": [*OPENCLAW, "--message=mend {{steps.look.result.what}}"]}, "after": ["look"],
            "unknown": {"params.prompt": "mend {{steps.look.result.what}}"},
        },
        {
            "key": "tell", "kind": "noop", "executor": "noop", "run_with": "noop", "params": {},
            "after": ["look", "ask"],
        },
    ]  # fmt: skip


def test_text_that_looks_like_a_placeholder_is_not_said_to_be_filled_later(loop):
    loop.react({"template": template(step("a", "openclaw", params={"prompt": "{{event.data.text}}"}))})
    loop.emit(data={"text": "{{steps.a.result.x}}"})
    loop.turn()
    (would_run,) = the_entry(loop)["would_run"]
    assert would_run["params"]["argv"] == [*OPENCLAW, "--message={{steps.a.result.x}}"]
    assert "unknown" not in would_run


def test_votes_are_shown_with_what_they_advise(loop):
    proposal = loop.propose(step("a", "other"))["proposal_id"]
    loop.rows("select * from fn_cast_vote(%s, 'reviewer', 'reject', 'too much')", proposal)
    entry = the_entry(loop)
    assert entry["status"] == "voting"
    assert entry["votes"] == [{"role": "reviewer", "vote": "reject", "reason": "too much"}]


def test_the_statements_of_an_entry_decide_on_it(loop):
    for what, status in (("approve", "approved"), ("reject", "rejected")):
        loop.propose(step("a", "other"))
        assert decide(loop, the_entry(loop), what)["status"] == status
        assert entries(loop) == []


def test_a_step_that_policy_no_longer_covers_is_shown_as_it_would_run_now(loop):
    loop.allow("noop", "openclaw", max_risk_level="high", risk_rules=[])
    mission = loop.mission(
        step("a"), step("b", "openclaw", params={"prompt": "mend {{steps.a.result.what}}"})
    )
    loop.complete(loop.work(mission, "a"), {"what": "the pump"})
    loop.allow("noop")
    assert loop.claim() == []
    entry = the_entry(loop)
    assert (entry["kind"], entry["id"], entry["mission_id"]) == (
        "step",
        loop.step(mission, "b")["id"],
        mission,
    )
    assert entry["waits_because"].startswith("OPS_009: ")
    assert entry["would_run"] == [
        {
            "key": "b", "kind": "openclaw", "executor": "openclaw", "run_with": "command",
            "params": {"argv": [*OPENCLAW, "--message=mend the pump"]},
        }
    ]  # fmt: skip
    assert sorted(entry["decide"]) == ["failed", "retry", "succeeded"]


@pytest.mark.parametrize(
    ("what", "status"), [("retry", "queued"), ("succeeded", "succeeded"), ("failed", "failed")]
)
def test_the_statements_of_a_parked_step_decide_on_it(loop, what, status):
    mission = parked_by_policy(loop)
    decide(loop, the_entry(loop), what)
    assert loop.steps(mission) == {"a": status}
    assert entries(loop) == []
    assert loop.rows("select * from ops_parked_steps") == []
    assert loop.broken() == []


def test_a_step_whose_outcome_is_unknown_waits_in_the_inbox(loop):
    mission = lost(loop)
    entry = the_entry(loop)
    assert (entry["id"], entry["status"]) == (loop.step(mission)["id"], "waiting")
    assert entry["waits_because"].startswith("OPS_010: outcome unknown")


def test_a_step_that_was_stopped_in_the_middle_waits_in_the_inbox(loop):
    loop.allow("http", max_risk_level="high", risk_rules=[])
    mission = loop.mission(step("a", "http", params={"url": "https://example.com/"}))
    assert loop.release(loop.work(mission), started=True) == ["waiting"]
    assert the_entry(loop)["id"] == loop.step(mission)["id"]


def test_what_policy_forbids_to_anybody_cannot_be_approved_from_the_inbox(loop):
    loop.policy("worker_policy", command_allow=[["ls"]])
    loop.allow("noop", "command", max_risk_level="high")
    loop.mission(step("a", "command", params={"argv": ["ls"]}))
    loop.allow("noop")
    loop.propose(step("a", "command", params={"argv": ["ls"]}))
    loop.policy("worker_policy", command_allow=[])
    assert loop.claim() == []
    assert [sorted(e["decide"]) for e in entries(loop)] == [["reject"], ["failed", "succeeded"]]
    assert all(e["waits_because"].startswith("OPS_003: ") for e in entries(loop))


def test_a_template_that_was_changed_is_shown_as_it_stands_and_can_only_be_rejected(loop):
    loop.propose(step("a", "other"))
    loop.do("update ops_mission_proposals set template = jsonb_set(template, '{steps}', '[{\"odd\": 1}]')")
    entry = the_entry(loop)
    assert entry["waits_because"].startswith("OPS_016: ")
    assert entry["would_run"] == [{"odd": 1}]
    assert list(entry["decide"]) == ["reject"]


def test_a_cancelled_mission_leaves_nothing_in_the_inbox(loop):
    loop.cancel(parked_by_policy(loop))
    assert entries(loop) == []
    assert loop.rows("select * from ops_parked_steps") == []


def test_a_failed_mission_takes_its_parked_steps_along(loop):
    loop.allow("noop", "other")
    mission = loop.mission(step("a", "other", after=[]), step("b", after=[]))
    (b,) = loop.claim(2, executors=["noop"])
    loop.allow("noop")
    assert loop.claim(2) == []
    assert len(entries(loop)) == 1
    loop.fail(b, retryable=False)
    assert entries(loop) == []
    assert loop.status(mission) == "failed"
    assert loop.rows("select * from ops_parked_steps") == []


def test_a_step_put_back_by_hand_is_no_longer_in_the_inbox(loop):
    mission = parked_by_policy(loop)
    loop.queue_by_hand(loop.step(mission)["id"])
    assert entries(loop) == []
    loop.turn()
    assert loop.rows("select * from ops_parked_steps") == []


def test_a_step_that_the_inbox_lacks_is_put_there_by_the_heartbeat(loop):
    mission = parked_by_policy(loop)
    loop.do("truncate ops_parked_steps")  # as after a restore of some tables
    assert entries(loop) == []
    loop.turn()
    assert the_entry(loop)["id"] == loop.step(mission)["id"]
    assert loop.broken() == []


def test_steps_that_were_deleted_do_not_stay_in_the_inbox(loop):
    mission = parked_by_policy(loop)
    loop.do("delete from ops_mission_steps where mission_id = %s", mission)
    assert entries(loop) == []
    loop.turn()
    assert loop.rows("select * from ops_parked_steps") == []


def test_what_a_pause_parked_is_not_in_the_inbox(loop):
    loop.mission(step("a"))
    loop.rows("select fn_pause('kind', 'noop')")
    assert loop.claim() == []
    loop.turn()
    assert entries(loop) == []
    assert loop.row("select waits_for, scope, target from ops_parked_steps") == {
        "waits_for": "pause",
        "scope": "kind",
        "target": "noop",
    }


def test_the_row_says_what_a_step_waits_for_and_why_as_a_code(loop):
    parked_by_policy(loop)
    lost(loop)
    assert loop.rows("select waits_for, code from ops_parked_steps order by code") == [
        {"waits_for": "person", "code": "OPS_009"},
        {"waits_for": "person", "code": "OPS_010"},
    ]


@pytest.mark.parametrize("text", ["paused: kind noop: a reason", "OPS_003: nobody", "", None])
def test_whatever_its_sentence_says_a_step_stays_what_it_is(loop, text):
    mission = lost(loop)
    loop.do("update ops_mission_steps set wait_reason = %s", text)
    loop.turn()
    entry = the_entry(loop)
    assert (entry["waits_because"], sorted(entry["decide"])) == (text, ["failed", "retry", "succeeded"])
    assert loop.broken() == []
    (why, *_) = loop.rows("select * from fn_explain_step(%s)", entry["id"])
    assert (why["reason"], why["code"]) == ("hold", "OPS_010")
    loop.value("select fn_pause('kind', 'noop')")
    loop.turn()
    assert loop.value("select fn_resume('kind', 'noop') -> 'requeued'") == 0
    assert loop.steps(mission) == {"a": "waiting"}
    loop.retry(entry["id"])
    assert loop.steps(mission) == {"a": "queued"}


def test_a_step_set_to_waiting_by_hand_is_put_before_a_person(loop):
    loop.mission(step("a"))
    loop.do("update ops_mission_steps set status = 'waiting'")
    assert [b["invariant"] for b in loop.broken()] == ["2 something frees every live step"]
    loop.turn()
    assert "by hand" in the_entry(loop)["waits_because"]
    assert loop.broken() == []


def test_a_step_taken_out_of_its_wait_by_hand_is_no_longer_parked(loop):
    mission = parked_by_policy(loop)
    loop.do("update ops_mission_steps set status = 'succeeded'")
    loop.do(
        "update ops_missions set status = 'succeeded', steps_open = 0, completed_at = now() where id = %s",
        mission,
    )
    assert [b["detail"] for b in loop.broken()] == ["parked for a person, but not waiting"]
    loop.turn()
    assert loop.rows("select * from ops_parked_steps") == []
    assert loop.broken() == []


def test_the_oldest_come_first_whatever_they_are(loop):
    moment = loop.stop_clock()
    made = []
    for n in range(4):
        loop.stop_clock(f"{moment:%Y-%m-%d} 10:0{n}:00+00")
        if n % 2:
            parked_by_policy(loop)
        else:
            loop.propose(step("a", "never"), title=f"number {n}")
        made.append("step" if n % 2 else "proposal")
    assert [e["kind"] for e in entries(loop)] == made
    assert [e["kind"] for e in entries(loop, 3)] == made[:3]


def test_ten_thousand_that_wait_are_counted_and_the_oldest_are_listed(loop):
    loop.policy("proposal_caps", daily_limit=None, hourly_limit=None)
    one = {"template": template(step("a", "other"))}
    for _ in range(2):
        loop.rows("select fn_create_proposals(%s)", Jsonb([one] * 5000))
    found = entries(loop)
    assert len(found) == 50
    assert {e["in_all"] for e in found} == {10_000}


@pytest.mark.parametrize("limit", [0, 1001, None])
def test_a_limit_that_cannot_be_is_refused(loop, limit):
    loop.refused("018", "select * from fn_inbox(%s)", limit)


# Decisions count for what was shown


AS_SHOWN = "select fn_as_shown(%s, %s)"


def test_a_preset_that_changed_since_it_was_shown_is_not_approved(loop):
    loop.propose(step("a", "openclaw", params={"prompt": "hello"}))
    shown = the_entry(loop)
    presets = loop.value("select fn_get_policy('worker_policy') -> 'presets'")
    loop.policy("worker_policy", presets={**presets, "openclaw": {"argv": ["rm", "{{params.prompt}}"]}})
    loop.refused("016", shown["decide"]["approve"])
    assert decide(loop, the_entry(loop), "approve")["status"] == "approved"


def test_a_preset_that_changed_since_it_was_shown_is_not_run_again_for_a_parked_step(loop):
    loop.allow("openclaw", max_risk_level="high", risk_rules=[])
    mission = loop.mission(step("a", "openclaw", params={"prompt": "hello"}))
    loop.allow("noop")
    assert loop.claim() == []
    shown = the_entry(loop)
    presets = loop.value("select fn_get_policy('worker_policy') -> 'presets'")
    loop.policy("worker_policy", presets={**presets, "openclaw": {"argv": ["rm", "{{params.prompt}}"]}})
    loop.refused("016", shown["decide"]["retry"])
    decide(loop, the_entry(loop), "retry")
    assert [w["params"]["argv"] for w in loop.claim()] == [["rm", "hello"]]
    assert loop.status(mission) == "running"


def test_what_does_not_wait_is_not_decided_on(loop):
    proposal = loop.propose(step("a", "other"))
    entry = the_entry(loop)
    decide(loop, entry, "reject")
    loop.refused("014", AS_SHOWN, proposal["proposal_id"], entry["digest"])
    mission = parked_by_policy(loop)
    entry = the_entry(loop)
    decide(loop, entry, "retry")
    loop.refused("014", AS_SHOWN, loop.step(mission)["id"], entry["digest"])
    loop.refused("012", AS_SHOWN, mission, entry["digest"])
    loop.refused("012", AS_SHOWN, None, None)


def test_without_a_digest_nothing_was_shown(loop):
    proposal = loop.propose(step("a", "other"))["proposal_id"]
    loop.refused("016", AS_SHOWN, proposal, None)


# What tells a person


def test_a_proposal_that_waits_is_told_with_what_would_run_in_short(loop):
    proposal = loop.propose(
        step("a", "other", params={"text": "x" * 500}), *[step(f"s{n}") for n in range(11)], source="agent"
    )
    (event,) = loop.events("proposal:%")
    assert event["type"] == "proposal:pending"
    assert event["mission_id"] is None
    data = event["data"]
    assert data["proposal_id"] == str(proposal["proposal_id"])
    assert (data["title"], data["risk_level"], data["source"]) == ("a test", "low", "agent")
    assert data["reason"].startswith("OPS_009: ")
    assert data["steps"] == 12
    assert len(data["would_run"]) == 10
    assert data["would_run"][0].startswith('other {"text": "xxx')
    assert len(data["would_run"][0]) == 200
    assert data["would_run"][1] == "noop"


def test_what_nobody_has_to_decide_on_is_not_told(loop):
    loop.propose(step("a"))
    assert loop.propose(step("a", "command", params={"argv": ["ls"]}))["status"] == "rejected"
    assert loop.events("proposal:%") == []


def test_each_of_a_batch_is_told_once_and_none_that_was_proposed_before(loop):
    batch = [{"template": template(step("a", "other")), "dedupe_key": key} for key in ("x", "y", "x", None)]
    loop.rows("select fn_create_proposals(%s)", Jsonb(batch))
    loop.rows("select fn_create_proposals(%s)", Jsonb(batch[:2]))
    told = {e["data"]["proposal_id"] for e in loop.events("proposal:%")}
    assert told == {str(p["id"]) for p in loop.rows("select id from ops_mission_proposals")}
    assert len(loop.events("proposal:%")) == 3


def test_nobody_watches_so_nothing_is_looked_at(loop):
    loop.propose(step("a", "other"))
    parked_by_policy(loop)
    assert [e["type"] for e in loop.events() if e["processed_at"] is None] == []
    assert loop.turn()["triggerResult"]["events"] == 0


def test_a_reaction_tells_somebody(loop):
    loop.react(
        {
            "event_type": "proposal:pending",
            "template": template(step("tell", params={"text": "{{event.data.title}}"})),
        }
    )
    loop.propose(step("a", "other"), title="Clean up")
    loop.turn()
    (work,) = loop.claim(5)
    assert work["params"] == {"text": "Clean up"}


def test_a_reaction_that_itself_has_to_wait_ends_by_its_depth(loop):
    loop.react({"event_type": "proposal:*", "max_depth": 3, "template": template(step("a", "other"))})
    loop.propose(step("a", "other"))
    for _ in range(10):
        loop.turn()
    assert sorted(p["depth"] for p in loop.rows("select depth from ops_mission_proposals")) == [0, 1, 2, 3]
    assert loop.turn()["triggerResult"] == {"events": 0, "queued": 0}


def test_a_step_that_parks_is_told_with_the_reason(loop):
    mission = parked_by_policy(loop)
    lost(loop)
    first, second = loop.events("step:%:waiting")
    assert first["type"] == "step:other:waiting"
    assert first["mission_id"] == mission
    assert first["depth"] == 1
    assert first["data"]["step_id"] == str(loop.step(mission)["id"])
    assert re.match("OPS_009: ", first["data"]["reason"])
    assert second["type"] == "step:http:waiting"


def test_a_large_template_full_of_placeholders_does_not_hide_the_inbox(loop):
    """Whoever may propose could else keep everybody from seeing what waits: its cost grows with the steps alone."""
    count = 1500
    steps = [
        step("a"),
        *(step(f"b{n}", params={"x": "{{steps.a.result.v}}"}, depends_on=["a"]) for n in range(count)),
    ]
    loop.propose(*steps, risk_level="high")
    loop.do("set local statement_timeout = '10s'")
    entry = the_entry(loop)
    assert [s.get("unknown") for s in entry["would_run"]] == [None] + [
        {"params.x": "{{steps.a.result.v}}"}
    ] * count


@pytest.mark.parametrize(
    ("wanted", "titles"),
    [
        ({"source": "robot*"}, {"two"}),
        ({"kind": "noop"}, {"one", "three"}),
        ({"title": "t*"}, {"two", "three"}),
        ({"risk": "high", "what": "proposal"}, {"one", "two"}),
        ({"what": "step"}, {"three"}),
        ({"until": "2001-01-01"}, set()),
    ],
)
def test_a_filter_picks_entries(loop, wanted, titles):
    loop.propose(step("a"), title="one", risk_level="high")
    loop.propose(step("a"), step("b", kind="radar"), title="two", risk_level="high", source="robot 7")
    loop.mission(step("a", needs_approval=True), title="three")
    found = loop.rows("select title from fn_inbox(50, %s)", wanted)
    assert {r["title"] for r in found} == titles


def test_a_filter_that_cannot_be_is_refused(loop):
    loop.refused("018", """select * from fn_inbox(50, '{"colour": "red"}')""")
