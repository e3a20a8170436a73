"""docs/locks.md: its programs and statements, run on a real database."""

import os
import sys

import pytest
from psycopg.conninfo import conninfo_to_dict

from docs.documents import blocks, environment, examples, run

DOCUMENT = "docs/locks.md"


@pytest.mark.parametrize("example", examples(DOCUMENT, "python"), ids=lambda e: f"line {e.block.line}")
def test_a_program_of_the_document_prints_what_is_shown(example, dsn, programs, tmp_path):
    where = conninfo_to_dict(dsn)
    libpq = {
        "PGHOST": where["host"],
        "PGPORT": where["port"],
        "PGUSER": where["user"],
        "PGDATABASE": where["dbname"],
        "PGPASSWORD": where.get("password", os.environ.get("PGPASSWORD", "")),
    }
    env = {**environment(dsn, programs, tmp_path), **{name: str(value) for name, value in libpq.items()}}
    assert run([sys.executable, "-"], example.block.text, env, tmp_path) == example.shown


def test_the_statements_run_and_say_what_is_said(conn):
    answers = []
    for block in blocks(DOCUMENT):
        if block.language == "sql":
            for statement in block.text.split(";\n"):
                done = conn.execute(statement)
                if done.description and statement.strip():
                    answers.append(done.fetchall())
    locks, keys = answers[:5], answers[5:8]
    assert [rows[0][0] for rows in locks] == [True, 1, True, "report", True]
    assert keys == [[(True, None)], [("",)], [(False, {"number": 1001})]]
    assert len(answers[8]) >= 5
