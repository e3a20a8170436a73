"""No public function takes more than five seconds on the largest inputs within the limits that are built in."""

import psycopg
import pytest
from psycopg.types.json import Jsonb

from looping import Loop, step, template

#: The server cancels what takes longer: five seconds, and as much again for what else runs on the machine.
MOST = "10s"
MANY = 10_000


@pytest.fixture
def loop(dsn):
    with psycopg.connect(dsn, options=f"-c search_path=opsloop -c statement_timeout={MOST}") as conn:
        loop = Loop(conn)
        loop.policy("proposal_caps", daily_limit=None)
        yield loop
        conn.rollback()


def chain(n):
    return [step(f"k{i}", after=[f"k{i - 1}"] if i else []) for i in range(n)]


TEMPLATES = {
    "a chain": template(*[step() for _ in range(MANY)]),
    "steps side by side": template(*[step(after=[]) for _ in range(MANY)]),
    "a step that refers to each other": template(
        step("a"), step("b", params={"x": ["{{steps.a.result.v}}"] * MANY})
    ),
    "a reference in each step": template(
        *[step(params={"x": "{{steps.step_1.result.v}}"} if i else {}) for i in range(MANY)]
    ),
    "many commands": template(
        *[step(kind="command", params={"argv": ["echo", str(i)]}) for i in range(MANY)]
    ),
    "a long statement": template(step(kind="sql", params={"statement": "select " + "a," * 2_000_000})),
}
FAULTY = {
    "steps full of faults": template(
        *[
            {"kind": "no op", "x": 1, "max_retries": -1, "executor": 5, "depends_on": ["z", "z"]}
            for _ in range(MANY)
        ]
    ),
    "one cycle": template(*[step(f"k{i}", after=[f"k{(i + 1) % MANY}"]) for i in range(MANY)]),
    "cycles of two": template(*[step(f"k{i}", after=[f"k{i ^ 1}"]) for i in range(MANY)]),
    "unknown fields": template({"kind": "noop", **{f"f{i}": 1 for i in range(200_000)}}),
}


@pytest.mark.parametrize("which", TEMPLATES)
def test_the_largest_templates_are_proposed_shown_and_decided_in_time(loop, which):
    made = loop.row("select * from fn_create_proposal(%s)", TEMPLATES[which])
    loop.rows("select * from fn_inbox(1000)")
    loop.rows("select * from fn_explain_proposal(%s)", made["proposal_id"])
    if made["status"] == "pending":
        made = loop.approve(made["proposal_id"])
    if mission := made["mission_id"]:
        loop.rows("select * from fn_claim_steps('w1', 10000)")
        loop.rows("select * from fn_explain_mission(%s)", mission)
        loop.rows("select * from fn_trail(%s)", mission)
        loop.cancel(mission)


@pytest.mark.parametrize("which", FAULTY)
def test_the_worst_templates_are_refused_in_time(loop, which):
    loop.refused("004", "select fn_create_proposal(%s)", Jsonb(FAULTY[which]))


def test_as_many_steps_as_one_call_may_name_are_reported_in_time(loop):
    loop.row("select * from fn_create_proposal(%s)", TEMPLATES["steps side by side"])
    work = loop.rows("select step_id, lease_token from fn_claim_steps('w1', 10000)")
    leases = [{name: str(value) for name, value in lease.items()} for lease in work]
    progress = Jsonb([{**lease, "progress": {"n": 1}} for lease in leases])
    assert len(loop.rows("select * from fn_extend_leases('w1', %s)", progress)) == MANY
    half = MANY // 2
    done = Jsonb([{**lease, "result": {"n": 1}} for lease in leases[:half]])
    assert len(loop.rows("select * from fn_complete_steps(%s)", done)) == half
    failed = Jsonb([{**lease, "error": "x" * 1000} for lease in leases[half:]])
    assert len(loop.rows("select * from fn_fail_steps(%s)", failed)) == half


def test_the_filled_places_of_one_step_are_filled_in_time(loop):
    loop.mission(*TEMPLATES["a step that refers to each other"]["steps"])
    (work,) = loop.claim()
    loop.complete(work, {"v": "x"})
    (work,) = loop.claim()
    assert work["params"] == {"x": ["x"] * MANY}


def test_the_largest_batches_of_others_are_taken_in_time(loop):
    events = Jsonb([{"type": "a", "data": {"x": "y" * 1400}, "dedupe_key": f"k{n}"} for n in range(MANY)])
    assert len(loop.rows("select fn_emit_events(%s)", events)) == MANY
    ideas = Jsonb([{"title": f"t{n}", "status": "watching"} for n in range(MANY)])
    assert loop.value("select fn_radar_upsert(%s)", ideas) == MANY
    assert loop.value("select fn_radar_upsert(%s)", ideas) == MANY


def test_an_inbox_of_large_proposals_stops_early(loop):
    large = template(*[step(kind="sql", params={"statement": "select 1"}) for _ in range(MANY)])
    for _ in range(5):
        loop.row("select * from fn_create_proposal(%s)", large)
    shown = loop.rows("select in_all from fn_inbox(1000)")
    assert [entry["in_all"] for entry in shown] == [5, 5, 5]
