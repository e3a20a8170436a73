"""docs/agents.md: its commands work as printed, its snippet starts a server, its tables name what there is."""

import json
import re
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from docs.documents import ROOT, blocks, environment, examples, masked, run
from opsloop.mcp.tools import TOOLS

DOCUMENT = "docs/agents.md"


@pytest.fixture
def env(dsn: str, programs: Path, tmp_path: Path) -> dict[str, str]:
    """The environment of the document; the login that it makes is gone before and afterwards."""
    with psycopg.connect(dsn, autocommit=True) as conn:
        conn.execute("drop role if exists planner_agent")
    return environment(dsn, programs, tmp_path)


def test_its_login_is_served_as_the_snippet_says(env: dict[str, str], dsn: str) -> None:
    (example,) = examples(DOCUMENT, "sh")
    assert masked(run(["bash", "-e"], example.block.text, env)) == masked(example.shown)
    (snippet,) = [block for block in blocks(DOCUMENT) if block.language == "json"]
    server = json.loads(snippet.text)["mcpServers"]["opsloop"]
    login = re.search(r"//(\w+)@", server["env"]["DATABASE_URL"])
    assert login
    try:
        done = subprocess.run(
            [sys.executable, "-m", server["command"], *server["args"]],
            env={**env, "DATABASE_URL": make_conninfo(dsn, user=login[1])},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        assert "serving" in done.stderr
    finally:
        with psycopg.connect(dsn, autocommit=True) as conn:
            conn.execute("drop role planner_agent")


def test_every_tool_and_every_test_that_it_names_is_there_and_none_is_left_out() -> None:
    text = (ROOT / DOCUMENT).read_text(encoding="utf-8")
    attacks = (ROOT / "tests/agents/test_attacks.py").read_text(encoding="utf-8")
    assert re.findall(r"^\| `(\w+)` \|", text.partition("## The MCP server")[2], re.MULTILINE) == list(TOOLS)
    tried = set(re.findall(r"^def (test_\w+)", attacks, re.MULTILINE))
    assert set(re.findall(r"`(test_\w+)`", text)) == tried - {
        "test_the_command_does_run_once_a_person_has_approved_it"
    }
