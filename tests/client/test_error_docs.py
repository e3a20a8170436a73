"""docs/errors.md, the classes in Python, and what is raised name the same codes."""

import re
from pathlib import Path

import pytest

from opsloop.errors import BY_CODE

ROOT = Path(__file__).resolve().parents[2]
CODE = re.compile(r"OPS_\d{3}")


def documented() -> dict[str, str]:
    """The sections of docs/errors.md by code."""
    text = (ROOT / "docs/errors.md").read_text(encoding="utf-8")
    sections = re.split(r"^## (OPS_\d{3}) .+$", text, flags=re.MULTILINE)[1:]
    return dict(zip(sections[::2], sections[1::2], strict=True))


def used_in_sql() -> set[str]:
    """Codes raised, returned or stored by the SQL; comments do not count."""
    files = [
        *(ROOT / "sql/code").rglob("*.sql"),
        *(ROOT / "sql/loader").glob("*.sql"),
        *(ROOT / "sql/fleet").rglob("*.sql"),
    ]
    found: set[str] = set()
    for file in files:
        text = re.sub(r"^\s*--.*$", "", file.read_text(encoding="utf-8"), flags=re.MULTILINE)
        text = re.sub(r"^comment on .*?;$", "", text, flags=re.MULTILINE | re.DOTALL)
        found |= set(CODE.findall(text)) | {f"OPS_{n}" for n in re.findall(r"'OP(\d{3})'", text)}
    return found


def used_in_python() -> set[str]:
    """Codes raised by their class, or written into a message; docstrings and errors.py do not count."""
    found: set[str] = set()
    for file in (ROOT / "python/opsloop").rglob("*.py"):
        if file.name == "errors.py":
            continue
        text = re.sub(r'""".*?"""', "", file.read_text(encoding="utf-8"), flags=re.DOTALL)
        found |= set(CODE.findall(text))
        found |= {code for code, cls in BY_CODE.items() if re.search(rf"\b{cls.__name__}\(", text)}
    return found


def test_every_code_that_is_used_is_documented() -> None:
    assert (used_in_sql() | used_in_python()) - documented().keys() == set()


def test_every_documented_code_is_used() -> None:
    # OPS_022 and OPS_015 also stand for conditions of PostgreSQL itself; they too are raised by name somewhere.
    assert documented().keys() - (used_in_sql() | used_in_python()) == set()


def test_every_code_has_a_class_and_every_class_a_code() -> None:
    assert documented().keys() == BY_CODE.keys()


@pytest.mark.parametrize("code", sorted(BY_CODE))
def test_each_section_says_sqlstate_class_cause_and_remedy(code: str) -> None:
    section = documented()[code]
    assert f"`OP{code[4:]}` · `{BY_CODE[code].__name__}`" in section
    assert "**Cause.**" in section
    assert "**Remedy.**" in section


def test_a_message_and_its_sqlstate_say_the_same_code() -> None:
    wrong = []
    for file in (ROOT / "sql").rglob("*.sql"):
        text = file.read_text(encoding="utf-8")
        for raised in re.findall(r"raise exception using.*?;", text, flags=re.DOTALL):
            state = re.search(r"errcode = 'OP(\d{3})'", raised)
            message = re.search(r"message = (?:format\()?'(?:OPS_(\d{3}): )?", raised)
            # A message that comes out of a variable was made, with its code, where the reason was found.
            if state is None or (message is not None and state[1] != message[1]):
                wrong.append(f"{file.relative_to(ROOT)}: {raised[:120]}")
    assert wrong == []


def test_every_raise_tells_the_reader_what_to_do() -> None:
    without = [
        f"{file.relative_to(ROOT)}: {raised[:120]}"
        for file in (ROOT / "sql/code").rglob("*.sql")
        for raised in re.findall(
            r"raise exception using.*?;\n", file.read_text(encoding="utf-8"), flags=re.DOTALL
        )
        if "hint = " not in raised
    ]
    assert without == []
