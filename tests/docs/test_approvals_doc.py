"""docs/approvals.md: its documents are sound, its statement runs, and its day is lived on a terminal."""

import json
import re
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from cli.terminal import Terminal
from docs.documents import blocks, environment, examples, masked
from looping import Loop

DOCUMENT = "docs/approvals.md"
PEOPLE = ("ada", "eve", "sid", "lea", "bob")
_MASKS = (
    (re.compile(r"--dsn ('[^']*'|\S+)"), "--dsn DSN"),
    (re.compile(r"--digest [0-9a-f]{16}"), "--digest HEX"),
    (re.compile(r"\b(in )?\d+[smhd]\b"), "AGE"),
)


def compared(printed: str) -> str:
    """What was printed, without what differs from run to run."""
    printed = masked(printed)
    for mask, name in _MASKS:
        printed = mask.sub(name, printed)
    return printed


def test_the_documents_are_sound(conn: Any) -> None:
    documents = [json.loads(block.text) for block in blocks(DOCUMENT) if block.language == "json"]
    assert [next(iter(document)) for document in documents] == ["groups", "title", "routes"]
    template = documents.pop(1)
    assert conn.execute("select status from fn_create_proposal(%s)", [json.dumps(template)]).fetchone()
    for key, document in zip(("approval_rules", "outbox"), documents, strict=True):
        assert conn.execute("select fn_set_policy(%s, %s)", (key, json.dumps(document))).fetchone() == (2,)


def test_the_statement_rejects_what_it_names(conn: Any) -> None:
    (statement,) = [block.text for block in blocks(DOCUMENT) if block.language == "sql"]
    template = json.dumps({"title": "t", "steps": [{"kind": "http", "params": {"url": "https://x/"}}]})
    for source in ("agent:planner", "manual"):
        conn.execute("select fn_create_proposal(%s, %s)", (template, source))
    assert [row[2:4] for row in conn.execute(statement).fetchall()] == [(True, "rejected")]


@pytest.fixture
def day(dsn: str, conn: psycopg.Connection[Any], programs: Path, tmp_path: Path) -> Any:
    """The environment of the day; its logins are gone before and afterwards."""
    for name in PEOPLE:
        conn.execute(f"drop role if exists {name}")  # type: ignore[call-overload]
    people = {name.upper(): make_conninfo(dsn, user=name) for name in PEOPLE}
    yield {**environment(dsn, programs, tmp_path), "OWNER": dsn, **people}
    for name in PEOPLE:
        conn.execute(f"drop owned by {name}; drop role {name}")  # type: ignore[call-overload]


@pytest.mark.timeout(300)
def test_the_day_goes_as_the_document_says(
    day: dict[str, str], conn: psycopg.Connection[Any], tmp_path: Path
) -> None:
    loop = Loop(conn)
    proposal = ""
    for example in examples(DOCUMENT, "sh"):
        if example.block.about == "an hour later":
            loop.advance(3600)
        text = example.block.text
        shown = ""
        # Each line that proposes names the proposal of the lines after it.
        for part in re.split(r"(?<=\n)(?=opsloop )", text):
            with Terminal("bash", "-c", part.replace("PROPOSAL", proposal), cwd=tmp_path, **day) as terminal:
                if "approve --source" in part and "--yes" not in part:
                    terminal.until("[y/N]: ")
                    terminal.type("y")
                terminal.end()
                shown += terminal.shown.replace("\r\n", "\n")
            if found := re.findall(r"^proposal ([0-9a-f-]{36}): (?:pending|voting)", shown, re.MULTILINE):
                proposal = found[-1]
        assert compared(shown) == compared(example.shown), f"line {example.block.line}"
    assert loop.broken() == []
