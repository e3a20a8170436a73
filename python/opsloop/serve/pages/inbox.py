"""The work that waits for a person, and the decisions on it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from starlette.responses import Response

from opsloop.errors import InvalidArgument, NotFound
from opsloop.results import InboxEntry, ListedProposal
from opsloop.serve.pages import text
from opsloop.serve.pages.difference import changes
from opsloop.serve.pages.frame import action, page, show, then
from opsloop.serve.pages.visit import Blank, Visit

_SHOWN = 50
#: So many may have come in one batch, at the same moment.
_MOST = 1000
_INSTANT = timedelta(microseconds=1)


@page("/inbox")
async def inbox(visit: Visit) -> Response:
    """Everything that waits, the oldest first."""
    wanted = visit.filter("what", "risk", "source", "kind", "title")
    entries = await visit.loop.inbox(_SHOWN, wanted or None)
    return await show(
        visit,
        "inbox.html",
        filter=Blank(wanted),
        entries=entries,
        in_all=entries[0].in_all if entries else 0,
        proposals=sum(one.kind == "proposal" and "approve" in one.decide for one in entries),
    )


@page("/inbox/{id}")
async def entry(visit: Visit) -> Response:
    """One thing that waits, whole, with what differs from the last time."""
    one = await _entry(visit, visit.request.path_params["id"])
    before, differing = await _last_time(visit, one) if one.kind == "proposal" else (None, [])
    return await show(visit, "entry.html", here="/inbox", e=one, before=before, changes=differing)


async def _entry(visit: Visit, which: str) -> InboxEntry:
    """The entry of a proposal or a step: the inbox is asked for what waits since the very moment that it does."""
    several = await visit.loop.find_id(which, "proposal|step")
    if not several:
        raise NotFound(f"nothing has the id {which}", hint="The inbox lists what waits.")
    known = several[0]
    since: datetime | str | None = None
    if known.what == "proposal":
        since = (await visit.loop.list_proposals(1, proposal_id=known.id))[0].created_at
    elif known.what == "step":
        since = (await visit.loop.show(known.id, "step")).get("waits_for", {}).get("since")
    if moment := text.moment(since):
        wanted = {"what": known.what, "since": moment.isoformat(), "until": (moment + _INSTANT).isoformat()}
        for one in await visit.loop.inbox(_MOST, wanted):
            if str(one.id) == known.id:
                return one
    raise NotFound(
        f"{which} does not wait for a person", hint="It was decided, or withdrawn; find it by its id."
    )


async def _last_time(visit: Visit, one: InboxEntry) -> tuple[ListedProposal | None, list[Any]]:
    """The last proposal of the same title and source that was approved, and what differs."""
    (now,) = await visit.loop.list_proposals(1, proposal_id=one.id)
    wanted = {"source": now.source, "title": one.title or "", "before": str(one.id)}
    if not one.title or "*" in one.title or "*" in now.source:
        return None, []
    before = [p for p in await visit.loop.list_proposals(20, filter=wanted) if p.mission_id is not None][:1]
    if not before:
        return None, []
    return before[0], changes(before[0].template, now.template)


@action("/inbox/decide")
async def decide(visit: Visit) -> Response:
    """Approve or reject what was picked, each for what was shown of it."""
    picked = [pair.split(" ", 1) for pair in visit.all_asked("pick")]
    decision = visit.asked("decision")
    if not picked or any(len(pair) != 2 for pair in picked):
        raise InvalidArgument("nothing was picked", hint="Tick what is to be decided on.")
    answers = await visit.loop.decide(
        [
            {"id": which, "decision": decision, "digest": digest, "actor": visit.name, "reason": visit.reason}
            for which, digest in picked
        ]
    )
    refused = [one for one in answers if not one.ok]
    if len(answers) == 1 and not refused:
        (one,) = answers
        where = f"/missions/{one.mission_id}" if one.mission_id else "/inbox"
        return then(visit, f"{decision}: {(one.status or 'done').replace('_', ' ')}", where)
    if not refused:
        return then(visit, f"{decision}: {len(answers)} decided", "/inbox")
    titles = await _titles(visit, [one.id for one in answers])
    return await show(
        visit,
        "act.html",
        here="/inbox",
        heading=f"{len(answers) - len(refused)} of {len(answers)} decided",
        lead=f"{len(refused)} refused; nothing of these was changed.",
        noun="proposal",
        rows=[
            {
                "id": one.id,
                "kind": "mission" if one.mission_id else "proposal",
                "title": titles.get(one.id),
                "ok": one.ok,
                "status": one.status or ("refused" if not one.ok else None),
                "code": one.code,
                "reason": one.reason,
                **({"id": one.mission_id} if one.mission_id else {}),
            }
            for one in sorted(answers, key=lambda one: one.ok)
        ],
        back="/inbox",
    )


async def _titles(visit: Visit, ids: list[UUID]) -> dict[UUID, str | None]:
    listed = await visit.loop.list_proposals(len(ids), filter={"ids": [str(one) for one in ids]})
    return {one.proposal_id: one.title for one in listed}
