"""docs/concepts.md names the states that the tables allow, and its statements run."""

import re

import pytest

from docs.documents import ROOT, blocks

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
