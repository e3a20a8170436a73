"""docs/outbox.md, run from beginning to end; each block must print what the document shows."""

import os
import runpy
import time
from pathlib import Path

import psycopg
import pytest
from standardwebhooks.webhooks import WebhookVerificationError

from docs.documents import blocks, environment, examples, masked, run
from opsloop.webhooks import keys, signature

DOCUMENT = "docs/outbox.md"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A directory with the files of the document."""
    for block in blocks(DOCUMENT):
        if block.language == "python":
            (tmp_path / block.about).write_text(block.text, encoding="utf-8")
    return tmp_path


def test_every_block_prints_what_the_document_shows(dsn: str, programs: Path, home: Path) -> None:
    env = environment(dsn, programs, home) | {"PGOPTIONS": "-c search_path=opsloop"}
    ran = 0
    for example in examples(DOCUMENT, "sh", "sql"):
        shell = example.block.language == "sh"
        command = ["bash", "-e"] if shell else ["psql", dsn, "--no-psqlrc"]
        printed = run(command, example.block.text, env, home, errors=not shell)
        where = f"{DOCUMENT}:{example.block.line}\n{example.block.text}\nprinted:\n{printed}"
        assert masked(printed).split() == masked(example.shown).split(), where
        ran += 1
    assert ran >= 6


def test_the_signature_is_checked_as_the_document_says(home: Path) -> None:
    message = runpy.run_path(os.fspath(home / "check.py"))["message"]
    (key,) = keys("whsec_YSBrZXk=")
    now = int(time.time())

    def received(body: bytes = b"{}", sent: int = now, secret: str = "whsec_YSBrZXk=") -> object:
        signed = signature(key, "outbox:1", sent, b"{}")
        headers = {"Webhook-Id": "outbox:1", "Webhook-Timestamp": str(sent), "Webhook-Signature": signed}
        return message(secret, headers, body)

    assert received() == {}
    for wrong in ({"body": b"{ }"}, {"secret": "whsec_b3RoZXI="}, {"sent": now - 400}):
        with pytest.raises(WebhookVerificationError):
            received(**wrong)


def test_every_route_that_the_document_shows_is_sound(conn: psycopg.Connection[tuple[list[str]]]) -> None:
    for block in blocks(DOCUMENT):
        if block.language == "json":
            query = (
                "select _policy_faults('outbox', jsonb_build_object('routes', jsonb_build_array(%s::jsonb)))"
            )
            assert conn.execute(query, (block.text,)).fetchone() == ([],)
