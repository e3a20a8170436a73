"""Missions, their steps and proposals: finding them, why they wait, and acting on one or on all that match."""

from __future__ import annotations

import time
from graphlib import CycleError, TopologicalSorter
from typing import Any
from urllib.parse import quote, urlencode

from starlette.responses import RedirectResponse, Response

from opsloop.errors import IllegalState, InvalidArgument, NotFound, TemplateChanged
from opsloop.results import Acted
from opsloop.serve.pages import ways
from opsloop.serve.pages.frame import action, page, show, then
from opsloop.serve.pages.lists import column, rows, table
from opsloop.serve.pages.visit import Blank, Visit

_PAGE = 50
_FIELDS = (
    "status", "title", "kind", "executor", "source", "error", "code", "group", "since", "until", "stuck", "before",
)  # fmt: skip
#: What an action is about at most, what of it a page shows, and what one call is given.
_MOST, _SHOWN, _PART = 1000, 200, 100
#: Seconds that one request acts; a button goes on with the rest.
_SECONDS = 10.0
_DEEPEST = 6


@page("/missions")
async def missions(visit: Visit) -> Response:
    """Missions that fit a filter, newest first."""
    wanted = visit.filter(*_FIELDS)
    found = await visit.loop.list_missions(_PAGE, filter=wanted or None)
    older = urlencode({**wanted, "before": str(found[-1].mission_id)}) if len(found) == _PAGE else ""
    wanted.pop("before", None)
    return await show(
        visit,
        "missions.html",
        filter=Blank(wanted),
        missions=found,
        next=f"/missions?{older}" if older else None,
    )


@page("/missions/{id}")
async def mission(visit: Visit) -> Response:
    """One mission, whole."""
    m = await visit.loop.show(visit.request.path_params["id"], "mission")
    steps = m["steps"]
    results = {one["key"]: one["result"] for one in steps}
    deep = depths({one["key"]: [key for key in one["depends_on"] if key in results] for one in steps})
    reasons: dict[str, set[str]] = {}
    for reason in m["reasons"]:
        if reason["step_id"]:
            reasons.setdefault(reason["step_id"], set()).add(reason["reason"])
    for one in steps:
        one.update(
            depth=min(deep[one["key"]], _DEEPEST),
            inputs={key: results[key] for key in one["depends_on"] if results.get(key) is not None},
            needs_person=(one.get("waits_for") or {}).get("what") == "person",
            unserved="no_worker" in reasons.get(one["id"], set()),
        )
    return await show(
        visit,
        "mission.html",
        m=m,
        paused=await _is_paused(visit, m["id"]),
        inbox={one["id"] for one in steps if "approval" in reasons.get(one["id"], set())},
    )


def depths(needs: dict[str, list[str]]) -> dict[str, int]:
    """How many steps stand before each at most: what a list is indented by, where there is no graph."""
    found: dict[str, int] = {}
    try:
        for key in TopologicalSorter(needs).static_order():
            found[key] = max((found[one] + 1 for one in needs[key]), default=0)
    except CycleError:
        # Rows that were written by hand.
        return dict.fromkeys(needs, 0)
    return found


async def _is_paused(visit: Visit, which: str) -> bool:
    return any(one.scope == "mission" and one.target == which for one in await visit.loop.list_pauses())


@page("/steps/{id}")
async def step(visit: Visit) -> Response:
    """The mission of a step, at that step."""
    found = await visit.loop.show(visit.request.path_params["id"], "step")
    return RedirectResponse(f"/missions/{found['mission_id']}#{found['id']}", 303)


@page("/proposals")
async def proposals(visit: Visit) -> Response:
    """Proposals that fit a filter, newest first."""
    wanted = visit.filter("title", "source", "risk", "code", "since", "until", "before")
    status = visit.asked("status") or None
    found = await visit.loop.list_proposals(_PAGE, status, filter=wanted or None)
    again = {**wanted, **({"status": status} if status else {})}
    older = urlencode({**again, "before": str(found[-1].proposal_id)}) if len(found) == _PAGE else ""
    wanted.pop("before", None)
    return await show(
        visit,
        "proposals.html",
        here="/missions",
        filter=Blank({**wanted, "status": status} if status else wanted),
        proposals=found,
        next=f"/proposals?{older}" if older else None,
    )


@page("/proposals/{id}")
async def proposal(visit: Visit) -> Response:
    """One proposal, and why it is not a mission yet."""
    found = await visit.loop.show(visit.request.path_params["id"], "proposal")
    return await show(visit, "proposal.html", here="/missions", m=found)


@action("/missions/cancel")
async def cancel(visit: Visit) -> Response:
    """Cancel one mission."""
    status = await visit.loop.cancel_mission(visit.asked("id"), actor=visit.name, reason=visit.reason)
    return then(visit, f"cancelled; the mission is {status}")


@action("/steps/act")
async def act_on_step(visit: Visit) -> Response:
    """Retry one step, or say how it ended."""
    which, what = visit.asked("id"), visit.asked("do")
    if digest := visit.asked("digest"):
        await visit.loop.as_shown(which, digest)
    if what == "retry":
        return then(
            visit, f"the step is {await visit.loop.retry_step(which, actor=visit.name)}", f"/steps/{which}"
        )
    if what == "by_hand":
        return await _done_by_hand(visit, which)
    status = await visit.loop.resolve_step(which, what, actor=visit.name, reason=visit.reason)
    return then(visit, f"the step has {status}", f"/steps/{which}")


async def _done_by_hand(visit: Visit, which: str) -> Response:
    """Say that a queued step which no worker takes was done by a person.

    Only a step that waits can be resolved, so its mission is paused, the step resolved, and the pause lifted, in one
    transaction: a worker that comes meanwhile finds it taken, or has it, and then this is refused.
    """
    found = await visit.loop.show(which, "step")
    mission = found["mission_id"]
    if await _is_paused(visit, mission):
        raise IllegalState("the mission is paused", hint="Resume it first.")
    await visit.loop.pause("mission", mission, actor=visit.name, reason=visit.reason)
    await visit.loop.resolve_step(
        which, "succeeded", actor=visit.name, reason=visit.reason, result={"by_hand": visit.reason}
    )
    await visit.loop.resume("mission", mission, actor=visit.name, reason=visit.reason)
    return then(visit, "the step has succeeded, by hand", f"/steps/{which}")


@action("/missions/act")
async def act_on_missions(visit: Visit) -> Response:
    """Show what would be acted on; then act on exactly that."""
    what = visit.asked("do")
    if what == "retry now":
        return await _carry_out(visit, "retry", _picked(visit))
    if what == "cancel now":
        return await _carry_out(visit, "cancel", _picked(visit))
    if what not in ("retry", "cancel"):
        raise InvalidArgument(f"there is no action {what}", hint="Use the buttons of the page.")
    ids = _picked(visit)
    wanted: dict[str, Any] = {"ids": ids} if ids else visit.filter(*_FIELDS)
    if not wanted:
        raise InvalidArgument("nothing was picked", hint="Tick missions, or filter.")
    return await _preview(visit, what, wanted)


def _picked(visit: Visit) -> list[str]:
    return [one for value in visit.all_asked("ids") for one in value.split(",") if one]


async def _preview(visit: Visit, verb: str, wanted: dict[str, Any]) -> Response:
    if verb == "cancel":
        found = await visit.loop.cancel_missions(wanted, _MOST, dry_run=True)
    else:
        steps: list[str] = []
        for one in await visit.loop.list_missions(_MOST, filter={"status": "failed", **wanted}):
            steps += [str(s.step_id) for s in await visit.loop.list_steps(one.mission_id, 1000, "failed")]
        found = await visit.loop.retry_steps({"ids": steps[:_MOST]}, _MOST, dry_run=True) if steps else []
    noun = "mission" if verb == "cancel" else "failed step"
    many = f"{len(found)} {noun}{'s' if len(found) != 1 else ''}"
    more = f" Of more that fit, these are the newest {_MOST}." if len(found) == _MOST else ""
    return await show(
        visit,
        "act.html",
        here="/missions",
        heading=f"{verb.capitalize()} {many}?" if found else f"Nothing to {verb}",
        lead=f"Nothing was changed so far.{more}" if found else f"No {noun} fits.",
        noun=noun,
        rows=_rows(found[:_SHOWN], verb),
        beyond=max(0, len(found) - _SHOWN),
        asks=f"{verb.capitalize()} {many}" if found else None,
        stops=verb == "cancel",
        action="/missions/act",
        fields={"ids": ",".join(str(one.id) for one in found), "do": f"{verb} now"},
        back="/missions",
    )


async def _carry_out(visit: Visit, verb: str, ids: list[str]) -> Response:
    """Act on these in parts; each call answers what it comes to, so what it left is given again."""
    answers: list[Acted] = []
    left = ids
    until = time.monotonic() + _SECONDS
    while left and time.monotonic() < until:
        part = {"ids": left[:_PART]}
        if verb == "cancel":
            said = await visit.loop.cancel_missions(
                part, _PART, dry_run=False, actor=visit.name, reason=visit.reason
            )
        else:
            said = await visit.loop.retry_steps(part, _PART, dry_run=False, actor=visit.name)
        answered = {str(one.id) for one in said}
        answers += said
        left = [one for one in left[:_PART] if one not in answered and answered] + left[_PART:]
    done = sum(bool(one.ok) for one in answers)
    refused = [one for one in answers if not one.ok]
    gone = len(ids) - len(answers) - len(left)
    said_of = [f"{done} done", f"{len(refused)} refused"]
    if gone:
        said_of.append(f"{gone} had moved on")
    return await show(
        visit,
        "act.html",
        here="/missions",
        heading=f"{verb.capitalize()}: {', '.join(said_of)}",
        lead="Of what was refused nothing was changed." if refused else "",
        noun="mission" if verb == "cancel" else "step",
        rows=_rows((refused or answers)[:_SHOWN], verb),
        beyond=max(0, len(refused or answers) - _SHOWN),
        asks=f"Go on with the other {len(left)}" if left else None,
        stops=verb == "cancel",
        action="/missions/act",
        fields={"ids": ",".join(left), "do": f"{verb} now"},
        back="/missions",
    )


def _rows(found: list[Acted], verb: str) -> list[dict[str, Any]]:
    return [
        {
            "id": one.id,
            "kind": "mission" if verb == "cancel" else "step",
            "title": one.title,
            "status": one.status or one.was,
            "ok": one.ok,
            "code": one.code,
            "reason": one.reason,
        }
        for one in found
    ]


@action("/free")
async def free(visit: Visit) -> Response:
    """Do what the loop says frees something, if it still says so."""
    which, statement = visit.asked("id"), visit.asked("statement")
    said = await _reasons(visit, which)
    way = ways.way(statement)
    # What a form says is not trusted: the loop itself must give this statement, now.
    if statement not in said or not way.runs:
        raise TemplateChanged("this is not, or no longer, what frees it", hint="Load the page again.")
    signed = {name: visit.name if name == "actor" else visit.reason for name in way.signed}
    answer = await getattr(visit.loop, way.call)(*way.arguments, **signed)
    told = answer if isinstance(answer, str) else "done"
    return then(visit, f"{way.label}: {told}")


async def _reasons(visit: Visit, which: str) -> set[str]:
    """The statements that the loop gives for a mission or a proposal."""
    several = await visit.loop.find_id(which, "mission|step|proposal")
    if not several:
        raise NotFound(f"nothing has the id {which}", hint="Load the page again.")
    found = several[0]
    ask = {
        "mission": visit.loop.explain_mission,
        "step": visit.loop.explain_step,
        "proposal": visit.loop.explain_proposal,
    }[found.what]
    return {one.frees.strip() for one in await ask(found.id) if one.frees}


@page("/find")
async def find(visit: Visit) -> Response:
    """Whatever an id is of."""
    given = visit.asked("id")
    found = await visit.loop.find_id(given) if given else []
    if len(found) == 1:
        return RedirectResponse(_where(found[0].what, found[0].id), 303)
    if not found:
        raise NotFound(f"nothing has the id {given}", hint="Give the whole id, or its last 8 digits or more.")
    return await show(
        visit,
        "list.html",
        here="/missions",
        heading=f"{given} is the end of several ids",
        lead=None,
        tables=[
            table(
                [
                    column("what", "what"),
                    column("id", "id", "linked"),
                    column("title", "title", long=True),
                    column("status", "status", "status"),
                    column("made", "created_at", "time"),
                ],
                rows(found, href=lambda one: _where(one.what, one.id)),
                "",
            )
        ],
    )


def _where(what: str, which: str) -> str:
    plural = {"mission": "missions", "step": "steps", "proposal": "proposals", "letter": "dead-letters",
              "directive": "directives"}.get(what)  # fmt: skip
    return f"/{plural}/{quote(which, safe='')}" if plural else f"/record/{what}/{quote(which, safe='')}"
