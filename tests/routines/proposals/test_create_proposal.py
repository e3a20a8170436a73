"""Proposing: what becomes of a template at the gate, and what is refused."""

import pytest
from psycopg.types.json import Jsonb

from looping import step, template

CREATE = "select * from fn_create_proposal(%s, %s, %s)"
CREATE_ALL = "select * from fn_create_proposals(%s)"


def test_what_policy_allows_is_approved_and_a_mission_at_once(loop):
    made = loop.propose(step("a"))
    assert (made["status"], made["reason"]) == ("auto_approved", "policy allows it")
    mission = loop.the_mission(made["mission_id"])
    assert (mission["proposal_id"], mission["status"], mission["auto_approved"]) == (
        made["proposal_id"],
        "approved",
        True,
    )


def test_what_policy_does_not_allow_waits_for_a_person_with_the_reason(loop):
    made = loop.propose(step("a", "http", params={"url": "https://x/"}))
    assert (made["status"], made["mission_id"]) == ("pending", None)
    assert made["reason"].startswith("OPS_009: ")
    assert "http" in made["reason"]


def test_the_template_alone_is_enough(loop):
    made = loop.row("select * from fn_create_proposal(%s)", template(step("a")))
    assert made["status"] == "auto_approved"
    assert loop.proposals()[0]["source"] == "manual"


def test_the_proposal_keeps_what_decided_and_who_proposed(loop):
    version = loop.policy("auto_approve")
    loop.propose(step("a"), title="clean up", priority=7, source="mail")
    (stored,) = loop.proposals()
    assert (stored["title"], stored["priority"], stored["source"], stored["depth"]) == (
        "clean up",
        7,
        "mail",
        0,
    )
    assert stored["policy_snapshot"] == {"auto_approve": version, "proposal_caps": 1, "worker_policy": 1}
    assert stored["approved_digest"] == stored["template_digest"]
    assert stored["proposed_login"] == loop.value("select session_user::text")
    assert (stored["decided_by"], stored["approved_at"] is not None) == ("policy", True)


def test_every_fault_of_a_template_is_named_and_nothing_is_proposed(loop):
    faulty = template(
        step("a", after=["nowhere"]),
        step("a", "two words"),
        {"kind": "noop", "colour": "red"},
        risk_level="extreme",
    )
    faults = loop.faults("004", CREATE, faulty, "manual", None)
    assert len(faults) >= 5
    for part in ("risk_level", "steps[0].depends_on", "steps[1].key", "steps[1].kind", "steps[2].colour"):
        assert any(f.startswith(part) for f in faults), (part, faults)


@pytest.mark.parametrize(
    ("steps", "named"),
    [
        ([step("a", after=["b"]), step("b", after=["a"])], "a"),
        ([step("a", after=["a"])], "a"),
        ([step("a", after=[]), step("b", after=["d"]), step("c", after=["b"]), step("d", after=["c"])], "b"),
    ],
)
def test_a_cycle_is_a_fault(loop, steps, named):
    faults = loop.faults("004", CREATE, template(*steps), "manual", None)
    assert any("cycle" in f and named in f for f in faults), faults


def test_a_placeholder_for_an_event_has_no_place_in_a_proposal_without_one(loop):
    faults = loop.faults("004", CREATE, template(step("a", params={"x": "{{event.data.x}}"})), "manual", None)
    assert any("event.data.x" in f for f in faults)


def test_a_placeholder_may_only_refer_to_a_step_that_ends_before(loop):
    faults = loop.faults(
        "004", CREATE, template(step("a", params={"x": "{{steps.b.result}}"}), step("b")), "manual", None
    )
    assert any("steps.b.result" in f for f in faults)


@pytest.mark.parametrize("bad", [None, {}, {"steps": []}, {"steps": {}}, {"steps": [5]}])
def test_what_is_no_template_is_refused(loop, bad):
    loop.refused("004", CREATE, bad, "manual", None)


@pytest.mark.parametrize(
    ("source", "key"),
    [
        ("", None),
        ("x" * 201, None),
        ("trigger", None),
        ("step:noop", None),
        ("manual", ""),
        ("manual", "k" * 1001),
    ],
)
def test_a_source_or_key_that_cannot_be_is_refused(loop, source, key):
    loop.refused("018", CREATE, template(), source, key)


def test_a_misspelt_field_does_not_pass_for_an_absent_one(loop):
    given = [{"template": template()}, {"template": template(), "sorce": "mail"}]
    assert "proposals[1]" in loop.refused("018", CREATE_ALL, Jsonb(given)).message_primary


def test_the_same_dedupe_key_gives_the_first_proposal_and_changes_nothing(loop):
    first = loop.propose(step("a"), key="k")
    before = loop.contents()
    assert loop.propose(step("b", "other"), key="k", source="other") == first
    assert loop.contents() == before


def test_a_batch_answers_in_order_with_one_row_each(loop):
    seen = loop.propose(step("a"), key="seen")
    batch = [
        {"template": template(step("a")), "dedupe_key": "z"},
        {"template": template(step("a", "http", params={"url": "https://x/"}))},
        {"template": template(step("a")), "dedupe_key": "seen"},
        {"template": template(step("a")), "dedupe_key": "z"},
        {"template": template(step("a", title="last"), title="last")} | {"source": "mail"},
    ]
    del batch[4]["template"]["steps"][0]["title"]
    rows = loop.rows(CREATE_ALL, Jsonb(batch))
    assert [r["ord"] for r in rows] == [1, 2, 3, 4, 5]
    assert [r["status"] for r in rows] == ["auto_approved", "pending", *["auto_approved"] * 3]
    assert rows[2]["proposal_id"] == seen["proposal_id"]
    assert rows[3]["proposal_id"] == rows[0]["proposal_id"]
    assert loop.row(
        "select title, source from ops_mission_proposals where id = %s", rows[4]["proposal_id"]
    ) == {
        "title": "last",
        "source": "mail",
    }


def test_one_faulty_template_refuses_the_whole_batch_and_is_named_by_its_place(loop):
    batch = [{"template": template()}, {"template": {"steps": []}}, {}]
    faults = loop.faults("004", CREATE_ALL, Jsonb(batch))
    assert {f.split(".")[0] for f in faults} == {"proposals[1]", "proposals[2]"}


def test_a_batch_that_is_no_array_is_refused_and_an_empty_one_is_nothing(loop):
    loop.refused("018", CREATE_ALL, {})
    assert loop.rows(CREATE_ALL, Jsonb([])) == []
