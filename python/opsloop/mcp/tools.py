"""The tools of an agent: for each its name, what it is for, what it takes, and what it does."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from opsloop import jsonio
from opsloop.client import AsyncClient
from opsloop.errors import NotFound
from opsloop.results import Explanation, StepResult

Json = dict[str, Any]

LIST_LIMIT = 50
STEP_LIMIT = 100
REASON_LIMIT = 20
RESULT_LIMIT = 32 * 1024
"""Most bytes of results in an answer."""
WAIT_LIMIT = 60
"""Longest time that wait_for waits, seconds."""
TEXT_LIMIT = 500
"""Longest text in an answer; what is longer ends in …"""

_UUID = {
    "type": "string",
    "pattern": "^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$",
}
_DEDUPE_KEY = {
    "type": "string",
    "minLength": 1,
    "maxLength": 200,
    "description": "The same key again gives the first one: use it when you may call twice for the same thing.",
}
_STEP = {
    "type": "object",
    "additionalProperties": False,
    "required": ["kind"],
    "properties": {
        "key": {
            "type": "string",
            "pattern": "^[A-Za-z0-9_-]{1,64}$",
            "description": "Name of the step in this mission (default step_1, step_2 …).",
        },
        "kind": {
            "type": "string",
            "pattern": "^[A-Za-z0-9_.:-]{1,128}$",
            "description": "What kind of work.",
        },
        "executor": {
            "type": "string",
            "pattern": "^[A-Za-z0-9_.:-]{1,128}$",
            "description": "What runs it (default: the kind): command, http, sql, noop, or one of the team's.",
        },
        "params": {
            "type": "object",
            "description": 'What it is given; for command {"argv": ["program", "argument"]}, never a shell.',
        },
        "depends_on": {
            "type": "array",
            "maxItems": 50,
            "items": {"type": "string", "minLength": 1, "maxLength": 64},
            "description": "Keys of steps that come first (default: the step before it; [] for none).",
        },
        "max_retries": {"type": "integer", "minimum": 1, "maximum": 100},
        "timeout_seconds": {"type": "integer", "minimum": 1, "maximum": 604800},
        "on_failure": {"enum": ["fail", "continue", "isolate"]},
        "on_lease_lost": {"enum": ["retry", "hold"]},
    },
}


@dataclass(frozen=True, slots=True)
class Tool:
    """One tool. `run` gets a client in a transaction, the agent's role, and arguments that fit `schema`."""

    name: str
    title: str
    description: str
    schema: Json
    run: Callable[[AsyncClient, str, Json], Awaitable[Json]]
    reads_only: bool = True
    is_settled: Callable[[Json], bool] | None = None
    """For a tool that waits: whether this answer ends the waiting. It is asked anew until then, or until `seconds`."""


def source(role: str) -> str:
    """What stands as the source of everything that an agent of that role brings in."""
    return f"agent:{role}"


def _own_key(role: str, key: str | None) -> str | None:
    """A dedupe key among the agent's own, so that it cannot take the place of somebody else's event or proposal."""
    return None if key is None else f"{source(role)}:{key}"


def _object(required: tuple[str, ...] = (), **properties: Json) -> Json:
    return {
        "type": "object",
        "additionalProperties": False,
        "required": list(required),
        "properties": properties,
    }


def _picked(row: Any, *names: str) -> Json:
    """These fields of a record, without what is None; long texts cut."""
    found = {name: getattr(row, name) for name in names}
    return {name: _short(value) for name, value in found.items() if value is not None}


def _short(value: Any) -> Any:
    if isinstance(value, str) and len(value) > TEXT_LIMIT:
        return value[: TEXT_LIMIT - 1] + "…"
    return value


async def read_board(client: AsyncClient, role: str, given: Json) -> Json:
    """Ideas, proposals that wait for a person, and the newest missions."""
    limit = given.get("limit", 10)
    ideas = await client.list_radar(limit)
    waiting = [
        proposal
        for status in ("pending", "voting")
        for proposal in await client.list_proposals(limit, status)
    ]
    missions = await client.list_missions(limit)
    return {
        "role": role,
        "ideas": [_picked(idea, "title", "description", "status", "score", "source") for idea in ideas],
        "waiting_for_a_person": [
            _picked(one, "proposal_id", "title", "source", "risk_level", "reason", "created_at")
            for one in waiting[:limit]
        ],
        "missions": [
            _picked(one, "mission_id", "title", "status", "steps_total", "steps_open", "error", "created_at")
            for one in missions
        ],
    }


async def read_schedules(client: AsyncClient, _role: str, given: Json) -> Json:
    """What happens at given times, and when next."""
    return {
        "schedules": [
            {
                **_picked(
                    one, "name", "cron", "every_seconds", "timezone", "event_type", "enabled", "paused", "next_ticks",
                    "last_at", "last_outcome", "last_reason",
                ),
                **({"proposes": one.template.get("title")} if one.template else {}),
            }
            for one in await client.list_schedules(given.get("limit", 20))
        ]
    }  # fmt: skip


async def emit_event(client: AsyncClient, role: str, given: Json) -> Json:
    """Record that something happened."""
    event = await client.emit_event(
        given["type"],
        {**given.get("data", {}), "source": source(role)},
        dedupe_key=_own_key(role, given.get("dedupe_key")),
        mission_id=given.get("mission_id"),
    )
    return {
        "event_id": event,
        "next": "Recorded. If a reaction of the team matches it, a proposal is made of it and goes through policy.",
    }


_NEXT = {
    "pending": "It waits for a person, and nothing of it runs before one approves it. You cannot approve it. "
    "Do something else, and ask read_mission with this id later; do not propose it again.",
    "auto_approved": "Policy allows it: workers run it now. read_mission says how it goes.",
    "approved": "A person approved it: workers run it. read_mission says how it goes.",
    "rejected": "It was refused; reason says why. The same again will be refused again.",
    "expired": "It was decided too late and will not run.",
}
_NEXT["voting"] = _NEXT["pending"]


async def propose_mission(client: AsyncClient, role: str, given: Json) -> Json:
    """Put an intent before policy."""
    template = {name: value for name, value in given.items() if name != "dedupe_key"}
    made = await client.create_proposal(
        template, source=source(role), dedupe_key=_own_key(role, given.get("dedupe_key"))
    )
    return {
        **_picked(made, "proposal_id", "status", "mission_id", "reason"),
        "next": _NEXT[made.status],
    }


async def read_mission(client: AsyncClient, _role: str, given: Json) -> Json:
    """What became of a proposal or mission, and why it is not getting on."""
    proposals = await client.list_proposals(1, proposal_id=given["id"])
    mission_id = proposals[0].mission_id if proposals else given["id"]
    if mission_id is None:
        (proposal,) = proposals
        return {
            **_picked(proposal, "proposal_id", "title", "source", "status", "risk_level", "decided_by"),
            **await _cause(client, proposal.proposal_id),
            "why": _why(await client.explain_proposal(proposal.proposal_id)),
            "next": _NEXT[proposal.status],
        }
    missions = await client.list_missions(1, mission_id=mission_id)
    if not missions:
        raise NotFound(
            f"there is no proposal or mission {mission_id}",
            detail={"id": mission_id},
            hint="propose_mission and read_board give the ids there are.",
        )
    steps = await client.list_steps(mission_id, STEP_LIMIT)
    return {
        **_picked(
            missions[0], "mission_id", "proposal_id", "title", "status", "steps_total", "steps_open", "error"
        ),
        **await _cause(client, mission_id),
        "steps": [
            _picked(step, "step_id", "key", "kind", "executor", "status", "attempt", "last_error")
            for step in steps
        ],
        "results": _results(await client.mission_results(mission_id, STEP_LIMIT)),
        "why": _why(await client.explain_mission(mission_id)),
    }


async def _cause(client: AsyncClient, of: UUID | str) -> Json:
    """Why it was proposed, and what it came of."""
    return _picked(await client.explain_cause(of), "rationale", "refs", "caused_by")


def _results(results: list[StepResult]) -> Json:
    """What the steps returned, by key, until the answer is long enough; what is left out is named."""
    found: Json = {}
    room = RESULT_LIMIT
    left_out = []
    for one in results:
        size = len(jsonio.dumps(one.result))
        if one.is_whole and size <= room:
            room -= size
            if one.result is not None:
                found[one.key or str(one.step_id)] = one.result
        else:
            left_out.append(one.key or str(one.step_id))
    return {"by_step": found, **({"too_large": left_out} if left_out else {})}


async def read_policy(client: AsyncClient, role: str, _given: Json) -> Json:
    """What may run by itself, which commands there are, what is left of the budgets."""
    approves = await client.get_policy("auto_approve")
    works = await client.get_policy("worker_policy")
    asks = await client.get_policy("approval_rules")
    return {
        "role": role,
        "runs_by_itself": {
            "enabled": approves.get("enabled", False),
            "kinds": approves.get("allowed_step_kinds", []),
            "highest_risk": approves.get("max_risk_level", "low"),
        },
        "commands": works.get("command_allow", []),
        "presets": sorted(works.get("presets") or {}),
        "blocked_executors": works.get("blocked_executors") or [],
        "allowed_executors": works.get("allowed_executors"),
        "budgets": [
            _picked(one, "name", "cap", "used", "remaining", "window_end")
            for one in await client.list_budgets(source(role))
        ],
        "approval_rules": [
            {name: rule[name] for name in ("name", "when", "require", "expires_minutes") if name in rule}
            for rule in asks.get("rules") or []
        ],
        "next": "What runs by itself runs at once. Everything else waits for people, as approval_rules say.",
    }


async def withdraw(client: AsyncClient, role: str, given: Json) -> Json:
    """Take back a proposal of the agent's own that nobody has decided on."""
    done = await client.withdraw_proposal(given["id"], source(role), given.get("reason"))
    return {**_picked(done, "proposal_id", "status", "reason"), "next": "Taken back. It will not run."}


_ENDED = ("rejected", "expired", "succeeded", "failed", "cancelled")


def _has_ended(answer: Json) -> bool:
    return answer["status"] in _ENDED


def _why(reasons: list[Explanation]) -> list[Json]:
    return [_picked(one, "key", "status", "reason", "code", "detail") for one in reasons[:REASON_LIMIT]]


async def report_progress(client: AsyncClient, role: str, given: Json) -> Json:
    """Say how far work on a mission has come."""
    event = await client.emit_event(
        "agent:progress",
        {
            "source": source(role),
            "message": given["message"],
            **({"percent": given["percent"]} if "percent" in given else {}),
        },
        mission_id=given["mission_id"],
    )
    return {"event_id": event, "next": "Recorded as an event of the mission. It changes nothing that runs."}


TOOLS: dict[str, Tool] = {
    tool.name: tool
    for tool in (
        Tool(
            "read_board",
            "Read the board",
            "What goes on: ideas on the radar, proposals that wait for a person, and the newest missions with their "
            "status. Changes nothing. Read it before you propose, so as not to propose what is there.",
            _object(
                limit={
                    "type": "integer",
                    "minimum": 1,
                    "maximum": LIST_LIMIT,
                    "description": "Rows of each kind (default 10).",
                }
            ),
            read_board,
        ),
        Tool(
            "read_schedules",
            "Read the schedules",
            "What the team lets happen at given times: the event that each emits or the mission that it proposes, its "
            "next three times, and what became of the last. Changes nothing; you cannot set one. Read it before you "
            "propose what may come by itself.",
            _object(
                limit={
                    "type": "integer",
                    "minimum": 1,
                    "maximum": LIST_LIMIT,
                    "description": "Schedules (default 20).",
                }
            ),
            read_schedules,
        ),
        Tool(
            "emit_event",
            "Emit an event",
            "Record a fact, such as a failed deployment. Nothing runs because you say so: what happens next is up to "
            "the reactions that the team has written, and what they propose goes through policy. Its data gets your "
            "source.",
            _object(
                ("type",),
                type={
                    "type": "string",
                    "pattern": "^[^\\s\\x00-\\x1f\\x7f]{1,200}$",
                    "description": "Words joined by colons, such as deploy:failed.",
                },
                data={"type": "object", "maxProperties": 100, "description": "The facts (default {})."},
                dedupe_key=_DEDUPE_KEY,
                mission_id={**_UUID, "description": "The mission that it is about, if any."},
            ),
            emit_event,
            reads_only=False,
        ),
        Tool(
            "propose_mission",
            "Propose a mission",
            "Propose work: a graph of steps with exactly what each is to run. You do not run it and you cannot approve "
            "it. Policy answers at once: auto_approved (workers run it), pending (it waits for a person, who sees "
            "every command), or rejected (forbidden, or over a cap). Risk is judged by policy as well; declaring less "
            "changes nothing. Small missions with exact commands are approved soonest.",
            _object(
                ("title", "steps"),
                title={
                    "type": "string",
                    "minLength": 1,
                    "maxLength": 200,
                    "description": "What for, in a line.",
                },
                rationale={
                    "type": "string",
                    "minLength": 1,
                    "maxLength": 10000,
                    "description": "Why, for the person who decides.",
                },
                refs={
                    "type": "array",
                    "maxItems": 50,
                    "items": {"type": "string", "minLength": 1, "maxLength": 2000},
                    "description": "Links and ids to look at.",
                },
                risk_level={
                    "enum": ["low", "medium", "high"],
                    "description": "Your own estimate (default low).",
                },
                priority={"type": "integer", "minimum": -100, "maximum": 100},
                steps={"type": "array", "minItems": 1, "maxItems": 50, "items": _STEP},
                dedupe_key=_DEDUPE_KEY,
            ),
            propose_mission,
            reads_only=False,
        ),
        Tool(
            "read_mission",
            "Read a mission",
            "What became of a proposal or a mission, how each step stands, what it returned, and why it waits: for a "
            "person, for another step, for a worker, or because policy says so. caused_by has the event that led to it "
            "and how the steps of the mission before it ended. Changes nothing.",
            _object(("id",), id={**_UUID, "description": "The proposal_id or the mission_id."}),
            read_mission,
        ),
        Tool(
            "wait_for",
            "Wait for a mission",
            "Wait until a proposal is refused or expired, or its mission has ended, for so many seconds at most; then "
            "the answer is that of read_mission, whatever the status is by then. A person may take hours: do something "
            "else meanwhile.",
            _object(
                ("id",),
                id={**_UUID, "description": "The proposal_id or the mission_id."},
                seconds={
                    "type": "integer",
                    "minimum": 1,
                    "maximum": WAIT_LIMIT,
                    "description": f"Longest wait (default {WAIT_LIMIT}).",
                },
            ),
            read_mission,
            is_settled=_has_ended,
        ),
        Tool(
            "read_policy",
            "Read the policy",
            "What runs by itself, which commands may be proposed at all, what is left of your budgets, and where more "
            "than one person must decide. Changes nothing. Read it before you propose.",
            _object(),
            read_policy,
        ),
        Tool(
            "withdraw",
            "Withdraw a proposal",
            "Take back a proposal of your own that still waits: it will not run, and no longer counts against your "
            "budget. What was approved can only be cancelled by a person.",
            _object(
                ("id",),
                id={**_UUID, "description": "The proposal_id."},
                reason={"type": "string", "minLength": 1, "maxLength": 500, "description": "Why."},
            ),
            withdraw,
            reads_only=False,
        ),
        Tool(
            "report_progress",
            "Report progress",
            "Say how far you have come with something that belongs to a mission. It is recorded as the event "
            "agent:progress for people and reactions to see. It changes no step: steps are reported by the workers "
            "that run them.",
            _object(
                ("mission_id", "message"),
                mission_id={**_UUID, "description": "The mission it belongs to."},
                message={"type": "string", "minLength": 1, "maxLength": 2000},
                percent={"type": "number", "minimum": 0, "maximum": 100},
            ),
            report_progress,
            reads_only=False,
        ),
    )
}
