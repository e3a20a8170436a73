"""Pages that are one list: workers, outbox, locks, the radar; and whatever else an id is of."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from itertools import pairwise
from typing import Any
from urllib.parse import quote

from starlette.responses import Response

from opsloop.errors import InvalidArgument
from opsloop.results import ListedIdea
from opsloop.serve.pages.frame import action, page, show, then
from opsloop.serve.pages.visit import Visit

_MOST = 200
#: Statuses of ideas, one after the other.
_STAGES = ("watching", "validating", "building", "shipped")
_KINDS = ("reaction", "event", "message", "grant", "worker")


def column(name: str, of: str, how: str = "", **more: bool) -> dict[str, Any]:
    """A column of a list: its name, the field, and how that is shown."""
    return {"name": name, "of": of, "how": how, "number": False, "wide": False, "long": False, **more}


def rows(found: Iterable[Any], **more: Any) -> list[dict[str, Any]]:
    """Records as rows; `more` has functions that make further fields of a record."""
    return [
        {"line": "", "href": "", **asdict(one), **{name: make(one) for name, make in more.items()}}
        for one in found
    ]


def table(
    columns: list[dict[str, Any]], found: list[dict[str, Any]], none: str, name: str | None = None
) -> dict[str, Any]:
    """A table of a page of lists."""
    return {"name": name, "columns": columns, "rows": found, "none": none}


@page("/workers")
async def workers(visit: Visit) -> Response:
    """Worker processes, and work that nobody takes."""
    found = await visit.loop.list_workers(_MOST)
    missing = await visit.loop.missing_executors()
    running = await visit.loop.list_running(_MOST)
    live = sum(one.status in ("live", "asleep") for one in found)
    tables = [
        table(
            [
                column("worker", "worker_id", "linked"),
                column("is", "status", "status"),
                column("offers", "offers", long=True),
                column("running", "running", number=True),
                column("last seen", "last_seen_at", "time"),
                column("since", "started_at", "time", wide=True),
                column("version", "version", wide=True),
                column("login", "login", wide=True),
            ],
            rows(
                found,
                offers=lambda one: (
                    ", ".join(one.executors) + (f"; claims refused: {one.refused}" if one.refused else "")
                ),
                href=lambda one: f"/record/worker/{quote(one.worker_id, safe='')}",
                line=lambda one: "line-bad" if one.refused or one.status == "gone" else "",
            ),
            "No worker has registered. Start one: opsloop worker",
        ),
        table(
            [
                column("step", "step_id", "step"),
                column("key", "key"),
                column("executor", "executor"),
                column("worker", "worker_id", wide=True, long=True),
                column("since", "reserved_at", "time"),
                column("lease until", "lease_expires_at", "time"),
                column("attempt", "attempt", number=True),
            ],
            rows(running),
            "Nothing runs.",
            "Running now",
        ),
    ]
    if missing:
        tables.insert(
            0,
            table(
                [
                    column("executor", "executor", "linked"),
                    column("waiting", "waiting", number=True),
                    column("oldest", "oldest", "time"),
                    column("start one", "start", long=True),
                ],
                rows(
                    missing,
                    href=lambda one: "/missions?stuck=1",
                    line=lambda _: "line-bad",
                    start=lambda one: f"opsloop worker --executors {one.executor}",
                ),
                "",
                "Work that no live worker takes",
            ),
        )
    return await show(visit, "list.html", heading="Workers", lead=f"{live} live", tables=tables)


@page("/outbox")
async def outbox(visit: Visit) -> Response:
    """What waits to be delivered, and what was."""
    shown = [
        column("message", "event_id", "linked"),
        column("of", "of", long=True),
        column("type", "event_type"),
        column("published", "created_at", "time"),
    ]
    waiting = await visit.loop.list_outbox(_MOST)
    delivered = await visit.loop.list_outbox(50, "delivered")
    more = {
        "of": lambda one: f"{one.aggregate_type} {one.aggregate_id}",
        "href": lambda one: f"/record/message/{one.event_id}",
        "why": lambda one: one.held or one.last_error,
        "line": lambda one: (
            "line-waits" if one.held else "line-bad" if one.last_error and not one.processed_at else ""
        ),
    }
    tables = [
        table(
            [
                *shown,
                column("failed", "retry_count", number=True),
                column("next try", "retry_at", "time"),
                column("why it waits", "why", long=True),
            ],
            rows(waiting, **more),
            "Nothing waits.",
            "Waiting",
        ),
        table(
            [*shown, column("delivered", "processed_at", "time"), column("by", "processor_id", wide=True)],
            rows(delivered, **more),
            "Nothing was delivered yet.",
            "Delivered",
        ),
    ]
    return await show(
        visit,
        "list.html",
        heading="Outbox",
        lead="What was given up is among the dead letters.",
        tables=tables,
    )


@page("/locks")
async def locks(visit: Visit) -> Response:
    """The locks and their holders."""
    found = await visit.loop.list_locks(_MOST)
    shown = [
        column("lock", "lock_name"),
        column("is", "is", "status"),
        column("holder", "holder_id", long=True),
        column("login", "holder_login", wide=True),
        column("token", "token", number=True, wide=True),
        column("held since", "acquired_at", "time"),
        column("until", "expires_at", "time"),
    ]
    made = rows(
        found,
        **{"is": lambda one: "held" if one.is_held else "over"},
        line=lambda one: "" if one.is_held else "line-waits",
    )
    over = sum(not one.is_held for one in found)
    tool = (
        {"action": "/locks/clean", "label": f"Remove the {over} whose time is over", "fields": {}}
        if over
        else None
    )
    return await show(
        visit,
        "list.html",
        heading="Locks",
        lead=None,
        tool=tool,
        tables=[table(shown, made, "Nobody holds a lock.")],
    )


@action("/locks/clean")
async def clean(visit: Visit) -> Response:
    """Remove the locks whose time is over."""
    return then(visit, f"{await visit.loop.cleanup_expired_locks()} removed")


@page("/radar")
async def radar(visit: Visit) -> Response:
    """The board of ideas."""
    shown = [
        column("idea", "title", long=True),
        column("is", "status", "status"),
        column("score", "score", number=True),
        column("about", "description", wide=True, long=True),
        column("from", "source", wide=True),
        column("evidence", "evidence", wide=True, long=True),
        column("changed", "updated_at", "time"),
        *([column("move on", "button", "button")] if visit.rules else []),
    ]
    found = await visit.loop.list_radar(_MOST)
    return await show(
        visit,
        "list.html",
        heading="Radar",
        lead="Ideas that agents and programs bring: watching, validating, building, shipped.",
        tables=[table(shown, rows(found, button=_onward), "No idea is on the board.")],
    )


def _onward(one: ListedIdea) -> dict[str, Any] | None:
    """The button that moves an idea to its next status."""
    following = dict(pairwise(_STAGES)).get(one.status)
    if following is None:
        return None
    fields = {"title": one.title, "status": following}
    return {
        "action": "/radar/move",
        "label": following,
        "fields": fields,
        "said": f"Move {one.title} to {following}",
    }


@action("/radar/move")
async def move(visit: Visit) -> Response:
    """Move an idea to another status."""
    title, status = visit.asked("title"), visit.asked("status")
    await visit.loop.radar_upsert([{"title": title, "status": status}])
    return then(visit, f"{title} is {status}")


@page("/record/{what}/{id:path}")
async def record(visit: Visit) -> Response:
    """All that is on record of anything else."""
    what = visit.request.path_params["what"]
    if what not in _KINDS:
        raise InvalidArgument(f"there is no page of a {what}", hint="Find it by its id.")
    found = await visit.loop.show(visit.request.path_params["id"], what)
    here = {"worker": "/workers", "message": "/outbox"}.get(what, "/")
    heading = found.get("title") or f"{what.capitalize()} {found['id'][-8:]}"
    return await show(visit, "thing.html", here=here, heading=heading, m=found, tool=None)
