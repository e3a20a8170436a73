"""The output of the commands: results on stdout, everything else on stderr; as text for people or as JSON."""

from __future__ import annotations

import os
import re
import sys
import unicodedata
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from rich.cells import cell_len, set_cell_size
from rich.console import Console, ConsoleOptions, RenderResult
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
        # Without this, NO_COLOR takes the colours only, and leaves bold and dim.
        color_system=None if os.environ.get("NO_COLOR") else "auto",
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


def on_terminal() -> bool:
    """Whether a person can be asked: both stdin and stdout are a terminal."""
    return bool(sys.stdin and sys.stdin.isatty() and sys.stdout.isatty())


def word(value: Any) -> str:
    """Return a text as it is, and anything else as JSON."""
    return value if isinstance(value, str) else jsonio.pretty(value)


def short(value: Any) -> str:
    """Return the last 8 digits of an id on a terminal, where every command takes them; else the whole id."""
    text = str(value)
    return text[-8:] if sys.stdout.isatty() and _ID.fullmatch(text) else text


class Rows:
    """A table, a line a row. On a terminal it fits: long cells end with an ellipsis. Elsewhere nothing is cut."""

    def __init__(
        self,
        title: str,
        columns: list[str],
        rows: list[list[Any]],
        notes: list[list[str | None]] | None = None,
    ) -> None:
        self.title = title
        self.notes = notes or [[] for _ in rows]
        self.columns = columns
        self.rows = [
            [
                Text(one_line("" if c is None else c), style=c.style if isinstance(c, Text) else "")
                for c in row
            ]
            for row in rows
        ]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Give the lines, for the width there is."""
        # A character that the encoding lacks is written as an escape, which is longer.
        rows = [[_encodable(cell, console.encoding) for cell in row] for row in self.rows]
        head = [Text(name, style="bold") for name in self.columns]
        wanted = [max(cell.cell_len for cell in column) for column in zip(head, *rows, strict=True)]
        narrow = console.is_terminal
        widths = _fitted(wanted, options.max_width - _GAP * (len(wanted) - 1)) if narrow else wanted
        if self.title:
            yield _line([Text(self.title, style="italic")], [options.max_width if narrow else 0], console)
        yield _line(head, widths, console)
        for row, notes in zip(rows, self.notes, strict=True):
            yield _line(row, widths, console)
            for note in filter(None, notes):
                yield Text(
                    folded(f"{' ' * (widths[0] + _GAP)}{one_line(note)}"), no_wrap=True, overflow="ignore"
                )


#: Blanks between two columns.
_GAP = 2
#: A column that needs no more than that is left as it is, while others can give way.
_KEPT = 16
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def _encodable(cell: Text, encoding: str) -> Text:
    if encoding.lower().replace("-", "") == "utf8":
        return cell
    return Text(cell.plain.encode(encoding, "opsloop-escaped").decode(encoding), style=cell.style)


def _fitted(wanted: list[int], width: int) -> list[int]:
    """Take from the widest columns until all fit; from those that need little only when the others have nothing."""
    widths = list(wanted)
    for least in (_KEPT, 1):
        while sum(widths) > width:
            most = max(widths)
            if most <= least:
                break
            widest = [i for i, size in enumerate(widths) if size == most]
            below = max([least, *(size for size in widths if size < most)])
            over = sum(widths) - width
            # All of the widest by as much, and the last ones by the rest.
            each = min(most - below, max(1, over // len(widest)))
            for i in reversed(widest):
                if sum(widths) > width:
                    widths[i] -= each
    return widths


def _line(cells: list[Text], widths: list[int], console: Console) -> Text:
    line = Text(no_wrap=True, overflow="ignore")
    last = max((i for i, cell in enumerate(cells) if cell.plain), default=0)
    for i, (cell, width) in enumerate(zip(cells[: last + 1], widths, strict=False)):
        shown = cell.copy()
        if width and shown.cell_len > width:
            mark = "…" if console.encoding.lower().startswith("utf") else "~"
            shown = Text(set_cell_size(shown.plain, width - 1) + mark, style=shown.style)
        line.append_text(shown)
        if i < last:
            line.append(" " * (width - shown.cell_len + _GAP))
    return line


def moment(at: datetime) -> str:
    """Return a moment to the second, in the reader's zone; without year and zone on a terminal."""
    here = at.astimezone()
    return f"{here:%m-%d %H:%M:%S}" if sys.stdout.isatty() else here.isoformat(" ", "seconds")


def table(
    title: str, columns: list[str], rows: list[list[Any]], notes: list[list[str | None]] | None = None
) -> Rows:
    """Make a table of these rows; ids are shown by their last 8 digits on a terminal.

    `notes`: for each row the lines that follow it, folded where they are too long.
    """
    return Rows(
        title, columns, [[short(c) if isinstance(c, UUID) else c for c in row] for row in rows], notes
    )


def folded(text: str, indent: str = "") -> str:
    """Return lines that fit the terminal, what is folded behind `indent` and two blanks; elsewhere as it is.

    A line that the terminal itself folded would go on at its left edge, where it could pass for one of ours.
    """
    if not sys.stdout.isatty():
        return text
    width = max(20, console().width)
    lines = []
    for line in text.split("\n"):
        margin = line[: len(line) - len(line.lstrip())] or indent
        rest = line
        while cell_len(rest) > width:
            part = set_cell_size(rest, width)
            at = part.rstrip().rfind(" ")
            part = part[:at] if at > len(margin) + 12 else part.rstrip() if part[-1] == " " else part
            lines.append(part)
            rest = margin + "  " + rest[len(part) :].lstrip()
        lines.append(rest)
    return "\n".join(lines)


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
