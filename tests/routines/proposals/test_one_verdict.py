"""Gate, approval, explain, inbox and fn_gate_proposal give the same verdict; data decides, never a sentence."""

import time

import psycopg
import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from looping import step, template
from routines.documents import in_one_database, judging_documents, sound_templates

HTTP = step("a", "http", params={"url": "https://x/"})
ASKED = "select * from fn_gate_proposal(%s)"
EXPLAINED = "select * from fn_explain_proposal(%s)"


def stored(loop, given, source="manual", counted=False):
    """A proposal as a busy cap counter leaves it: pending, and not gated yet; or one that counts."""
    return loop.value(
        """insert into ops_mission_proposals (id, source, title, template, template_digest, reason, counted_at,
                                              created_at)
           select gen_random_uuid(), %s, 't', v.template, _template_digest(v.template, '[]'), 'busy',
                  case when %s then _now() end, _now()
             from (values (%s::jsonb)) v (template)
           returning id""",
        source,
        counted,
        given,
    )


def approval(loop, proposal):
    """The message that an approval is refused with; None when it goes through. Undone."""
    refused = None
    with loop.conn.transaction(force_rollback=True):
        try:
            loop.approve(proposal)
        except psycopg.Error as error:
            refused = error
    if refused is None:
        return None
    message = refused.diag.message_primary or ""
    assert message.startswith(f"OPS_{refused.sqlstate[2:]}: ")
    return message


def gated(loop, proposal):
    """What the gate makes of it, in the next heartbeat."""
    loop.row("select _duty_proposals(100)")
    return loop.row("select * from ops_mission_proposals where id = %s", proposal)


@in_one_database
@given(
    given=sound_templates,
    documents=judging_documents,
    source=st.sampled_from(["mail", "manual"]),
    earlier=st.lists(st.sampled_from(["mail", "manual"]), max_size=3),
    is_changed=st.sampled_from([False, False, False, True]),
)
def test_everything_that_judges_a_proposal_says_the_same(loop, given, documents, source, earlier, is_changed):
    with loop.conn.transaction(force_rollback=True):
        loop.stop_clock("2030-05-05 12:00:00+00")
        for key, document in documents.items():
            loop.value("select fn_set_policy(%s, %s)", key, document)
        for other in earlier:
            stored(loop, template(), other, counted=True)
        proposal = stored(loop, given, source)
        if is_changed:
            loop.do("update ops_mission_proposals set template = '{\"steps\": 1}' where id = %s", proposal)
        says_the_same(loop, proposal)


def says_the_same(loop, proposal):
    asked = loop.row(ASKED, proposal)
    code, sentence = asked["code"], asked["reason"]
    event(f"{code}")
    explained = loop.rows(EXPLAINED, proposal)[0]
    (shown,) = [e for e in loop.rows("select * from fn_inbox()") if e["id"] == proposal]
    refusal = approval(loop, proposal)
    found = gated(loop, proposal)

    assert asked["ok"] == (code is None)
    assert explained["code"] == code
    assert (
        (shown["decide"].get("approve") is None) == (refusal is not None) == (code in ("OPS_003", "OPS_016"))
    )
    expected = {"OPS_003": "rejected", "OPS_009": "pending", None: "auto_approved", "OPS_016": "pending"}
    waits_for_a_cap = found["gate_after"] is not None
    assert found["status"] == ("pending" if waits_for_a_cap else expected[code])
    if code == "OPS_016":
        assert refusal.startswith("OPS_016: ")
        assert (found["reason"], found["reason_code"], found["counted_at"]) == ("busy", None, None)
    else:
        assert found["reason_code"] == code
        assert found["reason"].partition("; it waits until")[0] == (
            f"{code}: {sentence}" if code else sentence
        )
        assert refusal is None or found["reason"].startswith(refusal)
        assert not waits_for_a_cap or code == "OPS_003"
    if code is not None:
        assert shown["waits_because"] == f"{code}: {sentence}"


def test_a_document_that_is_not_in_force_can_be_judged_by(loop):
    judged = """select j.codes, j.risks, j.findings
                  from _documents_in_force() d
                 cross join lateral _judge_templates(array[%s, null, %s]::jsonb[],
                   row(%s, d.worker_policy, d.proposal_caps, d.agent_roles, d.versions, d.generation)) j"""
    before = loop.contents()
    hypothetical = {"enabled": True, "allowed_step_kinds": ["http"], "max_risk_level": "high"}
    row = loop.row(judged, template(HTTP), template(step("a"), step("b")), hypothetical)
    assert row["codes"] == [None, None, "OPS_009"]
    assert row["findings"][2] == [
        {
            "code": "OPS_009",
            "rule": "auto_approve.allowed_step_kinds",
            "reason": "kind noop is not in auto_approve.allowed_step_kinds",
            "steps": ["a", "b"],
            "in_all": 2,
        }
    ]
    assert loop.contents() == before
    assert loop.propose(HTTP)["status"] == "pending"


def test_of_many_steps_that_share_a_reason_ten_are_named(loop):
    made = loop.propose(*(step(f"s{n}", "other", after=[]) for n in range(13)))
    assert made["reason"].count("steps.s") == 10
    assert made["reason"].endswith("; 3 more steps: kind other is not in auto_approve.allowed_step_kinds")


def test_a_role_that_no_document_names_is_forbidden_and_the_documents_are_those_given(loop):
    asks = template(step("a", "agent", params={"role": "ghost", "prompt": "?"}))
    judged = """select j.codes[1] as code, j.findings[1] -> 0 ->> 'rule' as rule
                  from _judge_templates(array[%s]::jsonb[], row('{}', '{}', '{}', %s, '{}', 0)) j"""
    assert loop.row(judged, asks, {}) == {"code": "OPS_003", "rule": "agent_roles"}
    assert loop.row(judged, asks, {"ghost": {}}) == {"code": "OPS_009", "rule": "auto_approve.enabled"}


def test_a_cap_that_was_set_after_its_window_began_is_read_as_the_gate_will_count_it(loop):
    loop.stop_clock("2030-05-05 12:00:00+00")
    stored(loop, template(), counted=True)
    proposal = stored(loop, template())
    loop.policy("proposal_caps", daily_limit=1)
    assert loop.value("select count(*) from ops_cap_counters") == 0
    assert loop.row(ASKED, proposal) == {"ok": False, "code": "OPS_003", "reason": "daily_limit 1 reached"}
    (reason,) = [r for r in loop.rows(EXPLAINED, proposal) if r["reason"] == "cap"]
    assert reason["detail"].startswith("daily_limit is 1 and 1 are used")
    assert gated(loop, proposal)["reason"] == (
        "OPS_003: daily_limit 1 reached; it waits until 2030-05-06 00:00 UTC"
    )


def test_a_template_that_is_none_any_more_hides_nothing_from_the_inbox(loop):
    broken, sound = (loop.propose(HTTP)["proposal_id"] for _ in range(2))
    loop.do("update ops_mission_proposals set template = '{\"steps\": 7}' where id = %s", broken)
    assert loop.row(ASKED, broken)["code"] == "OPS_016"
    shown = {e["id"]: e for e in loop.rows("select * from fn_inbox()")}
    assert shown[broken]["would_run"] == 7
    assert shown[sound]["would_run"][0]["executor"] == "http"


def test_proposals_of_one_template_are_each_shown_and_judged_as_they_are(loop):
    same = [loop.propose(HTTP, source=source)["proposal_id"] for source in ("a", "b", "c")]
    loop.do("update ops_mission_proposals set counted_at = null where id = any (%s)", same[1:])
    loop.policy("proposal_caps", daily_limit=None, hourly_limit=None, per_source={"b": 0})
    shown = {e["id"]: e for e in loop.rows("select * from fn_inbox()")}
    assert [shown[p]["waits_because"][:7] for p in same] == ["OPS_009", "OPS_003", "OPS_009"]
    assert len({shown[p]["digest"] for p in same}) == 1


@pytest.mark.parametrize("reason", ["OPS_003: it looks like a code", "OPS_009", "OPS_016: changed"])
def test_a_reason_that_looks_like_a_code_decides_nothing(loop, reason):
    proposal = loop.propose(HTTP)["proposal_id"]
    loop.row("select * from fn_reject_proposal(%s, 'ada', %s)", proposal, reason)
    assert loop.row(ASKED, proposal)["code"] == "OPS_014"
    (explained,) = loop.rows(EXPLAINED, proposal)
    assert (explained["reason"], explained["code"]) == ("ended", None)


def test_the_code_of_a_rejection_is_kept_whatever_became_of_its_sentence(loop):
    proposal = loop.propose(step("a", "command", params={"argv": ["rm"]}))["proposal_id"]
    loop.do("update ops_mission_proposals set reason = 'in other words' where id = %s", proposal)
    assert loop.row(ASKED, proposal)["code"] == "OPS_003"
    assert loop.rows(EXPLAINED, proposal)[-1]["code"] == "OPS_003"


def test_a_decision_takes_the_code_of_the_gate_away(loop):
    approved, rejected = (loop.propose(HTTP)["proposal_id"] for _ in range(2))
    assert [p["reason_code"] for p in loop.proposals()] == ["OPS_009", "OPS_009"]
    loop.approve(approved)
    loop.row("select * from fn_reject_proposal(%s, 'ada', 'no')", rejected)
    assert [p["reason_code"] for p in loop.proposals()] == [None, None]


def test_a_template_is_read_once_from_gate_to_mission(loop):
    assert reads(loop, lambda: loop.mission(step("a"), step("b"))) == 1


def test_a_template_is_read_once_when_it_is_approved(loop):
    proposal = loop.propose(HTTP)["proposal_id"]
    assert reads(loop, lambda: loop.approve(proposal)) == 1


def test_the_templates_of_the_inbox_are_read_together(loop):
    for n in range(5):
        loop.propose(HTTP, title=f"t{n}")
    assert reads(loop, lambda: loop.rows("select * from fn_inbox()")) == 1


def reads(loop, call):
    """How often templates are read in a call."""
    loop.do("set local track_functions = 'all'")
    count = "select coalesce(sum(calls), 0)::int from pg_stat_xact_user_functions where funcname = '_template_steps'"
    before = loop.value(count)
    call()
    return loop.value(count) - before


def test_judging_and_showing_many_templates_costs_as_much_as_there_are(calculator):
    def seconds(count):
        best = float("inf")
        for _ in range(3):
            began = time.perf_counter()
            shown = calculator.execute(
                """with given as materialized (
                     select array_agg(jsonb_build_object('title', n, 'steps', t.steps)) as templates,
                            array_agg(jsonb '[]') as slots
                       from generate_series(1, %s) n
                      cross join (select jsonb_agg(jsonb_build_object('kind', 'http', 'key', 'k' || k)) as steps
                                    from generate_series(1, 30) k) t
                   )
                   select cardinality(_would_run(j.steps, g.slots, '{}'))
                     from given g cross join lateral _judge_templates(g.templates, _documents_in_force()) j""",
                (count,),
            ).fetchone()
            best = min(best, time.perf_counter() - began)
            assert shown == (count,)
        return best

    large, small = seconds(800), seconds(50)
    assert large < 40 * small, f"{small:.3f} s for 50 templates of 30 steps, {large:.3f} s for 800"
