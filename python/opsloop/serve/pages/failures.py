"""What gave up: grouped by what failed the same way, or letter by letter; and putting it back to work."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

from starlette.responses import Response

from opsloop.errors import InvalidArgument, NotFound
from opsloop.results import RedrivenLetter
from opsloop.serve.pages.frame import action, page, show, then
from opsloop.serve.pages.visit import Blank, Visit

_FIELDS = (
    "what",
    "executor",
    "kind",
    "event_type",
    "pattern",
    "mission_id",
    "reason",
    "since",
    "until",
    "group",
)
_PAGE, _MOST, _PART = 100, 1000, 50
_SECONDS = 10.0


@page("/failures")
async def failures(visit: Visit) -> Response:
    """Groups of dead letters, the largest first."""
    return await show(visit, "failures.html", groups=await visit.loop.group_failures(limit=200))


@page("/failures/{group}")
async def failure(visit: Visit) -> Response:
    """The letters of one group."""
    key = visit.request.path_params["group"]
    groups = await visit.loop.group_failures({"group": key}, limit=1)
    if not groups:
        raise NotFound("nothing waits that failed this way", hint="It was put back to work meanwhile.")
    return await show(
        visit,
        "letters.html",
        heading=groups[0].pattern or "without a reason",
        group=groups[0],
        filter=Blank({"group": key}),
        letters=await visit.loop.list_dead_letters({"group": key}, limit=_PAGE),
    )


@page("/dead-letters")
async def letters(visit: Visit) -> Response:
    """Dead letters that wait, newest first."""
    wanted = visit.filter(*_FIELDS, "redriven")
    return await show(
        visit,
        "letters.html",
        heading="Dead letters",
        group=None,
        filter=Blank(wanted),
        letters=await visit.loop.list_dead_letters(wanted or None, limit=_PAGE),
    )


@page("/dead-letters/{id:path}")
async def letter(visit: Visit) -> Response:
    """One dead letter, whole."""
    found = await visit.loop.show(visit.request.path_params["id"], "letter")
    waits = visit.decides and found.get("redriven_at") is None
    tool = (
        {"action": "/dead-letters/redrive", "label": "Redrive", "fields": {"id": found["id"]}}
        if waits
        else None
    )
    return await show(
        visit,
        "thing.html",
        here="/dead-letters",
        heading=found.get("title") or "Dead letter",
        m=found,
        tool=tool,
    )


@action("/dead-letters/redrive")
async def redrive(visit: Visit) -> Response:
    """Put one back to work."""
    done = await visit.loop.redrive_dead_letter(visit.asked("id"), actor=visit.name)
    return then(visit, f"put back: {done.new_msg_id}" if done.redriven else "it had been put back before")


@action("/dead-letters/act")
async def act(visit: Visit) -> Response:
    """Show which letters a filter or a group would put back; then put those back."""
    wanted = visit.filter(*_FIELDS)
    if not wanted:
        raise InvalidArgument("nothing was picked", hint="Filter, or choose a group.")
    if visit.asked("do") == "now":
        return await _carry_out(visit, wanted)
    # Items that fail later are not included.
    wanted.setdefault("until", f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S.%f}+00")
    found = await visit.loop.redrive_dead_letters(wanted, _MOST, dry_run=True)
    many = f"{len(found)} letter{'s' if len(found) != 1 else ''}"
    more = f" More fit; the oldest {_MOST} come first." if len(found) == _MOST else ""
    return await show(
        visit,
        "act.html",
        here="/failures" if "group" in wanted else "/dead-letters",
        heading=f"Redrive {many}?" if found else "Nothing to redrive",
        lead=f"Nothing was changed so far.{more}",
        noun="letter",
        rows=_rows(found[:200]),
        beyond=max(0, len(found) - 200),
        asks=f"Redrive {many}" if found else None,
        stops=False,
        action="/dead-letters/act",
        fields={**wanted, "do": "now"},
        back="/failures",
    )


async def _carry_out(visit: Visit, wanted: dict[str, Any]) -> Response:
    answers: dict[str, RedrivenLetter] = {}
    until = time.monotonic() + _SECONDS
    while time.monotonic() < until:
        said = await visit.loop.redrive_dead_letters(wanted, _PART, dry_run=False, actor=visit.name)
        fresh = {one.dl_msg_id: one for one in said if one.dl_msg_id not in answers}
        answers.update(fresh)
        # What was refused comes again with each call, as it waits still.
        if not any(one.outcome == "redriven" for one in fresh.values()):
            break
    done = sum(one.outcome == "redriven" for one in answers.values())
    refused = [one for one in answers.values() if one.outcome != "redriven"]
    return await show(
        visit,
        "act.html",
        here="/failures" if "group" in wanted else "/dead-letters",
        heading=f"{done} put back to work" + (f", {len(refused)} refused" if refused else ""),
        lead="",
        noun="letter",
        rows=_rows((refused or list(answers.values()))[:200]),
        beyond=max(0, len(refused or answers) - 200),
        asks=None,
        back="/failures",
    )


def _rows(found: list[RedrivenLetter]) -> list[dict[str, Any]]:
    passing = ("would be redriven", "redriven", "was redriven before")
    return [
        {
            "id": one.dl_msg_id,
            "kind": "letter",
            "title": one.what,
            "status": one.outcome if one.outcome in passing else "refused",
            "ok": one.outcome in passing,
            "code": None,
            "reason": one.reason if one.outcome in passing else one.outcome,
        }
        for one in found
    ]
