"""What another policy would have decided on what was recorded: as a fresh loop decides when the same is replayed."""

import random

import pytest
from psycopg.types.json import Jsonb

from looping import step, template

HTTP = step("a", "http", params={"url": "https://x/"})
COMMAND = step("a", "command", params={"argv": ["git", "status"]})
STEPS = [
    step("a"),
    HTTP,
    step("a", "http", params={"url": "https://x/", "method": "get"}),
    COMMAND,
    step("a", "sql", params={"statement": "select 1"}),
    step("a", "sql", params={"statement": "drop table x"}),
]


@pytest.fixture(autouse=True)
def morning(loop):
    """It is morning of a day nobody else proposes on."""
    loop.stop_clock("2030-05-05 08:00:00+00")


def dry_run(loop, key, value, since="2030-01-01"):
    rows = loop.rows("select * from fn_dry_run_policy(%s, %s, %s)", key, Jsonb(value), since)
    matrix = {(r["old_outcome"], r["new_outcome"]): r["decisions"] for r in rows if r["kind"] == "matrix"}
    return matrix, [r for r in rows if r["kind"] == "decision"]


def in_force(loop, *keys):
    return {key: loop.value("select fn_get_policy(%s)", key) for key in keys}


def test_each_decision_that_would_differ_comes_with_rule_and_reason(loop):
    loop.propose(step("a"))
    asked = loop.propose(HTTP)
    auto = {"enabled": True, "allowed_step_kinds": ["http"], "max_risk_level": "high"}
    before = loop.contents()
    matrix, rows = dry_run(loop, "auto_approve", auto)
    assert matrix == {("auto_approved", "pending"): 1, ("pending", "auto_approved"): 1}
    assert [(r["proposal_id"] == asked["proposal_id"], r["new_outcome"], r["rule"]) for r in rows] == [
        (False, "pending", "auto_approve.allowed_step_kinds"),
        (True, "auto_approved", None),
    ]
    assert "kind noop is not in" in rows[0]["reason"]
    assert loop.contents() == before


def test_a_proposal_that_was_changed_by_hand_is_unknown(loop):
    loop.propose(HTTP)
    loop.do("update ops_mission_proposals set template = jsonb_set(template, '{title}', '\"x\"')")
    matrix, _ = dry_run(loop, "auto_approve", {})
    assert matrix == {("pending", "unknown"): 1}


def test_a_faulty_document_is_refused_with_every_fault(loop):
    loop.refused("017", "select fn_dry_run_policy('auto_approve', '{\"enabeld\": 1}')")
    loop.refused("018", "select fn_dry_run_policy('gate_thresholds', '{}')")
    loop.refused("018", "select fn_dry_run_policy(null, '{}')")


def history(loop, chance, hours=40, rejects=False):
    """Events, proposals, and decisions of people, over some days."""
    for n in range(hours):
        hour, seconds = f"2030-05-{5 + (8 + n) // 24:02} {(8 + n) % 24:02}", chance.randint(10, 57)
        loop.stop_clock(f"{hour}:00:{seconds}+00")
        loop.turn()
        for _ in range(chance.randint(0, 3)):
            loop.value(
                "select fn_emit_event(%s, %s)",
                chance.choice(["disk", "mail"]),
                chance.choice([{"host": chance.choice("ab")}, {"tags": ["prod"], "host": "c"}, {}]),
            )
        loop.turn()
        loop.stop_clock(f"{hour}:00:{seconds + 1}+00")
        for _ in range(chance.randint(0, 2)):
            made = loop.propose(chance.choice(STEPS), source=chance.choice(["mail", "ann"]))
            if rejects and made["status"] == "pending" and chance.random() < 0.4:
                loop.stop_clock(f"{hour}:01:{seconds}+00")
                loop.row("select * from fn_reject_proposal(%s)", made["proposal_id"])
                break


MATRIX = {
    "patterns": [
        {
            "name": "look",
            "event_type": "disk",
            "probability": 0.7,
            "dedupe_key": "{{event.data.host}}:{{event.id}}",
            "template": {"title": "look at {{event.data.host}}", "steps": [{"kind": "noop"}]},
        },
        {"name": "cool", "event_type": ["disk", "mail"], "cooldown_minutes": 150, "template": template(HTTP)},
        {
            "name": "once",
            "event_type": "mail",
            "tags": ["prod"],
            "dedupe_key": "k",
            "template": template(step("a")),
        },
    ]
}
DOCUMENTS = {
    "auto_approve": {
        "enabled": True,
        "allowed_step_kinds": ["http", "sql", "noop"],
        "max_risk_level": "medium",
    },
    "proposal_caps": {
        "daily_limit": 22,
        "hourly_limit": 3,
        "per_source": {"ann": 5, "mail": {"hourly_limit": 1}},
    },
    "worker_policy": {"command_allow": [["git", "status"]]},
}


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("over", ["wait", "reject"])
def test_with_the_policy_unchanged_it_agrees_with_every_recorded_decision(loop, seed, over):
    loop.value("select fn_set_policy('reaction_matrix', %s)", Jsonb(MATRIX))
    for key, document in DOCUMENTS.items():
        loop.policy(key, **document)
    loop.policy("proposal_caps", over_limit=over, max_waiting=4)
    history(loop, random.Random(seed), rejects=True)
    for keys in (
        ["auto_approve", "proposal_caps", "worker_policy", "agent_roles"],
        ["reaction_matrix", "auto_approve", "proposal_caps"],
    ):
        matrix, rows = dry_run(loop, None, in_force(loop, *keys))
        assert rows == []
        assert all(old == new for old, new in matrix)
        assert sum(matrix.values()) >= 40


@pytest.mark.parametrize("seed", range(3))
def test_with_a_changed_policy_it_equals_what_a_fresh_loop_decides(loop, seed):
    history(loop, random.Random(seed))
    # The same events again have other ids, and chance is a hash of the id.
    certain = {"patterns": [{k: v for k, v in p.items() if k != "probability"} for p in MATRIX["patterns"]]}
    given = {**DOCUMENTS, "reaction_matrix": certain}
    matrix, rows = dry_run(loop, None, given)
    assert rows
    expected = {}
    for (_, new), count in matrix.items():
        expected[new] = expected.get(new, 0) + count

    loop.empty()
    for key, document in given.items():
        loop.value("select fn_set_policy(%s, %s)", key, Jsonb(document))
    history(loop, random.Random(seed))
    replayed, _ = dry_run(loop, None, given)
    assert all(old == new for old, new in replayed)
    assert {k: v for k, v in expected.items() if k != "none"} == {
        old: count for (old, _), count in replayed.items()
    }
