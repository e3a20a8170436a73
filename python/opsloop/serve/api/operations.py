"""Every operation of the API, in the order in which the document lists them."""

from __future__ import annotations

from typing import Any

from opsloop.errors import UnknownSchedule
from opsloop.results import (
    Acted,
    Check,
    DeadLetter,
    Decided,
    DryRun,
    Explanation,
    FailureGroup,
    InboxEntry,
    ListedIdea,
    ListedMission,
    ListedProposal,
    ListedSchedule,
    ListedStep,
    Occurrence,
    Pause,
    PolicyChange,
    PolicyDocument,
    PolicyVersion,
    Proposal,
    Redriven,
    RedrivenLetter,
    ScheduleSet,
    Tick,
)
from opsloop.serve.api.operation import (
    DOCUMENT,
    FLAG,
    ID,
    REASON,
    TEXT,
    TIME,
    Json,
    Operation,
    fields,
    one_of,
    several,
    whole,
)
from opsloop.serve.serving import ActingClient

_PAGE: Json = {"limit": whole(1, 1000, 50)}
_PAGES: Json = {**_PAGE, "cursor": ID}
_TIMES: Json = {"since": TIME, "until": TIME}
_BULK: Json = {"limit": whole(1, 1000, 100), "dry_run": {**FLAG, "default": True}}
_ITEM: Json = {"id": ID}
_NAMED: Json = {"name": TEXT}
_KEYED: Json = {"key": TEXT}
_ID_OR_END: Json = {"id": {"type": "string", "pattern": "^[0-9a-fA-F-]{8,36}$"}}
_EVENT = fields("type", type=TEXT, data=DOCUMENT, dedupe_key=TEXT, mission_id=ID)
_EVENTS = fields("events", events=several(_EVENT, 1000))
_MISSION_FILTER: Json = {
    "status": one_of("approved", "running", "succeeded", "failed", "cancelled", "open"),
    "kind": TEXT,
    "executor": TEXT,
    "source": TEXT,
    "title": TEXT,
    "error": TEXT,
    "code": TEXT,
    "group": TEXT,
    "stuck": FLAG,
    **_TIMES,
}
_STEP_FILTER: Json = {
    "status": one_of(
        "blocked", "queued", "running", "waiting", "succeeded", "failed", "cancelled", "skipped", "open"
    ),
    "kind": TEXT,
    "executor": TEXT,
    "source": TEXT,
    "mission_id": ID,
    "key": TEXT,
    "error": TEXT,
    "code": TEXT,
    "group": TEXT,
    **_TIMES,
}
_PROPOSAL_FILTER: Json = {"source": TEXT, "title": TEXT, "risk": TEXT, "code": TEXT, **_TIMES}
_PROPOSAL_STATUS = one_of("pending", "voting", "approved", "auto_approved", "rejected", "expired")
_LETTER_FILTER: Json = {
    "what": one_of("step", "reaction", "outbox", "other"),
    "executor": TEXT,
    "kind": TEXT,
    "event_type": TEXT,
    "pattern": TEXT,
    "mission_id": ID,
    "reason": TEXT,
    **_TIMES,
}
_INBOX_FILTER: Json = {
    "what": one_of("proposal", "step"),
    "source": TEXT,
    "kind": TEXT,
    "risk": TEXT,
    "title": TEXT,
    **_TIMES,
}
_SCOPE = one_of("all", "executor", "agent", "kind", "source", "mission", "schedule")


def _filter(a: Json, names: Json) -> Json:
    """The filter of a list, with the place where its next page begins."""
    chosen = {name: a[name] for name in names if name in a}
    return {**chosen, "before": a["cursor"]} if "cursor" in a else chosen


async def _emit(loop: ActingClient, a: Json) -> Json:
    # One event by itself is what a webhook sends; its timestamp is in the header, too.
    events = a.get("events") or [{name: a[name] for name in _EVENT["properties"] if name in a}]
    key = a["idempotency_key"]
    if key is not None:
        own = f"http:{loop.caller.login}:{key}"
        events = [{"dedupe_key": f"{own}:{number}", **event} for number, event in enumerate(events)]
    return {"ids": await loop.emit_events(events)}


async def _propose(loop: ActingClient, a: Json) -> Proposal:
    key = a["idempotency_key"]
    own = None if key is None else f"http:{loop.caller.login}:{key}"
    return await loop.create_proposal(
        a["template"], source=a.get("source"), dedupe_key=a.get("dedupe_key", own)
    )


async def _explain(loop: ActingClient, a: Json) -> list[Explanation]:
    """The object with this id."""
    what = "mission|proposal|step"
    found = await loop.find_id(a["id"], what)
    if len(found) != 1:
        # It says which of many, or that there is none; of a whole one that is not there only the rest can tell.
        return await loop.explain_mission(await loop.whole_id(a["id"], what))
    explain = {"mission": loop.explain_mission, "proposal": loop.explain_proposal, "step": loop.explain_step}
    return await explain[found[0].what](found[0].id)


async def _show(loop: ActingClient, a: Json, what: str | None = None) -> Json:
    return await loop.show(a["id"], what)


async def _policy(loop: ActingClient, a: Json) -> PolicyDocument:
    await loop.get_policy(a["key"])
    return next(one for one in await loop.list_policies() if one.key == a["key"])


async def _schedule(loop: ActingClient, a: Json) -> ListedSchedule:
    found = await loop.list_schedules(1, a["name"])
    if not found:
        raise UnknownSchedule(f"there is no schedule {a['name']!r}", hint="GET /api/v1/schedules lists them.")
    return found[0]


API: list[Operation] = [
    # signals and intents
    Operation(
        "POST",
        "/api/v1/events",
        "fn_emit_events",
        "Emit events, all or none. A webhook that is signed needs no key",
        _emit,
        dict[str, list[str]],
        body={"anyOf": [_EVENTS, {**_EVENT, "properties": {**_EVENT["properties"], "timestamp": TIME}}]},
        status=201,
        repeats="key",
    ),
    Operation(
        "GET",
        "/api/v1/proposals",
        "fn_list_proposals",
        "List proposals, newest first",
        lambda loop, a: loop.list_proposals(a["limit"], a.get("status"), filter=_filter(a, _PROPOSAL_FILTER)),
        ListedProposal,
        query={"status": _PROPOSAL_STATUS, **_PROPOSAL_FILTER, **_PAGES},
        cursor="proposal_id",
        is_page=True,
    ),
    Operation(
        "POST",
        "/api/v1/proposals",
        "fn_create_proposal",
        "Propose a mission; policy lets it run, leaves it to a person, or rejects it",
        _propose,
        Proposal,
        body=fields("template", template=DOCUMENT, source=TEXT, dedupe_key=TEXT),
        status=201,
        repeats="key",
    ),
    Operation(
        "GET",
        "/api/v1/proposals/{id}",
        "fn_show",
        "Show all that is on record of a proposal",
        lambda loop, a: _show(loop, a, "proposal"),
        dict,
        path_schemas=_ID_OR_END,
    ),
    Operation(
        "POST",
        "/api/v1/proposals/{id}/withdraw",
        "fn_withdraw_proposal",
        "Take back what this login proposed and nobody has decided on",
        lambda loop, a: loop.withdraw_proposal(a["id"], a.get("source"), a.get("reason")),
        Proposal,
        path_schemas=_ITEM,
        body=fields(source=TEXT, reason=REASON),
    ),
    Operation(
        "POST",
        "/api/v1/proposals/{id}/votes",
        "fn_cast_vote",
        "Cast the vote of an agent role; votes advise",
        lambda loop, a: loop.cast_vote(a["id"], a["agent_role"], a["vote"], a.get("reason")),
        Proposal,
        path_schemas=_ITEM,
        body=fields(
            "agent_role vote", agent_role=TEXT, vote=one_of("approve", "reject", "abstain"), reason=REASON
        ),
    ),
    # decisions
    Operation(
        "GET",
        "/api/v1/inbox",
        "fn_inbox",
        "List what waits for a person, oldest first, each with exactly what would run",
        lambda loop, a: loop.inbox(a["limit"], _filter(a, _INBOX_FILTER)),
        InboxEntry,
        query={**_INBOX_FILTER, **_PAGE},
        is_page=True,
    ),
    Operation(
        "POST",
        "/api/v1/decisions",
        "fn_decide",
        "Approve or reject what the inbox showed, each answered by itself",
        lambda loop, a: loop.decide(a["decisions"]),
        list[Decided],
        body=fields(
            "decisions",
            decisions=several(
                fields(
                    "id decision digest",
                    id=ID,
                    decision=one_of("approve", "reject"),
                    digest={"type": "string", "minLength": 1, "maxLength": 64},
                    reason=REASON,
                ),
                200,
            ),
        ),
    ),
    # missions and steps
    Operation(
        "GET",
        "/api/v1/missions",
        "fn_list_missions",
        "List missions, newest first",
        lambda loop, a: loop.list_missions(a["limit"], filter=_filter(a, _MISSION_FILTER)),
        ListedMission,
        query={**_MISSION_FILTER, **_PAGES},
        cursor="mission_id",
        is_page=True,
    ),
    Operation(
        "GET",
        "/api/v1/missions/{id}",
        "fn_show",
        "Show all that is on record of a mission",
        lambda loop, a: _show(loop, a, "mission"),
        dict,
        path_schemas=_ID_OR_END,
    ),
    Operation(
        "GET",
        "/api/v1/missions/{id}/steps",
        "fn_list_steps",
        "List the steps of a mission, in their order",
        lambda loop, a: loop.list_steps(a["id"], a["limit"]),
        ListedStep,
        path_schemas=_ITEM,
        query={"limit": whole(1, 1000, 1000)},
        is_page=True,
    ),
    Operation(
        "POST",
        "/api/v1/missions/{id}/cancel",
        "fn_cancel_mission",
        "Cancel what has not started, and ask what runs to stop",
        lambda loop, a: _status(loop.cancel_mission(a["id"], reason=a.get("reason"))),
        dict[str, str],
        path_schemas=_ITEM,
        body=fields(reason=REASON),
    ),
    Operation(
        "POST",
        "/api/v1/missions/cancel",
        "fn_cancel_missions",
        "Cancel all open missions that a filter matches; a dry run unless told otherwise",
        lambda loop, a: loop.cancel_missions(
            a.get("filter"), a.get("limit"), a.get("dry_run", True), reason=a.get("reason")
        ),
        list[Acted],
        body=fields(filter=fields(**_MISSION_FILTER), reason=REASON, **_BULK),
    ),
    Operation(
        "GET",
        "/api/v1/steps",
        "fn_list_steps",
        "List steps, newest first",
        lambda loop, a: loop.list_steps(None, a["limit"], filter=_filter(a, _STEP_FILTER)),
        ListedStep,
        query={**_STEP_FILTER, **_PAGES},
        cursor="step_id",
        is_page=True,
    ),
    Operation(
        "GET",
        "/api/v1/steps/{id}",
        "fn_show",
        "Show all that is on record of a step",
        lambda loop, a: _show(loop, a, "step"),
        dict,
        path_schemas=_ID_OR_END,
    ),
    Operation(
        "POST",
        "/api/v1/steps/{id}/retry",
        "fn_retry_step",
        "Run a failed, cancelled or parked step again",
        lambda loop, a: _status(loop.retry_step(a["id"])),
        dict[str, str],
        path_schemas=_ITEM,
    ),
    Operation(
        "POST",
        "/api/v1/steps/{id}/resolve",
        "fn_resolve_step",
        "Say what became of a step whose outcome is unknown",
        lambda loop, a: _status(
            loop.resolve_step(a["id"], a["outcome"], reason=a.get("reason"), result=a.get("result"))
        ),
        dict[str, str],
        path_schemas=_ITEM,
        body=fields("outcome", outcome=one_of("succeeded", "failed"), reason=REASON, result={}),
    ),
    Operation(
        "POST",
        "/api/v1/steps/retry",
        "fn_retry_steps",
        "Run all steps again that a filter matches; a dry run unless told otherwise",
        lambda loop, a: loop.retry_steps(a.get("filter"), a.get("limit"), a.get("dry_run", True)),
        list[Acted],
        body=fields(filter=fields(**_STEP_FILTER), **_BULK),
    ),
    Operation(
        "POST",
        "/api/v1/steps/resolve",
        "fn_resolve_steps",
        "Say how all waiting steps ended that a filter matches; a dry run unless told otherwise",
        lambda loop, a: loop.resolve_steps(
            a["filter"], a["outcome"], a.get("limit"), a.get("dry_run", True), reason=a.get("reason")
        ),
        list[Acted],
        body=fields(
            "filter outcome",
            filter=fields(**_STEP_FILTER),
            outcome=one_of("succeeded", "failed"),
            reason=REASON,
            **_BULK,
        ),
    ),
    # why
    Operation(
        "GET",
        "/api/v1/explain/{id}",
        "fn_explain_mission",
        "Say why a mission, step or proposal is not getting on, and what frees it",
        _explain,
        list[Explanation],
        path_schemas=_ID_OR_END,
    ),
    Operation(
        "GET",
        "/api/v1/trail/{id}",
        "fn_trail",
        "Tell how a mission, proposal, step or event came about, and what came of it",
        lambda loop, a: loop.trail(a["id"]),
        list[Occurrence],
        path_schemas=_ITEM,
    ),
    Operation(
        "GET",
        "/api/v1/show/{id}",
        "fn_show",
        "Show all that is on record of one thing, whatever its id is of",
        _show,
        dict,
        path_schemas=_ID_OR_END,
    ),
    # policy
    Operation(
        "GET",
        "/api/v1/policies",
        "fn_list_policies",
        "List the policy documents in force",
        lambda loop, _a: loop.list_policies(),
        list[PolicyDocument],
    ),
    Operation(
        "GET",
        "/api/v1/policies/{key}",
        "fn_get_policy",
        "Show a policy document in force",
        _policy,
        PolicyDocument,
        path_schemas=_KEYED,
    ),
    Operation(
        "PUT",
        "/api/v1/policies/{key}",
        "fn_set_policy",
        "Put a version of a policy document in force",
        lambda loop, a: _version(
            loop.set_policy(
                a["key"],
                a["value"],
                expected_version=a.get("expected_version"),
                reason=a.get("reason"),
            )
        ),
        dict[str, int],
        path_schemas=_KEYED,
        body=fields("value", value=DOCUMENT, expected_version=whole(0, 2**31 - 1), reason=REASON),
    ),
    Operation(
        "GET",
        "/api/v1/policies/{key}/history",
        "fn_policy_history",
        "List the versions of a policy document, newest first",
        lambda loop, a: loop.policy_history(a["key"], a["limit"]),
        PolicyVersion,
        path_schemas=_KEYED,
        query=_PAGE,
        is_page=True,
    ),
    Operation(
        "GET",
        "/api/v1/policies/{key}/diff",
        "fn_diff_policy",
        "List what differs between two versions",
        lambda loop, a: loop.diff_policy(a["key"], a.get("from"), a.get("to")),
        list[PolicyChange],
        path_schemas=_KEYED,
        query={"from": whole(1, 2**31 - 1), "to": whole(1, 2**31 - 1)},
    ),
    Operation(
        "POST",
        "/api/v1/policies/{key}/dry-run",
        "fn_dry_run_policy",
        "List what a document would have decided; nothing changes",
        lambda loop, a: loop.dry_run_policy(a["key"], a["value"], a.get("since"), a.get("limit")),
        list[DryRun],
        path_schemas=_KEYED,
        body=fields("value", value=DOCUMENT, since=TIME, limit=whole(1, 1000)),
        reads=True,
    ),
    Operation(
        "POST",
        "/api/v1/policies/{key}/rollback",
        "fn_rollback_policy",
        "Put what an earlier version says in force as a new one",
        lambda loop, a: _version(loop.rollback_policy(a["key"], a["version"], reason=a.get("reason"))),
        dict[str, int],
        path_schemas=_KEYED,
        body=fields("version", version=whole(1, 2**31 - 1), reason=REASON),
    ),
    # schedules
    Operation(
        "GET",
        "/api/v1/schedules",
        "fn_list_schedules",
        "List schedules, each with its next three ticks",
        lambda loop, a: loop.list_schedules(a["limit"]),
        ListedSchedule,
        query=_PAGE,
        is_page=True,
    ),
    Operation(
        "GET",
        "/api/v1/schedules/{name}",
        "fn_list_schedules",
        "Show a schedule",
        _schedule,
        ListedSchedule,
        path_schemas=_NAMED,
    ),
    Operation(
        "PUT",
        "/api/v1/schedules/{name}",
        "fn_set_schedule",
        "Make a schedule or replace it",
        lambda loop, a: loop.set_schedule(a["name"], a["schedule"], reason=a.get("reason")),
        ScheduleSet,
        path_schemas=_NAMED,
        body=fields("schedule", schedule=DOCUMENT, reason=REASON),
    ),
    Operation(
        "DELETE",
        "/api/v1/schedules/{name}",
        "fn_delete_schedule",
        "Delete a schedule; what came of it stays",
        lambda loop, a: _nothing(loop.delete_schedule(a["name"])),
        dict,
        path_schemas=_NAMED,
    ),
    Operation(
        "POST",
        "/api/v1/schedules/{name}/enable",
        "fn_enable_schedule",
        "Let a schedule tick from now on",
        lambda loop, a: _changed(loop.enable_schedule(a["name"], reason=a.get("reason"))),
        dict[str, bool],
        path_schemas=_NAMED,
        body=fields(reason=REASON),
    ),
    Operation(
        "POST",
        "/api/v1/schedules/{name}/disable",
        "fn_disable_schedule",
        "Let a schedule tick no more",
        lambda loop, a: _changed(loop.disable_schedule(a["name"], reason=a.get("reason"))),
        dict[str, bool],
        path_schemas=_NAMED,
        body=fields(reason=REASON),
    ),
    Operation(
        "POST",
        "/api/v1/schedules/{name}/run",
        "fn_run_schedule",
        "Let a schedule tick once, now",
        lambda loop, a: loop.run_schedule(a["name"], reason=a.get("reason")),
        Tick,
        path_schemas=_NAMED,
        body=fields(reason=REASON),
        repeats="refused",
    ),
    Operation(
        "GET",
        "/api/v1/schedules/{name}/ticks",
        "fn_list_schedule_ticks",
        "List what became of the ticks of a schedule, the last taken first",
        lambda loop, a: loop.list_schedule_ticks(a["name"], a["limit"]),
        Tick,
        path_schemas=_NAMED,
        query=_PAGE,
        is_page=True,
    ),
    # what gave up
    Operation(
        "GET",
        "/api/v1/dead-letters",
        "fn_list_dead_letters",
        "List dead letters, newest first",
        lambda loop, a: loop.list_dead_letters(_filter(a, {**_LETTER_FILTER, "redriven": FLAG}), a["limit"]),
        DeadLetter,
        query={**_LETTER_FILTER, "redriven": FLAG, **_PAGE},
        is_page=True,
    ),
    Operation(
        "GET",
        "/api/v1/dead-letters/groups",
        "fn_group_failures",
        "Group dead letters that gave up in the same way",
        lambda loop, a: loop.group_failures(_filter(a, _LETTER_FILTER), a["limit"]),
        FailureGroup,
        query={**_LETTER_FILTER, **_PAGE},
        is_page=True,
    ),
    Operation(
        "POST",
        "/api/v1/dead-letters/redrive",
        "fn_redrive_dead_letters",
        "Put back to work all dead letters that a filter matches; a dry run unless told otherwise",
        lambda loop, a: loop.redrive_dead_letters(a.get("filter"), a.get("limit"), a.get("dry_run", True)),
        list[RedrivenLetter],
        body=fields(filter=fields(dl_msg_id=TEXT, **_LETTER_FILTER), **_BULK),
    ),
    Operation(
        "POST",
        "/api/v1/dead-letters/{id}/redrive",
        "fn_redrive_dead_letter",
        "Put back to work what a dead letter is about, exactly once",
        lambda loop, a: loop.redrive_dead_letter(a["id"]),
        Redriven,
        path_schemas={"id": TEXT},
    ),
    # ideas
    Operation(
        "GET",
        "/api/v1/radar",
        "fn_list_radar",
        "List the ideas on the radar, highest score first",
        lambda loop, a: loop.list_radar(a["limit"], a.get("status")),
        ListedIdea,
        query={"status": one_of("watching", "validating", "building", "shipped"), **_PAGE},
        is_page=True,
    ),
    Operation(
        "POST",
        "/api/v1/radar",
        "fn_radar_upsert",
        "Put ideas on the radar, or update those of the same title",
        lambda loop, a: _count(loop.radar_upsert(a["ideas"])),
        dict[str, int],
        body=fields("ideas", ideas=several(DOCUMENT, 1000)),
    ),
    # stop and go
    Operation(
        "GET",
        "/api/v1/pauses",
        "fn_list_pauses",
        "List what is paused, by whom and why",
        lambda loop, _a: loop.list_pauses(),
        list[Pause],
    ),
    Operation(
        "POST",
        "/api/v1/pauses",
        "fn_pause",
        "Stop steps from starting: all, or those of one executor, agent, kind, source or mission; or a schedule",
        lambda loop, a: loop.pause(a["scope"], a.get("target"), reason=a.get("reason")),
        dict,
        body=fields("scope", scope=_SCOPE, target=TEXT, reason=REASON),
    ),
    Operation(
        "POST",
        "/api/v1/pauses/lift",
        "fn_resume",
        "Lift a pause; all ends the kill switch too",
        lambda loop, a: loop.resume(a["scope"], a.get("target"), reason=a.get("reason")),
        dict,
        body=fields("scope", scope=_SCOPE, target=TEXT, reason=REASON),
    ),
    Operation(
        "POST",
        "/api/v1/kill",
        "fn_kill_switch",
        "Stop everything at once: nothing starts until the pause of all is lifted, and all leases are void",
        lambda loop, a: loop.kill_switch(reason=a["reason"]),
        dict,
        body=fields("reason", reason={**REASON, "minLength": 1}),
    ),
    # how it is doing
    Operation(
        "GET",
        "/api/v1/checks",
        "fn_check_health",
        "List every health check with ok, warn or fail, and what to do",
        lambda loop, _a: loop.check_health(),
        list[Check],
    ),
    Operation(
        "GET",
        "/api/v1/overview",
        "fn_overview",
        "Take one look at the loop: counts, stuck missions, executors, and what waits",
        lambda loop, a: loop.overview(a["limit"]),
        dict,
        query={"limit": whole(1, 1000, 20)},
    ),
]


async def _status(done: Any) -> Json:
    return {"status": await done}


async def _version(done: Any) -> Json:
    return {"version": await done}


async def _changed(done: Any) -> Json:
    return {"changed": await done}


async def _count(done: Any) -> Json:
    return {"count": await done}


async def _nothing(done: Any) -> Json:
    await done
    return {}
