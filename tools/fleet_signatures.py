r"""Writes sql/fleet/signatures.sql: the public functions of a loop, which the front of a fleet has, too.

Usage: python tools/fleet_signatures.py [--check]. Names, arguments and results are those of the routine files, roles
those of sql/grants.sql. With --check nothing is written; exit 1 when the file is out of date.
"""

import re
import sys
from pathlib import Path

SQL = Path(__file__).resolve().parent.parent / "sql"
FILE = SQL / "fleet/signatures.sql"
HEAD = """\
-- The public functions of a loop with their signatures and who may call them: written by tools/fleet_signatures.py
-- (`make docs`) from the routine files and sql/grants.sql.
create temporary table fleet_signatures (
  name text primary key, arguments text not null, result text not null, types text not null, roles text not null)
on commit drop;
insert into fleet_signatures (name, arguments, result, types, roles) values
"""
GRANT = re.compile(r"^ {4}\['(fn_\w+)', '([\w ]+)'\],?$", re.MULTILINE)
SIGNATURE = re.compile(
    r"create or replace function \w+\((.*?)\)\s+(?:returns\s+(.*?)\s*\n)?language ", re.DOTALL
)
OUT = re.compile(r",?\s*\bout (\w+ [\w\[\]]+)")


def signature(text: str) -> tuple[str, str]:
    """Arguments and result of the routine in a file, each on one line."""
    found = SIGNATURE.match(text)
    assert found, text[:200]
    arguments = " ".join(found[1].split())
    result = found[2] or f"table ({', '.join(OUT.findall(arguments))})"
    return OUT.sub("", arguments), " ".join(result.split())


def types(arguments: str) -> str:
    """The types of arguments, as oidvectortypes() prints them."""
    parts = re.sub(r" default ('[^']*'|\S+?)(?=,|$)", "", arguments).split(", ") if arguments else []
    return ", ".join(
        part.split(" ", 1)[1].replace("timestamptz", "timestamp with time zone") for part in parts
    )


def written() -> str:
    """The text of the file."""
    rows = []
    for name, roles in GRANT.findall((SQL / "grants.sql").read_text(encoding="utf-8")):
        (path,) = SQL.glob(f"code/*/{name}.sql")
        arguments, result = signature(path.read_text(encoding="utf-8"))
        quoted = [
            "'" + part.replace("'", "''") + "'" for part in (name, arguments, result, types(arguments), roles)
        ]
        rows.append("  (" + ",\n   ".join(_wrapped(part) for part in quoted) + ")")
    return HEAD + ",\n".join(rows) + ";\n"


def _wrapped(literal: str) -> str:
    """A literal as adjacent ones on lines of at most 110 characters."""
    lines = [""]
    for word in re.split(r"(?<= )", literal[1:-1]):
        if len(lines[-1]) + len(word) > 110:
            lines.append("")
        lines[-1] += word
    return "\n   ".join(f"'{line}'" for line in lines)


def main() -> int:
    """Writes the file, or compares it; returns the exit code."""
    text = written()
    if "--check" not in sys.argv[1:]:
        FILE.write_text(text, encoding="utf-8")
    elif not FILE.exists() or FILE.read_text(encoding="utf-8") != text:
        print("sql/fleet/signatures.sql is out of date: make docs", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
