"""Reads documents and runs their fenced blocks; ids and times are masked in what is printed."""

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

_FENCE = re.compile(r"^```(\w*)(?: ([^\n]*))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_MASKS = (
    (re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"), "ID"),
    (re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:\.\d+)?(?:[+-]\d\d(?::?\d\d)?)?"), "TIME"),
    (re.compile(r"-{3,}"), "---"),
    (re.compile(r"[ \t]+"), " "),
)


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, what else its first line says, its text, and the line it begins at."""

    language: str
    about: str
    text: str
    line: int


@dataclass(frozen=True)
class Example:
    """Something to run, and what the document says that it prints; nothing when it shows no result."""

    block: Block
    shown: str


def blocks(document: str) -> list[Block]:
    """The fenced blocks of a document, given by its path from the root of the repository."""
    text = (ROOT / document).read_text(encoding="utf-8")
    return [
        Block(found[1], found[2] or "", found[3], text.count("\n", 0, found.start()) + 1)
        for found in _FENCE.finditer(text)
    ]


def examples(document: str, *languages: str) -> list[Example]:
    """The blocks in these languages, each with the `text` block that follows it."""
    found = blocks(document)
    return [
        Example(block, after.text if after is not None and after.language == "text" else "")
        for block, after in zip(found, [*found[1:], None], strict=True)
        if block.language in languages
    ]


def masked(printed: str) -> str:
    """What was printed, without what differs from run to run: ids, times, and the widths they cause."""
    for mask, name in _MASKS:
        printed = mask.sub(name, printed)
    lines = (line.strip() for line in printed.splitlines())
    return "\n".join(line for line in lines if line)


def environment(dsn: str, programs: Path, home: Path) -> dict[str, str]:
    """What documents take for granted: DATABASE_URL, and psql, opsloop and python on the PATH."""
    tools = home / "bin"
    tools.mkdir(exist_ok=True)
    for name, module in (("opsloop", "-m opsloop "), ("python", "")):
        tool = tools / name
        tool.write_text(f'#!/bin/sh\nexec "{sys.executable}" {module}"$@"\n')
        tool.chmod(0o755)
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PG", "OPS", "DATABASE_URL"))
    }
    path = f"{tools}:{programs}:{os.environ['PATH']}"
    return {**kept, "DATABASE_URL": dsn, "PATH": path, "PGTZ": "UTC", "USER": "ann", "COLUMNS": "120"}


def run(
    arguments: list[str], text: str, env: Mapping[str, str], cwd: Path = ROOT, *, errors: bool = True
) -> str:
    """What a program prints, on stderr too, in order, unless `errors` is false."""
    done = subprocess.run(
        arguments,
        input=text,
        env=dict(env),
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT if errors else subprocess.PIPE,
        text=True,
        check=False,
        timeout=100,
    )
    return done.stdout


def sessions(document: str, env: Mapping[str, str]) -> list[tuple[Example, str]]:
    """Runs a document: first its `sh` blocks, then all its `sql` blocks in one session of psql.

    Gives each with what it printed.
    """
    shell = [(example, run(["bash", "-e"], example.block.text, env)) for example in examples(document, "sh")]
    sql = examples(document, "sql")
    mark = "-- end of block --"
    script = "".join(f"{example.block.text}\n\\echo {mark}\n" for example in sql)
    printed = run(["psql", env["DATABASE_URL"], "--no-psqlrc"], script, env).split(mark + "\n")[:-1]
    return [*shell, *zip(sql, printed, strict=True)]
