"""The first page: how the loop is, what is wrong, and stop and go."""

from __future__ import annotations

from starlette.responses import JSONResponse, Response

from opsloop.errors import InvalidArgument
from opsloop.serve.pages.frame import action, page, show, then
from opsloop.serve.pages.visit import Visit

_ORDER = {"fail": 0, "warn": 1}
#: Where what a check found is looked at, and mended.
_PLACES = {
    "workers": "/workers",
    "missing executors": "/workers",
    "leases over": "/workers",
    "steps held": "/inbox?what=step",
    "waiting for a person": "/inbox",
    "waiting for a cap": "/proposals?status=pending",
    "missions failed": "/missions?status=failed",
    "dead letters": "/failures",
    "outbox age": "/outbox",
    "outbox routes": "/outbox",
    "locks over": "/locks",
    "schedules": "/schedules",
    "pauses": "/#paused",
    "transitions failed": "/directives",
    "handoff duration": "/directives",
    "gate results mended": "/directives",
}


@page("/")
async def loop(visit: Visit) -> Response:
    """How the loop is."""
    seen = await visit.loop.overview(1)
    checks = await visit.loop.check_health()
    pauses = await visit.loop.list_pauses()
    wrong = sorted((one for one in checks if one.status != "ok"), key=lambda one: _ORDER[one.status])
    counts = seen["counts"]
    return await show(
        visit,
        "loop.html",
        health=counts,
        executors=seen["executors"],
        stuck=seen["stuck"],
        stuck_count=sum(one["missions"] for one in seen["stuck"]),
        waiting=counts["waiting_proposals"] + counts["waiting_steps"],
        checks=checks,
        wrong=wrong,
        places=_PLACES,
        pauses=pauses,
        all_paused=any(one.scope == "all" for one in pauses),
        paused_executors={one.target for one in pauses if one.scope == "executor"},
    )


@page("/rates")
async def rates(visit: Visit) -> Response:
    """What the charts show: a row a minute of the last hour."""
    rows = await visit.loop.rates()
    return JSONResponse(
        {
            "minutes": [int(one.minute.timestamp()) for one in rows],
            **{
                name: [getattr(one, name) for one in rows]
                for name in ("events", "decisions", "succeeded", "failed")
            },
        }
    )


@action("/pause")
async def pause(visit: Visit) -> Response:
    """Stop steps from starting."""
    scope, target = visit.asked("scope"), visit.asked("target")
    if scope == "all":
        _typed(visit, "pause")
    done = await visit.loop.pause(scope, target or None, actor=visit.name, reason=visit.reason)
    said = f"{scope} {target}".strip()
    held = done.get("could_still_commit") or []
    late = f"; {len(held)} sessions could still commit" if held else ""
    return then(visit, f"paused: {said}{late}" if done["changed"] else f"{said} was paused already")


@action("/resume")
async def resume(visit: Visit) -> Response:
    """Lift a pause, or end the kill switch."""
    scope, target = visit.asked("scope"), visit.asked("target")
    if scope == "all":
        _typed(visit, "resume")
    done = await visit.loop.resume(scope, target or None, actor=visit.name, reason=visit.reason)
    said = f"{scope} {target}".strip()
    return then(visit, f"goes on: {said}" if done["changed"] else f"{said} was not paused")


@action("/kill")
async def kill(visit: Visit) -> Response:
    """Stop everything at once."""
    _typed(visit, "kill")
    done = await visit.loop.kill_switch(actor=visit.name, reason=visit.reason)
    held = done.get("could_still_commit") or []
    late = f"; {len(held)} sessions could still commit" if held else ""
    return then(visit, f"everything is stopped: {done['revoked']} leases taken back{late}")


def _typed(visit: Visit, word: str) -> None:
    if visit.asked("typed") != word:
        raise InvalidArgument(
            f"this is done only when the word {word} is typed", hint=f"Type {word} into its field."
        )
