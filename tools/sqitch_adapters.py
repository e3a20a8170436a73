"""Writes sql/sqitch: three adapters for each change of sql/schema, and its line in the plan if it has none.

Usage: python tools/sqitch_adapters.py [--check]. With --check nothing is written; exit 1 when something would be.
Adapters only include: to change one, change this file. A line of the plan, once released, stays as it is: sqitch's
change ids hang on it.
"""

import re
import sys
from datetime import UTC, datetime
from pathlib import Path

SQL = Path(__file__).resolve().parent.parent / "sql"

HEAD = """\
-- {purpose} {change} in the schema that `--set schema=…` names (default opsloop); for sqitch or psql alone.
\\if :{{?schema}}
\\else
  \\set schema opsloop
\\endif
begin;
set local opsloop.schema = :'schema';
set local opsloop.change = '{change}';
\\ir ../../loader/begin.sql
"""

KINDS = {
    "deploy": (
        "Installs",
        """\
\\ir ../../loader/change_begin.sql
\\ir ../../schema/{change}.sql
\\ir ../../loader/change_end.sql
commit;
""",
    ),
    "revert": (
        "Takes back",
        """\
\\ir ../../schema/{change}.rollback.sql
\\ir ../../loader/change_undo.sql
commit;
""",
    ),
    "verify": (
        "Checks",
        """\
\\ir ../../loader/change_verify.sql
rollback;
""",
    ),
}


def plan(current: str, changes: list[str]) -> str:
    """The plan with a line for every change, in their order; a line that is there stays as it is."""
    lines = [line for line in current.splitlines() if line]
    planned = {line.split()[0]: line for line in lines if not line.startswith("%")}
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    for change in changes:
        if change not in planned:
            comment = (SQL / "schema" / f"{change}.sql").read_text().splitlines()[0]
            note = re.split(r"[.:] |\.$", comment.removeprefix("-- "))[0]
            planned[change] = f"{change} {now} opsloop <opsloop@example.org> # {note}"
    pragmas = [line for line in lines if line.startswith("%")]
    return "\n".join([*pragmas, "", *(planned[change] for change in changes)]) + "\n"


def main() -> int:
    """Writes the files, or compares them; returns the exit code."""
    changes = sorted(p.stem for p in (SQL / "schema").glob("[0-9]*.sql") if ".rollback" not in p.name)
    folder = SQL / "sqitch"
    wanted = {
        folder / kind / f"{change}.sql": (HEAD + body).format(purpose=purpose, change=change)
        for kind, (purpose, body) in KINDS.items()
        for change in changes
    }
    plan_file = folder / "sqitch.plan"
    planned = plan_file.read_text() if plan_file.exists() else "%syntax-version=1.0.0\n%project=opsloop\n\n"
    wanted[plan_file] = plan(planned, changes)

    stale = [path for path, text in wanted.items() if not path.exists() or path.read_text() != text]
    if "--check" in sys.argv[1:]:
        for path in stale:
            print(f"{path.relative_to(SQL.parent)} is out of date: run `make sqitch`", file=sys.stderr)
        return int(bool(stale))
    for path in stale:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(wanted[path])
    return 0


if __name__ == "__main__":
    sys.exit(main())
