"""The hardening runbook on opsloop: every statement of the third part of docs/runbooks.md runs."""

from pathlib import Path

import psycopg
import pytest

from docs.documents import blocks
from looping import Loop
from opsloop import migrate
from tracked import directive, move

DOCUMENT = "docs/runbooks.md"
START = (
    (Path(__file__).parents[2] / DOCUMENT)
    .read_text(encoding="utf-8")
    .split("\n# The hardening runbook")[0]
    .count("\n")
)
BLOCKS = [block for block in blocks(DOCUMENT) if block.language == "sql" and block.line > START]


@pytest.fixture
def loop(dsn, connect):
    migrate.install_layer(dsn, "leo")
    loop = Loop(connect())
    directive(loop)
    loop.value("select fn_store_sub_agent_result('d1', 'TESTING', 'EXEC', 's', 'PASS', 90, 1.5)")
    return loop


def run(loop, block):
    """The rows of each statement of a block."""
    answers = []
    for statement in block.text.split(";\n"):
        if statement.strip():
            cursor = loop.conn.execute(statement)
            answers.append(cursor.fetchall() if cursor.description else [])
    return answers


def test_every_statement_says_what_it_is():
    assert len(BLOCKS) == 7
    assert {block.about for block in BLOCKS} == {"printed", "translated"}


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: f"line {block.line}")
def test_a_statement_of_the_page_runs(loop, block):
    run(loop, block)


def test_the_integration_test_moves_the_directive_and_finds_its_row(loop):
    (_, handoff, audit, _) = run(loop, next(b for b in BLOCKS if "SD-TEST-ATOMIC-001" in b.text))
    assert next(iter(handoff[0].values()))["status"] == "accepted"
    assert [row["status"] for row in audit] == ["completed"]
    assert loop.rows("select from strategic_directives where id = 'SD-TEST-ATOMIC-001'") == []


def test_the_printed_duration_is_not_0(loop):
    move(loop)
    answers = run(loop, next(b for b in BLOCKS if "avg_duration_ms" in b.text))
    (found,) = [rows[0]["avg_duration_ms"] for rows in answers if rows and "avg_duration_ms" in rows[0]]
    assert found > 0


def test_the_printed_hit_rate_divides_by_zero_only_where_nothing_ran_in_a_day(loop):
    loop.do("delete from sub_agent_execution_results")
    with pytest.raises(psycopg.errors.DivisionByZero):
        run(loop, next(b for b in BLOCKS if "hit_rate_pct" in b.text))
