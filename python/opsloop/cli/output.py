"""What the commands print: results on stdout, everything else on stderr; as text for people or as JSON."""

from __future__ import annotations

import sys
import unicodedata
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from opsloop import jsonio
from opsloop.errors import OpsError
from opsloop.process.outlet import Outlet

_STYLES = {
    "succeeded": "green", "approved": "green", "auto_approved": "green",
    "running": "cyan", "queued": "cyan", "pending": "yellow", "voting": "yellow", "waiting": "yellow",
    "failed": "red", "rejected": "red", "cancelled": "dim", "skipped": "dim", "blocked": "dim", "expired": "dim",
}  # fmt: skip

# Control, format (invisible, or reordering what is shown), surrogates, line and paragraph separators: text from agents
# must not disguise what a person approves.
_STEERING = ("Cc", "Cf", "Cs", "Zl", "Zp")


def console(*, stderr: bool = False) -> Console:
    """Return a console for now's stdout or stderr; into a file or pipe, tables are not squeezed."""
    stream = sys.stderr if stderr else sys.stdout
    return Console(
        file=stream,
        markup=False,
        highlight=False,
        emoji=False,
        soft_wrap=not stream.isatty(),
        width=None if stream.isatty() else 200,
    )


def plain(value: Any) -> str:
    """Return `value` as text that cannot steer a terminal: control and invisible characters are shown as escapes."""
    return "".join(
        ascii(char)[1:-1] if unicodedata.category(char) in _STEERING and char not in "\n\t" else char
        for char in str(value)
    )


def one_line(text: Any) -> str:
    """As `plain`, on one line: a line break in text from data could fake the next field."""
    return plain(text).replace("\n", "\\n").replace("\t", "\\t")


def say(text: str, *, stderr: bool = False) -> None:
    """Print a line for people."""
    console(stderr=stderr).print(plain(text))


def print_text(text: str, *, stderr: bool = False) -> None:
    """Print text as it is, without wrapping it."""
    (sys.stderr if stderr else sys.stdout).write(plain(text) + "\n")


def status_text(status: str) -> Text:
    """Return a status in its colour."""
    return Text(plain(status), style=_STYLES.get(status, ""))


def age(moment: datetime | None) -> str:
    """Return how long ago `moment` was, such as `5m` (or `in 5m`); the empty string for None."""
    if moment is None:
        return ""
    seconds = round((datetime.now(UTC) - moment).total_seconds())
    size = abs(seconds)
    for unit, length in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if size >= length:
            text = f"{size // length}{unit}"
            break
    else:
        text = f"{size}s"
    return f"in {text}" if seconds < 0 else text


def table(title: str, columns: list[str], rows: list[list[Any]]) -> Table:
    """Make a table; ids (columns named `id`) are never cut, other text wraps."""
    made = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for column in columns:
        made.add_column(column, no_wrap=column in ("id", "status"), overflow="fold")
    for row in rows:
        made.add_row(
            *(cell if isinstance(cell, Text) else plain("" if cell is None else cell) for cell in row)
        )
    return made


def as_json(value: Any) -> str:
    """Return `value` as JSON: records as objects, times in ISO 8601; indented for a terminal."""
    return jsonio.pretty(value, 2 if sys.stdout.isatty() else None)


def was_printed() -> bool:
    """Whether all that was printed so far could be written."""
    sys.stdout.flush()
    return not (isinstance(sys.stdout, Outlet) and sys.stdout.lost)


def print_json(value: Any) -> None:
    """Print one JSON document on stdout."""
    sys.stdout.write(as_json(value) + "\n")


def report(error: OpsError, *, json_wanted: bool) -> None:
    """Print an error on stderr: code and sentence, then detail and hint; or as one JSON document."""
    if json_wanted:
        sys.stderr.write(as_json({"error": error.as_dict()}) + "\n")
        return
    lines = [str(error)]
    if error.detail is not None:
        lines += [f"  {line}" for line in _detail_lines(error.detail)]
    if error.hint:
        lines.append(f"hint: {error.hint}")
    # Not by rich: an error message is one line however long it is.
    sys.stderr.write(plain("\n".join(lines)) + "\n")


def _detail_lines(detail: Any) -> list[str]:
    if isinstance(detail, list):
        return [f"- {item if isinstance(item, str) else as_json(item)}" for item in detail]
    if isinstance(detail, dict):
        return [f"{key}: {item if isinstance(item, str) else as_json(item)}" for key, item in detail.items()]
    return str(detail).splitlines()
