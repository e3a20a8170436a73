"""docs/client.md: its programs, run on a real database."""

import os
import sys

import pytest
from psycopg.conninfo import conninfo_to_dict

from docs.documents import environment, examples, run

DOCUMENT = "docs/client.md"


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
