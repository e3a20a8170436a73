"""Schedules: when they tick, what became of it, and letting them."""

from __future__ import annotations

from starlette.responses import Response

from opsloop.errors import InvalidArgument, UnknownSchedule
from opsloop.serve.pages.frame import action, page, show, then
from opsloop.serve.pages.visit import Visit


@page("/schedules")
async def schedules(visit: Visit) -> Response:
    """All schedules."""
    return await show(visit, "schedules.html", schedules=await visit.loop.list_schedules(1000))


@page("/schedules/{name:path}")
async def schedule(visit: Visit) -> Response:
    """One schedule, with its ticks."""
    name = visit.request.path_params["name"]
    found = await visit.loop.list_schedules(1, name)
    if not found:
        raise UnknownSchedule(f"there is no schedule {name}", hint="The list has those there are.")
    return await show(
        visit,
        "schedule.html",
        here="/schedules",
        s=found[0],
        ticks=await visit.loop.list_schedule_ticks(name, 50),
    )


@action("/schedules/act")
async def act(visit: Visit) -> Response:
    """Run, stop, start or backfill one."""
    name, what = visit.asked("name"), visit.asked("do")
    loop, why = visit.loop, {"actor": visit.name, "reason": visit.reason}
    if what == "run":
        tick = await loop.run_schedule(name, **why)
        said = f"{name} has ticked: {tick.outcome}" + (f", {tick.reason}" if tick.reason else "")
    elif what == "pause":
        await loop.pause("schedule", name, **why)
        said = f"{name} is paused"
    elif what == "resume":
        await loop.resume("schedule", name, **why)
        said = f"{name} goes on"
    elif what == "disable":
        await loop.disable_schedule(name, **why)
        said = f"{name} is disabled"
    elif what == "enable":
        await loop.enable_schedule(name, **why)
        said = f"{name} is enabled"
    elif what == "backfill":
        ticks = await loop.backfill_schedule(name, visit.asked("from"), visit.asked("to"), **why)
        said = f"{sum(bool(one.is_new) for one in ticks)} of {len(ticks)} ticks are new"
    else:
        raise InvalidArgument(f"there is no action {what}", hint="Use the buttons of the page.")
    return then(visit, said)
