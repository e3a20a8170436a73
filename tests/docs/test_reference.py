"""docs/reference.md says what the database says."""

import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest

ROOT = Path(__file__).resolve().parents[2]


def test_the_committed_reference_is_what_the_database_says(
    conn: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(ROOT / "tools")
    monkeypatch.delitem(sys.modules, "reference", raising=False)
    import reference

    committed = (ROOT / "docs/reference.md").read_text(encoding="utf-8")
    assert committed == reference.render(conn), "run `make docs`"
