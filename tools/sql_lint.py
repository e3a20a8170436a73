"""Style of the SQL files: width, keywords, literals with a backslash, and what a comment must not say.

Usage: python tools/sql_lint.py [file …]; default every file under sql/ but sql/seed, whose JSON has regular expressions
that cannot be broken into lines. A finding is a line `file:line: rule`; exit
code 1 when there are any.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WIDTH = 120

#: Phrases that a comment must not have, and their replacement.
COMMENTS = {
    r"\b(?:(?:as in|see) _\w+|as _\w+ (?:says|does|has it)\b)": "points at another routine: say it here, or name the "
    "paragraph that explains it",
    r"\btaken for\b": "say what the planner estimates, or what it is mistaken for",
    r"\bwalk(?:s|ed|ing)? over\b": "a table or an index is scanned",
    r"\b[Bb]y (?:its|their) places?\b": "the place of a row is its ctid",
}

_TOKEN = re.compile(
    r"""(?P<comment> --[^\n]* | /\*.*?\*/ )
      | (?P<text> '(?:[^']|'')*' | "[^"]*" | \$(?P<tag>\w+)\$.*?\$(?P=tag)\$ )""",
    re.VERBOSE | re.DOTALL,
)
_UPPER = re.compile(r"\b[A-Z][A-Z_]+\b")


def faults(text: str) -> Iterator[tuple[int, str]]:
    """Line number and rule of each fault in the text of a file."""
    for number, line in enumerate(text.splitlines(), 1):
        if len(line) > WIDTH:
            yield number, f"{len(line)} columns; {WIDTH} at most"
    comments, code = _parts(text)
    for pattern, rule in COMMENTS.items():
        for found in re.finditer(pattern, comments):
            yield _line(text, found), f"“{found[0]}”: {rule}"
    for token in _TOKEN.finditer(text):
        if (
            token["text"]
            and "\\" in token["text"]
            and token[0][0] == "'"
            and text[token.start() - 1] not in "eE"
        ):
            yield (
                _line(text, token),
                "a backslash: E'…' means the same whatever standard_conforming_strings is",
            )
    for found in _UPPER.finditer(code):
        yield _line(text, found), f"{found[0]}: keywords are in lower case"


def _parts(text: str) -> tuple[str, str]:
    """The comments alone and the code alone, each with blanks for all else, so that positions stay as they are."""
    comments, code, end = "", "", 0
    for token in _TOKEN.finditer(text):
        blank = _blank(token[0])
        comments += _blank(text[end : token.start()]) + (token[0] if token["comment"] else blank)
        code += text[end : token.start()] + blank
        end = token.end()
    return comments + _blank(text[end:]), code + text[end:]


def _blank(text: str) -> str:
    return re.sub(r"[^\n]", " ", text)


def _line(text: str, found: re.Match[str]) -> int:
    return text.count("\n", 0, found.start()) + 1


def main() -> int:
    """Prints the faults; returns the exit code."""
    files = [Path(name).resolve() for name in sys.argv[1:]] or [
        file for file in sorted((ROOT / "sql").rglob("*.sql")) if file.parent.name != "seed"
    ]
    found = [(file, *fault) for file in files for fault in sorted(faults(file.read_text(encoding="utf-8")))]
    for file, line, rule in found:
        print(f"{file.relative_to(ROOT) if file.is_relative_to(ROOT) else file}:{line}: {rule}")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
