r"""Rewrites the `\ir` lines of sql/code.sql from the routine files there are; the headings stay as written.

Usage: python tools/code_toc.py [--check]. With --check nothing is written; exit 1 when the file is out of date.
"""

import re
import sys
from pathlib import Path

SQL = Path(__file__).resolve().parent.parent / "sql"
HEADING = re.compile(r"^-- (\w+): ")


def contents(current: str, files: dict[str, list[str]]) -> str:
    """The text of code.sql: `current` with the lines under each heading replaced by the files of that area."""
    lines: list[str] = []
    seen: set[str] = set()
    for line in current.splitlines():
        if line.startswith("\\ir code/"):
            continue
        lines.append(line)
        if heading := HEADING.match(line):
            area = heading[1]
            seen.add(area)
            lines += [f"\\ir code/{area}/{name}" for name in sorted(files.get(area, []))]
    if missing := files.keys() - seen:
        raise SystemExit(f"sql/code.sql has no heading for: {', '.join(sorted(missing))}")
    return "\n".join(lines) + "\n"


def main() -> int:
    """Writes sql/code.sql, or compares it; returns the exit code."""
    files: dict[str, list[str]] = {}
    for path in (SQL / "code").glob("*/*.sql"):
        files.setdefault(path.parent.name, []).append(path.name)
    toc = SQL / "code.sql"
    current = toc.read_text()
    wanted = contents(current, files)
    if "--check" in sys.argv[1:]:
        if wanted != current:
            print("sql/code.sql does not list the files in sql/code: run `make code-toc`", file=sys.stderr)
        return int(wanted != current)
    toc.write_text(wanted)
    return 0


if __name__ == "__main__":
    sys.exit(main())
