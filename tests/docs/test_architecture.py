"""What the pages for readers of the SQL name is there: routines, tables and views, files."""

import re

import pytest

from opsloop import sqlfiles

SQL = sqlfiles.sql_root()
ROOT = SQL.parent
ROUTINES = {path.stem for path in (SQL / "code").glob("*/*.sql")}
SCHEMA = "".join(path.read_text() for path in (SQL / "schema").glob("*.sql"))
RELATIONS = set(re.findall(r"^create (?:table|view|sequence) (\w+)", SCHEMA, re.MULTILINE))
PAGES = {
    "architecture": (ROOT / "docs/architecture.md").read_text(),
    "sql/README": (SQL / "README.md").read_text(),
    "story": (SQL / "code.sql").read_text().partition("\\ir")[0],
}
WALKS = ["A claim", "A completion", "A message of the outbox", "A pause"]


@pytest.mark.parametrize("page", PAGES)
def test_every_routine_that_is_named_exists(page):
    named = set(re.findall(r"(?<![\w<…])((?:fn)?_[a-z][a-z0-9_]+)\b(?!…)", PAGES[page]))
    assert named - ROUTINES == set()


@pytest.mark.parametrize("page", PAGES)
def test_every_table_that_is_named_exists(page):
    named = set(re.findall(r"\b(ops_[a-z_]+|outbox_[a-z]+|dead_letter_\w+|replay_log)\b", PAGES[page]))
    assert named - RELATIONS == set()


def test_the_four_walks_are_there_and_say_which_tables_they_touch():
    text = PAGES["architecture"]
    for walk in WALKS:
        section = text.split(f"## {walk}\n")[1].split("\n## ")[0]
        assert section.count("\n| `") >= 5
        assert "`ops_" in section or "`outbox" in section


def test_the_plans_that_the_code_names_are_explained():
    explained = set(re.findall(r"^\*\*Plans (\d+):", PAGES["architecture"], re.MULTILINE))
    named = {
        number
        for path in (SQL / "code").glob("*/*.sql")
        for number in re.findall(r"\bPlans (\d+)\b", path.read_text())
    }
    assert named
    assert named - explained == set()
