"""docs/approvals.md: its documents are sound, and its statement runs."""

import json

from docs.documents import blocks

DOCUMENT = "docs/approvals.md"


def test_the_documents_are_sound(conn):
    documents = [json.loads(block.text) for block in blocks(DOCUMENT) if block.language == "json"]
    assert [next(iter(document)) for document in documents] == ["groups", "routes"]
    for key, document in zip(("approval_rules", "outbox"), documents, strict=True):
        assert conn.execute("select fn_set_policy(%s, %s)", (key, json.dumps(document))).fetchone() == (2,)


def test_the_statement_rejects_what_it_names(conn):
    (statement,) = [block.text for block in blocks(DOCUMENT) if block.language == "sql"]
    template = json.dumps({"title": "t", "steps": [{"kind": "http", "params": {"url": "https://x/"}}]})
    for source in ("agent:planner", "manual"):
        conn.execute("select fn_create_proposal(%s, %s)", (template, source))
    assert [row[2:4] for row in conn.execute(statement).fetchall()] == [(True, "rejected")]
