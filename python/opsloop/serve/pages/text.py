"""How what the loop says becomes text on a page: ages, short ids, documents, the look of a status."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from markupsafe import Markup, escape

from opsloop import jsonio
from opsloop.cli.output import plain

#: What each word of a status means to a reader: it runs, went well, waits for somebody, failed, rests, or is over.
_LOOKS = {
    "runs": ("running", "processing", "fired", "building", "in_progress"),
    "good": ("succeeded", "approved", "auto_approved", "ok", "accepted", "completed", "shipped", "done", "passed",
             "live"),
    "waits": ("waiting", "pending", "voting", "warn", "held", "paused", "open", "validating", "refused", "draft",
              "missed"),
    "bad": ("failed", "rejected", "fail", "lost", "killed", "overdue", "blocked_by_gate", "dead"),
    "over": ("cancelled", "skipped", "expired", "released", "fenced", "revoked", "gone", "redriven"),
}  # fmt: skip
_LOOK = {word: look for look, words in _LOOKS.items() for word in words}

#: Reasons that end only when somebody does something.
_FOR_SOMEBODY = (
    "hold", "approval", "policy", "session", "no_worker", "pause", "cap", "ended", "claim", "gate", "failed",
)  # fmt: skip

_PLACES = {
    "mission": "/missions/",
    "step": "/steps/",
    "proposal": "/proposals/",
    "letter": "/dead-letters/",
    "directive": "/directives/",
}


def visible(value: Any) -> Any:
    """What an expression in a template comes to: text of data with its invisible characters shown; None is nothing.

    Escaping for HTML comes after it, and for everything but markup that the templates themselves made.
    """
    if value is None:
        return ""
    return value if isinstance(value, Markup) else plain(value)


def look(word: Any) -> str:
    """Return the class of a status; what is not known rests."""
    return _LOOK.get(str(word), "rests")


def words(name: Any) -> str:
    """Return a name of the database as words: `auto_approved` as `auto approved`."""
    return str(name).replace("_", " ")


def moment(value: Any) -> datetime | None:
    """Return a time, which in documents is text."""
    if not isinstance(value, str):
        return value if isinstance(value, datetime) else None
    try:
        found = datetime.fromisoformat(value)
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        # Some text, or a time at the end of the years that there are.
        return None


def ago(value: datetime) -> str:
    """Return how long ago a time was, such as `5m ago` or `in 5m`."""
    seconds = round((datetime.now(UTC) - value).total_seconds())
    size = abs(seconds)
    if size < 1:
        return "now"
    for unit, length in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if size >= length:
            text = f"{size // length}{unit}"
            break
    else:
        text = f"{size}s"
    return f"in {text}" if seconds < 0 else f"{text} ago"


def utc(value: datetime) -> str:
    """Return a time as it is read everywhere; a script writes the reader's own zone over it."""
    return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def short(value: Any) -> str:
    """Return the last 8 digits of an id, which every command takes."""
    text = str(value)
    return text[-8:] if re.fullmatch(r"[0-9a-f-]{36}", text) else text


def place(kind: str, value: Any) -> str:
    """Return the path of the page about one thing."""
    return _PLACES[kind] + quote(str(value), safe="")


def pretty(value: Any) -> str:
    """Return a document as text: one line where it is short."""
    line = jsonio.pretty(value)
    return line if len(line) <= 100 else jsonio.pretty(value, 2)


def cut(value: Any, most: int) -> str:
    """Return a text, with an ellipsis where it is longer than `most`."""
    text = "" if value is None else str(value)
    return text if len(text) <= most else f"{text[: most - 1]}…"


def number(value: Any) -> str:
    """Return a number with its thousands apart."""
    return f"{value:,}".replace(",", "\u202f") if isinstance(value, int) else str(value)


def left(value: Any) -> str:
    """Return how long a lease still holds."""
    until = moment(value)
    seconds = round((until - datetime.now(UTC)).total_seconds()) if until else 0
    return f"{seconds} s left" if seconds > 0 else "over"


def took(row: Any) -> str:
    """Return how long something took: a mission, or an attempt of a document."""
    told = row if isinstance(row, dict) else {"started_at": row.started_at, "completed_at": row.completed_at}
    began, ended = moment(told.get("started_at")), moment(told.get("completed_at"))
    if began is None or ended is None:
        return ""
    seconds = (ended - began).total_seconds()
    for most, length, unit in ((120, 1, "s"), (7200, 60, "min")):
        if seconds < most:
            return f"{seconds / length:.{2 if seconds < 10 else 0}f} {unit}"
    return f"{seconds / 3600:.1f} h"


def tail(name: Any) -> str:
    """Return a long name of a letter by its end."""
    written = str(name)
    return written if len(written) <= 24 else f"…{written[-20:]}"


def is_for_somebody(reason: Any) -> bool:
    """Whether a reason ends only when somebody does something, and not by time, a worker or another step."""
    return reason in _FOR_SOMEBODY


def exact(value: Any) -> Markup:
    """Return what a form sends back: to the letter, where `visible` would show what is invisible; None is nothing."""
    return escape("" if value is None else value)


FILTERS = {
    "exact": exact,
    "left": left,
    "took": took,
    "tail": tail,
    "tojson_text": lambda value: jsonio.pretty(value),
    "look": look,
    "words": words,
    "moment": moment,
    "ago": ago,
    "utc": utc,
    "short": short,
    "place": place,
    "pretty": pretty,
    "cut": cut,
    "number": number,
}
