"""The tables of docs/roles.md: what each role may do, as people read it and as the tests expect it."""

import re
from pathlib import Path

from logins import ROLES

DOCUMENT = Path(__file__).parents[2] / "docs/roles.md"


def _table(title: str) -> dict[str, dict[str, str]]:
    """The rows of the table under the head `title`: name → role → what the cell says."""
    head = f"| {title} | " + " | ".join(ROLES) + " |\n"
    body = DOCUMENT.read_text(encoding="utf-8").split(head)[1].split("\n\n")[0].splitlines()[1:]
    rows = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in body]
    found = {row[0].strip("`"): dict(zip(ROLES, row[1:], strict=True)) for row in rows}
    assert len(found) == len(rows), "a name stands there twice"
    assert all(re.fullmatch(r"(yes|read|)", cell) for row in found.values() for cell in row.values())
    return found


#: Function → role → "yes" or "".
FUNCTIONS = _table("function")
#: Table or view → role → "read" or "".
TABLES = _table("table or view")
