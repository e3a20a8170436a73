"""docs/psql.md, run from beginning to end by bash and psql; each block must print what the document shows."""

import os
import subprocess
from pathlib import Path

import pytest

from docs.documents import ROOT, Example, examples, masked

DOCUMENT = "docs/psql.md"
_MARK = "-- end of block --"


@pytest.fixture
def environment(empty_dsn: str, programs: Path) -> dict[str, str]:
    """What the document asks for: DATABASE_URL, and psql on the PATH. The database has nothing in it."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return {**kept, "DATABASE_URL": empty_dsn, "PATH": f"{programs}:{os.environ['PATH']}", "PGTZ": "UTC"}


def run(arguments: list[str], text: str, environment: dict[str, str]) -> str:
    """What a program prints, errors in their place."""
    done = subprocess.run(
        arguments,
        input=text,
        env=environment,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=100,
    )
    return done.stdout


def session(sql: list[Example], environment: dict[str, str]) -> list[str]:
    """What psql prints for each block, all of them in one session."""
    script = "".join(f"{example.block.text}\n\\echo {_MARK}\n" for example in sql)
    printed = run(["psql", environment["DATABASE_URL"], "--no-psqlrc"], script, environment)
    return printed.split(_MARK + "\n")[:-1]


def test_every_block_prints_what_the_document_shows(environment):
    shell = examples(DOCUMENT, "sh")
    sql = examples(DOCUMENT, "sql")
    printed = [run(["bash", "-e"], example.block.text, environment) for example in shell]
    printed += session(sql, environment)

    assert len(printed) == len(shell) + len(sql)
    for example, said in zip([*shell, *sql], printed, strict=True):
        where = f"{DOCUMENT}:{example.block.line}\n{example.block.text}"
        assert masked(said) == masked(example.shown), f"{where}\nprinted:\n{said}"
