"""Reads documents: their fenced blocks, and what psql prints for them, with ids and times masked."""

import re
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


def masked(printed: str, values: Mapping[str, str] | None = None) -> str:
    """What psql printed, without what differs from run to run: ids, times, and the widths they cause.

    `values`: further patterns, and what stands for them.
    """
    for pattern, name in (values or {}).items():
        printed = re.sub(pattern, name, printed)
    for mask, name in _MASKS:
        printed = mask.sub(name, printed)
    lines = (line.strip() for line in printed.splitlines())
    return "\n".join(line for line in lines if line)
