"""docs/schedules.md, run from beginning to end; each block must print what the document shows."""

import re
from pathlib import Path
from typing import Any

import psycopg

from docs.documents import blocks, environment, masked, run, sessions

DOCUMENT = "docs/schedules.md"
_CLOCK = re.compile(r"\b\d\d:\d\d:\d\d\b")


def compared(printed: str) -> str:
    """What was printed, without times of day and the line of a table."""
    return _CLOCK.sub("CLOCK", masked(re.sub(r"^[ ─]+$", "", printed, flags=re.MULTILINE)))


def test_every_block_prints_what_the_document_shows(dsn: str, programs: Path, tmp_path: Path) -> None:
    ran = sessions(DOCUMENT, environment(dsn, programs, tmp_path))
    assert len(ran) > 4
    for example, printed in ran:
        assert compared(printed) == compared(example.shown), f"line {example.block.line}:\n{printed}"


def test_the_policy_file_is_applied(
    dsn: str, conn: psycopg.Connection[Any], programs: Path, tmp_path: Path
) -> None:
    (file,) = [block.text for block in blocks(DOCUMENT) if block.language == "toml"]
    (tmp_path / "policy.toml").write_text(file)
    env = environment(dsn, programs, tmp_path)
    assert (
        run([f"{tmp_path}/bin/opsloop", "policy", "apply", f"{tmp_path}/policy.toml"], "", env)
        == "schedule nightly: set\n"
    )
    assert conn.execute("select name, from_file from ops_schedules").fetchall() == [("nightly", True)]


def test_the_expressions_are_sound(conn: psycopg.Connection[Any]) -> None:
    text = Path(DOCUMENT).read_text(encoding="utf-8")
    table = text.split("## Times")[1].split("An expression")[0]
    found = re.findall(r"`((?:[^\s`]+ ){4}[^\s`]+|@\w+)`", table)
    assert len(found) > 6
    for cron in found:
        assert conn.execute("select _cron_faults(%s)", (cron,)).fetchone() == ([],), cron
