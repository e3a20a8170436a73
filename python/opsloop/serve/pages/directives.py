"""Directives: their phases, their handoffs with scores against thresholds, and their sub-agents."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from opsloop.serve.pages import text
from opsloop.serve.pages.frame import page, show
from opsloop.serve.pages.lists import column, rows, table
from opsloop.serve.pages.visit import Visit

_HANDOFFS = [
    column("handoff", "handoff_type"),
    column("is", "status", "status"),
    column("score", "score", number=True),
    column("needs", "threshold", number=True),
    column("failed gate", "failed_gate", wide=True),
    column("why", "why", long=True),
    column("asked", "created_at", "time"),
]
_AGENTS = [
    column("sub-agent", "code"),
    column("verdict", "verdict", "status"),
    column("confidence", "confidence", number=True),
    column("phase", "phase", wide=True),
    column("mission", "mission_id", "mission"),
    column("at", "created_at", "time"),
]


@page("/directives")
async def directives(visit: Visit) -> Response:
    """All directives, the sub-agents there are, and the last handoffs."""
    found = await visit.loop.list_directives(200)
    shown = [
        column("directive", "name", "linked"),
        column("title", "title", long=True),
        column("is", "status", "status"),
        column("phase", "current_phase"),
        column("held by", "session_id", wide=True),
        column("last handoff", "handoff_status", "status"),
        column("score", "score", number=True),
        column("needs", "threshold", number=True),
        column("changed", "updated_at", "time", wide=True),
    ]
    handoff = [column("directive", "sd_id", "directive"), *_HANDOFFS]
    return await show(
        visit,
        "list.html",
        heading="Directives",
        lead=None,
        tables=[
            table(
                shown,
                rows(
                    found,
                    name=lambda one: one.sd_key or one.sd_id,
                    href=lambda one: text.place("directive", one.sd_id),
                ),
                "There is no directive.",
            ),
            table(handoff, rows(await visit.loop.list_handoffs(limit=20)), "None was asked for.", "Handoffs"),
            table(
                [_AGENTS[0], column("executor", "executor", wide=True), *_AGENTS[1:]],
                rows(await visit.loop.list_sub_agents()),
                "There is no sub-agent.",
                "Sub-agents, with the last that each found",
            ),
        ],
    )


@page("/directives/{id:path}")
async def directive(visit: Visit) -> Response:
    """One directive."""
    found: dict[str, Any] = await visit.loop.show_directive(visit.request.path_params["id"])
    which = found["id"]
    reasons = await visit.loop.explain_directive(which)
    return await show(
        visit,
        "directive.html",
        d=found,
        reasons=[
            {
                "key": None,
                "step_id": None,
                "reason": r.reason,
                "code": None,
                "detail": r.detail,
                "frees": r.statement,
            }
            for r in reasons
        ],
        tables=[
            table(
                _HANDOFFS,
                rows(await visit.loop.list_handoffs(which, limit=50)),
                "None was asked for.",
                "Handoffs",
            ),
            table(_AGENTS, rows(await visit.loop.list_sub_agents(which)), "None has run.", "Sub-agents"),
        ],
    )
