"""Writes what psql prints into the documents that show it; a result that differs in ids and times only stays as it is.

Usage: python tools/psql_results.py [document …]; default docs/psql.md and docs/dead-letters.md.
"""

import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from docs.documents import Example, environment, examples, masked, sessions  # noqa: E402
from opsloop import embedded, migrate  # noqa: E402


def with_results(text: str, ran: list[tuple[Example, str]]) -> str:
    """The text of a document with new results."""
    lines = text.splitlines(keepends=True)
    for example, printed in sorted(ran, key=lambda one: one[0].block.line, reverse=True):
        if masked(printed) == masked(example.shown):
            continue
        end = example.block.line + example.block.text.count("\n") + 1
        old = len(["", "```text", "```"]) + example.shown.count("\n") if example.shown else 0
        result = "".join(f"{line.rstrip()}\n" for line in printed.strip("\n").splitlines())
        lines[end : end + old] = ["\n```text\n", result, "```\n"] if printed.strip() else []
    return "".join(lines)


def main() -> None:
    """Runs each document on a database of its own and writes it anew."""
    for name in sys.argv[1:] or ["docs/psql.md", "docs/dead-letters.md"]:
        with (
            tempfile.TemporaryDirectory() as home,
            embedded.server(settings=embedded.THROWAWAY) as server,
        ):
            if not examples(name, "sh"):  # what installs opsloop
                migrate.migrate(server.dsn())
                migrate.seed(server.dsn())
            ran = sessions(name, environment(server.dsn(), server.programs, Path(home)))
        document = ROOT / name
        document.write_text(with_results(document.read_text(encoding="utf-8"), ran), encoding="utf-8")


if __name__ == "__main__":
    main()
