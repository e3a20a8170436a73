"""docs/policy.md: its statements run."""

from typing import Any

import psycopg

from docs.documents import blocks

DOCUMENT = "docs/policy.md"


def test_the_statements_run_one_after_the_other(conn: psycopg.Connection[Any]) -> None:
    for block in blocks(DOCUMENT):
        if block.language == "sql":
            for statement in block.text.split(";\n"):
                conn.execute(statement)
    history = conn.execute("select version, reason from fn_policy_history('proposal_caps')").fetchall()
    assert history[:2] == [(3, "back to version 1"), (2, "a busy week")]
