"""docs/networks.md: its table and its statements; what it says of workers is tried in tests/worker/test_networks.py."""

import re
from typing import Any

import psycopg

from docs.documents import ROOT, blocks
from opsloop import database

DOCUMENT = "docs/networks.md"
TEXT = (ROOT / DOCUMENT).read_text(encoding="utf-8")


def test_the_table_has_the_parameters_that_connections_get(dsn: str) -> None:
    told = {name: int(value) for name, value in re.findall(r"^\| `(\w+)` \| (\d+) \|", TEXT, re.MULTILINE)}
    with database.connect(dsn) as conn:
        parameters = conn.info.get_parameters()
    assert told == {name: int(parameters[name]) for name in told}
    assert len(told) == 5


def test_its_statements_run(conn: psycopg.Connection[Any]) -> None:
    checks, timeout = (block.text for block in blocks(DOCUMENT) if block.language == "sql")
    found = conn.execute(checks).fetchall()
    assert [row[:2] for row in found] == [(name, "ok") for name in re.findall(r"'([a-z ]+)'", checks)]
    conn.execute(timeout)


def test_the_hosts_of_its_example_lead_to_the_primary() -> None:
    (example,) = (block.text for block in blocks(DOCUMENT) if block.language == "sh")
    dsn = example.strip().partition("=")[2]
    assert database.to_primary(dsn) == {"target_session_attrs": "read-write"}
