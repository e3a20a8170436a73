r"""Keeps the list of routine files in sql/code.sql complete. The order, of areas and within one, is kept by hand.

Usage: python tools/code_toc.py [--check]. A file that is missing is put at the end of its area, a line whose file is
gone is taken out. With --check nothing is written; exit 1 when anything is missing, gone or listed twice.
"""

import re
import sys
from pathlib import Path

SQL = Path(__file__).resolve().parent.parent / "sql"
HEADING = re.compile(r"^-- (\w+): ")
LINE = re.compile(r"^\\ir code/(\w+)/(\w+)\.sql$")


def areas(toc: str) -> dict[str, list[str]]:
    """The areas in their order, each with its routines in their order, as the text of code.sql lists them."""
    listed: dict[str, list[str]] = {}
    for line in toc.splitlines():
        if heading := HEADING.match(line):
            listed[heading[1]] = []
        elif entry := LINE.match(line):
            listed.setdefault(entry[1], []).append(entry[2])
    return listed


def completed(toc: str, files: dict[str, set[str]]) -> str:
    """The text of code.sql with every file listed once, under the heading of its area; else as it is."""
    if missing := files.keys() - areas(toc).keys():
        raise SystemExit(f"sql/code.sql has no heading for: {', '.join(sorted(missing))}")
    lines: list[str] = []
    area = ""
    left: set[str] = set()
    seen: set[tuple[str, str]] = set()
    for line in [*toc.splitlines(), ""]:
        entry = LINE.match(line)
        if entry is None and area and lines[-1].startswith("\\ir code/" + area):
            lines += [f"\\ir code/{area}/{name}.sql" for name in sorted(left)]
            left = set()
        if heading := HEADING.match(line):
            area = heading[1]
            left = set(files.get(area, ()))
        if entry is None:
            lines.append(line)
        elif entry[1] == area and entry[2] in files.get(area, ()) and (area, entry[2]) not in seen:
            seen.add((area, entry[2]))
            left.discard(entry[2])
            lines.append(line)
    return "\n".join(lines[:-1]) + "\n"


def main() -> int:
    """Writes sql/code.sql, or compares it; returns the exit code."""
    files: dict[str, set[str]] = {}
    for path in (SQL / "code").glob("*/*.sql"):
        files.setdefault(path.parent.name, set()).add(path.stem)
    toc = SQL / "code.sql"
    current = toc.read_text()
    wanted = completed(current, files)
    if "--check" in sys.argv[1:]:
        if wanted != current:
            print(
                "sql/code.sql does not list the files in sql/code once each: run `make code-toc`",
                file=sys.stderr,
            )
        return int(wanted != current)
    toc.write_text(wanted)
    return 0


if __name__ == "__main__":
    sys.exit(main())
