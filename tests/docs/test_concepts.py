"""docs/concepts.md names the states that the tables allow, and its statements run."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docs.documents import ROOT, blocks
from looping import Loop, step, template
from opsloop import jsonio
from routines.documents import in_one_database
from routines.spellings import DOCUMENTS, spelled

DOCUMENT = "docs/concepts.md"
TABLES = {
    "reaction": "ops_agent_reactions",
    "proposal": "ops_mission_proposals",
    "mission": "ops_missions",
    "attempt": "ops_action_runs",
}
CONSTRAINT = """
  select pg_get_constraintdef(oid) from pg_constraint
   where conrelid = %s::regclass and contype = 'c' and pg_get_constraintdef(oid) ~ '\\mstatus\\M'"""


def allowed(conn, table: str) -> set[str]:
    """The states that a table's check constraint lets through."""
    (definition,) = conn.execute(CONSTRAINT, (table,)).fetchone()
    return set(re.findall(r"'(\w+)'::text", definition))


@pytest.mark.parametrize("thing", TABLES)
def test_the_table_of_states_names_those_that_there_are(thing, conn):
    text = (ROOT / DOCUMENT).read_text(encoding="utf-8")
    row = re.search(rf"^\| {thing} \| (.*) \|$", text, re.MULTILINE)
    assert row is not None
    assert set(re.findall(r"`(\w+)`", row[1])) == allowed(conn, TABLES[thing])


@pytest.mark.parametrize(("nth", "table"), [(0, "ops_mission_proposals"), (1, "ops_mission_steps")])
def test_the_diagrams_have_the_states_that_there_are(nth, table, conn):
    diagram = [block.text for block in blocks(DOCUMENT) if block.language == "mermaid"][nth]
    shown = {state for arrow in re.findall(r"(\w+|\[\*\]) --> (\w+)", diagram) for state in arrow} - {"[*]"}
    assert shown == allowed(conn, table) - {"skipped"}  # no routine of this release skips a step


def test_the_statements_run_on_a_sound_loop(conn):
    for block in blocks(DOCUMENT):
        if block.language == "sql":
            assert conn.execute(block.text).fetchall() == []


def test_effect_and_result_in_one_transaction_happen_both_or_not_at_all(conn):
    conn.execute("create table public.effects (n integer)")
    conn.execute("""select fn_create_proposal('{"title": "one", "steps": [{"kind": "noop"}]}')""")
    lease = conn.execute("select step_id, lease_token from fn_claim_steps('test:1')").fetchone()
    count = "select (select count(*) from public.effects), (select status from ops_mission_steps)"

    def work() -> None:
        conn.execute("select fn_assert_lease(%s, %s)", lease)
        conn.execute("insert into public.effects values (1)")
        assert conn.execute("select fn_complete_step(%s, %s)", lease).fetchone() == ("accepted",)

    with conn.transaction(force_rollback=True):
        work()
    assert conn.execute(count).fetchone() == (0, "running")
    with conn.transaction():
        work()
    assert conn.execute(count).fetchone() == (1, "succeeded")


@pytest.fixture(scope="module")
def shown() -> dict[str, Any]:
    """What the page defines in Python to recompute a digest."""
    (code,) = (block.text for block in blocks(DOCUMENT) if block.language == "python")
    names: dict[str, Any] = {}
    exec(code, names)
    return names


@in_one_database
@given(DOCUMENTS, st.randoms(use_true_random=False))
def test_a_digest_is_recomputed_outside_of_postgresql(shown, conn, document, chance):
    text = spelled(document, chance)
    assert conn.execute("select _written_form(%s), _digest(%s)", (text, text)).fetchone() == (
        shown["written"](shown["read"](text)),
        shown["digest"](shown["read"](text)),
    )


def test_the_digests_of_the_table_are_those_of_the_documents_it_names(shown, conn):
    loop = Loop(conn)

    def recomputed(text: str) -> Any:
        return shown["digest"](shown["read"](text))

    loop.allow(risk_rules=[{"name": "deep", "params": {"path": "^/etc"}, "risk_level": "high"}])
    numbers = {"bb": 2.0, "a": [1e22, -0.0, 20000000000000000001], "c": "1.0"}
    given = template(
        step("find"),
        step("fill", params={"path": "{{steps.find.result}}"} | numbers),
        title="é",
        risk_level="high",
    )
    proposal = loop.value("select proposal_id from fn_create_proposal(%s)", jsonio.document(given))
    row = loop.row(
        "select template_digest, jsonb_build_array(template, slots)::text as text from ops_mission_proposals"
    )
    assert "2.0" in row["text"]
    assert row["template_digest"] == recomputed(row["text"])
    entry = loop.row("select digest, would_run::text as text from fn_inbox()")
    assert entry["digest"] == recomputed(entry["text"])[:16]
    loop.approve(proposal)
    assert loop.value("select approved_digest from ops_mission_proposals") == row["template_digest"]
    loop.complete(loop.claim()[0], "/etc/hosts")
    loop.do("update ops_missions set approved_risk = 2")
    assert loop.claim() == []
    step_id = loop.value("select id from ops_mission_steps where status = 'waiting'")
    loop.retry(step_id)
    claimed = loop.row(
        "select jsonb_build_array(kind, executor, run_with, params)::text as text from fn_claim_steps('w')"
    )
    assert "/etc/hosts" in claimed["text"]
    assert loop.value("select approved_digest from ops_mission_steps where id = %s", step_id) == recomputed(
        claimed["text"]
    )
