"""docs/reference.md and sql/tables.sql say what the database says."""

import importlib
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("tool", "document"), [("reference", "docs/reference.md"), ("tables", "sql/tables.sql")]
)
def test_what_is_committed_is_what_the_database_says(
    conn: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch, tool: str, document: str
) -> None:
    monkeypatch.syspath_prepend(ROOT / "tools")
    monkeypatch.delitem(sys.modules, tool, raising=False)
    committed = (ROOT / document).read_text(encoding="utf-8")
    assert committed == importlib.import_module(tool).render(conn), "run `make docs`"


def test_the_tables_as_written_are_the_tables_that_there_are(
    empty_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(ROOT / "tools")
    tables = importlib.import_module("tables")
    text = (ROOT / "sql/tables.sql").read_text(encoding="utf-8")
    with psycopg.connect(empty_dsn, options="-c search_path=opsloop") as conn:
        conn.execute("create schema opsloop")
        conn.execute(text)
        made = tables.render(conn)

    def statements(document: str) -> list[str]:
        return [line for line in document.splitlines() if line and not line.lstrip().startswith("--")]

    assert statements(made) == statements(text)
