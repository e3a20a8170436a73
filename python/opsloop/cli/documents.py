"""What each command prints with --json, as types: tools/json_schemas.py makes `documents.json` of them.

Fields may be added by a release; none is taken away or changes its type before the next major one. A field that is
`NotRequired` is left out where it does not apply.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, NotRequired
from uuid import UUID

from typing_extensions import TypedDict

from opsloop import results
from opsloop.cli.dead import RedriveOutcome
from opsloop.cli.ps import View
from opsloop.cli.purge import Sum
from opsloop.fleet import Node, Told


class Changed(TypedDict):
    """Whether something of this name changed."""

    name: str
    changed: bool


class BulkDone(TypedDict):
    """What became of all that a filter matched, with --yes."""

    found: int
    done: int
    refused: list[results.Acted]


class StepStatus(TypedDict):
    """What became of one step."""

    step_id: UUID
    status: str


class MissionStatus(TypedDict):
    """What became of one mission."""

    mission_id: UUID
    status: str


class Followed(TypedDict):
    """What --wait came to."""

    proposal: results.ListedProposal
    mission: results.ListedMission | None
    results: list[results.StepResult]


class Layer(TypedDict):
    """Names of other documents, laid over a loop."""

    name: str
    schema: str | None
    """The schema of the loop that they lie over; null where they are not installed."""


class Straggler(TypedDict):
    """A transaction that had begun before a pause, and may still commit."""

    pid: int


class Paused(TypedDict):
    """What a pause covers."""

    scope: str
    target: str
    changed: bool
    ready: int
    """Ready steps that it covers."""
    parked: int
    could_still_commit: list[Straggler]


class Resumed(TypedDict):
    """What the end of a pause set going."""

    scope: str
    target: str
    changed: bool
    requeued: int
    still_paused: int
    """Steps that another pause covers."""
    remaining: int
    """Steps that are left to the heartbeats."""
    revoked: NotRequired[int]
    """Where it ended the kill switch: running steps that were taken back …"""
    held: NotRequired[int]
    """… and those of them that wait for a person."""


class Killed(TypedDict):
    """What the kill switch stopped."""

    epoch: int
    changed: bool
    revoked: int
    held: int
    remaining: int
    could_still_commit: list[Straggler]


class Queued(TypedDict):
    """What was queued anew, by what it is."""

    steps: int
    events: int
    reactions: int
    messages: int


class MayRunAgain(TypedDict):
    """Steps that may have run since the backup."""

    were_running: list[UUID] | None
    by_executor: dict[str, int]


class Restored(TypedDict):
    """What the end of a restore did."""

    epoch: int
    revoked: int
    held: int
    remaining: int
    queued: Queued
    may_run_again: MayRunAgain


class EndedSession(TypedDict):
    """A session that was ended."""

    pid: int
    was: str


class Drained(TypedDict):
    """Whether nothing runs any more."""

    drained: bool
    running: list[results.RunningStep]
    could_still_commit: list[Straggler]


class ArchivedLetter(TypedDict):
    """A letter of another system."""

    id: int
    dl_msg_id: str


class Emitted(TypedDict):
    """An event."""

    event_id: UUID


class Ingested(TypedDict):
    """What became of the lines."""

    emitted: int
    skipped: int


class Explained(TypedDict):
    """How something came about, and why it does not get on."""

    trail: NotRequired[list[results.Occurrence]]
    reasons: list[results.Explanation]


class Healthy(TypedDict):
    """How the loop is."""

    overview: results.Health
    checks: list[results.Check]


class Granted(TypedDict):
    """A vote that was given beforehand."""

    grant_id: UUID
    until: datetime
    uses: int


class Revoked(TypedDict):
    """The end of a grant."""

    grant_id: UUID
    revoked: bool
    """False where it had ended."""


class Reviewed(TypedDict):
    """A signature."""

    proposal_id: UUID
    still_needed: int


class HandoffAnswer(TypedDict):
    """What became of a handoff; where it was refused with code, message and hint."""

    success: bool


class Directive(TypedDict):
    """A directive: its columns, and what it waits for."""

    id: str
    handoffs: list[results.ListedHandoff]
    reasons: list[results.DirectiveReason]


class Written(TypedDict):
    """Files that were written."""

    directory: str
    files: list[str]


class TriggerResult(TypedDict):
    """What became of events."""

    events: int
    queued: int


class ReactionResult(TypedDict):
    """What became of reactions."""

    processed: int
    created: int


class LeaseResult(TypedDict):
    """What became of leases that were over."""

    requeued_steps: int
    failed_steps: int


class StaleResult(TypedDict):
    """What became of steps that stood still."""

    recovered: int


class PhaseError(TypedDict):
    """A phase that failed."""

    phase: str
    code: str
    message: str


class Turn(TypedDict):
    """A turn of the loop, as fn_heartbeat returns it."""

    ok: bool
    triggerResult: TriggerResult
    reactionResult: ReactionResult
    leaseResult: LeaseResult
    staleResult: StaleResult
    errors: NotRequired[list[PhaseError]]
    more: NotRequired[bool]
    """True when leases or timers are left that are due."""


class Seeded(TypedDict):
    """The default policies are in place."""

    seeded: bool


class InForce(TypedDict):
    """The version in force."""

    key: str
    version: int


class PolicyText(InForce):
    """A document, as it is in force."""

    value: dict[str, Any]


class ExportedFile(TypedDict):
    """The file that was written."""

    file: str
    changed: bool


class Shadows(TypedDict):
    """A document beside that in force, and what it would have decided."""

    shadow: results.PolicyShadow
    found: list[results.DryRun]


class EndedShadow(TypedDict):
    """The end of a shadow."""

    key: str
    ended: bool


class PurgeDone(TypedDict):
    """What a purge took away."""

    before: datetime
    how: str
    """count, delete, archive or export."""
    parts: dict[str, Sum]
    directory: NotRequired[str]
    files: NotRequired[int]


class RelayDone(TypedDict):
    """What a relay with --once or --drain did."""

    claimed: int
    outcomes: dict[str, int]
    claims_refused: NotRequired[dict[str, int]]


class Missing(TypedDict):
    """An executor that no live worker offers."""

    executor: str
    waiting: int


class WorkerDone(RelayDone):
    """What a worker with --once or --drain did."""

    phases_failed: NotRequired[dict[str, int]]
    missing_executors: list[Missing]


class Roles(TypedDict):
    """The roles of a loop."""

    schema: str
    roles: list[results.GroupRole]


class ShownSchedule(TypedDict):
    """A schedule and its past."""

    schedule: results.ListedSchedule
    ticks: list[results.Tick]


class Deleted(TypedDict):
    """A schedule that is gone."""

    name: str
    deleted: bool


class Installed(TypedDict):
    """Changes that were installed."""

    schema: str
    installed: list[str]


class TakenBack(TypedDict):
    """Changes that were taken back."""

    schema: str
    taken_back: list[str]


class SchemaStatus(TypedDict):
    """What is installed, against what this package has."""

    schema: str
    applied: list[str]
    pending: list[str]
    unknown: list[str]
    """Changes of a newer opsloop."""
    code_current: bool
    """Whether the routines are those of this package."""
    compatibility: int | None
    up_to_date: bool
    served: bool
    """Whether this package works on it."""
    package_compatibility: int


class Script(TypedDict):
    """What `migrate` would run."""

    schema: str
    sql: str


class Shown(TypedDict):
    """All that is on record of one thing, as fn_show returns it; the rest depends on what it is."""

    what: str
    id: str
    title: str | None
    status: str
    created_at: datetime
    reasons: NotRequired[list[Any]]
    trail: NotRequired[list[Any]]


class SubAgentRun(TypedDict):
    """A run of sub-agents, as fn_orchestrate_sub_agents answers; with --wait also their summary."""

    run_id: UUID
    sd_id: str
    phase: str
    proposal_id: UUID | None
    mission_id: UUID | None
    status: str
    reason: str | None
    agents: list[str]
    reused: dict[str, Any]
    idempotent_hit: bool


class Summary(TypedDict):
    """What sub-agents found in all, as fn_sub_agent_summary answers."""

    passed: bool
    score: float
    issues: list[str]
    warnings: list[str]
    verdict: str
    complete: bool
    run_id: UUID


class Up(TypedDict):
    """What `up` did before the loop runs."""

    schema: str
    was: str
    """installed, upgraded or up to date."""
    installed: list[str]
    policies: dict[str, int]
    """The new version of each document that the policy file changed."""
    schedules: dict[str, str]
    routes: int
    url: NotRequired[str]
    """With --serve: where it listens."""
    executors: list[str]


class Served(TypedDict):
    """Where `serve` listens."""

    url: str


class CreatedKey(TypedDict):
    """A key that was made."""

    key_id: UUID
    name: str
    role: str
    """The group whose rights it has."""
    login: str
    """The login that its calls count as."""
    created_at: datetime
    expires_at: datetime | None
    key: str
    """The key itself. It is shown this once, and kept nowhere."""


class ReplacedKey(CreatedKey):
    """A key that was made beside the one before."""

    old_expires_at: datetime
    """Until when the one before is valid, too."""


class RevokedKeys(TypedDict):
    """The end of all valid keys of a name."""

    name: str
    revoked: int


class FleetFront(TypedDict):
    """The front of a fleet."""

    schema: str


class AddedNode(TypedDict):
    """A node that was added, and what each node was told then."""

    node: int
    told: list[Told]


class DrainedNode(TypedDict):
    """A node that gets no new keys any more."""

    node: int
    open: int | None
    """Missions, proposals, events, reactions and messages that are open there; null where it does not answer."""
    finished: bool
    """Whether it was taken out of the fleet."""


class NodeLogin(TypedDict):
    """Whether the front has the password with which a login connects to the nodes."""

    login: str
    known: bool


# "from" is no name of a field in Python.
MoveState = TypedDict(
    "MoveState",
    {
        "move_id": UUID,
        "side": str,
        "phase": str,
        "in_force": bool,
        "from": str,
        "to": str,
        "begun_by": str,
        "begun_login": str,
        "reason": str | None,
        "begun_at": datetime,
        "closed_at": datetime | None,
        "leases_until": datetime | None,
        "ended_at": datetime | None,
        "running": int,
        "delivering": int,
        "changed": bool,
    },
)
MoveState.__doc__ = (
    "A move, as the side that answered knows it: source, the old server, or target, the new one."
)


class Sessions(TypedDict):
    """Sessions on the old server that have to be switched to the new one."""

    login: str
    application: str
    address: str | None
    sessions: int


MoveSurvey = TypedDict(
    "MoveSurvey",
    {
        "from": str,
        "to": str,
        "schema": str,
        "tables": int,
        "bytes": int,
        "seconds": int,
        "running": int,
        "settings": list[str],
        "sessions": list[Sessions],
    },
)
MoveSurvey.__doc__ = "With --dry-run: what would be moved, and about how long that takes."


class Copied(TypedDict):
    """What was copied; what an earlier call copied is left out."""

    bytes: NotRequired[int]
    """Of the dump, compressed."""
    seconds: NotRequired[float]
    tables: NotRequired[int]
    rows: NotRequired[int]


class Switch(TypedDict):
    """What is to be switched to the new server."""

    database_url: str
    """Without a password."""
    sessions: list[Sessions]
    settings: list[str]
    """Settings of the old database, which no dump has: to be set by hand."""


class Moved(TypedDict):
    """A loop that goes on at the new server."""

    move: MoveState
    copied: Copied
    switch: Switch


class MoveTakenBack(TypedDict):
    """With --take-back: the loop goes on at the old server."""

    move: MoveState


class Load(TypedDict):
    """What the shop of the demo was under."""

    transactions: int
    tps: int


class Demo(TypedDict):
    """The result of the demo."""

    ok: bool
    problems: list[str]
    seconds: float
    load: Load
    missions: list[dict[str, Any]]
    figures: list[dict[str, Any]]
    waiting: list[dict[str, Any]]


#: Documents that have more fields than are named here, which depend on what they are of.
OPEN = (Directive, HandoffAnswer, Shown, Straggler, SubAgentRun, Summary)

Bulk = list[results.Acted] | BulkDone
#: What `list` lists.
Listed = (
    list[results.ListedWorker]
    | list[results.ListedMessage]
    | list[results.ListedLock]
    | list[results.ListedDirective]
    | list[results.ListedSubAgent]
    | list[results.ListedIdea]
    | list[results.Rate]
)

#: By command; None: it prints no document.
DOCUMENTS: dict[str, Any] = {
    "approve": results.Proposal | Followed | list[results.Decided],
    "break-glass": results.Proposal,
    "cancel": MissionStatus | Bulk,
    "check": list[results.Broken],
    "compat install": Layer,
    "compat list": list[Layer],
    "compat remove": Layer,
    "dead archive": ArchivedLetter,
    "dead list": list[results.DeadLetter] | list[results.FailureGroup],
    "dead redrive": list[RedriveOutcome],
    "dead show": results.DeadLetter,
    "demo": Demo,
    "directive show": Directive,
    "drain": Drained,
    "emit": Emitted,
    "end-session": EndedSession,
    "explain": Explained,
    "after-restore": Restored,
    "fleet add": AddedNode,
    "fleet drain": DrainedNode,
    "fleet install": FleetFront,
    "fleet login": NodeLogin,
    "fleet remove": FleetFront,
    "fleet status": list[Node],
    "fleet sync": list[Told],
    "grant": Granted,
    "grants": list[results.Grant],
    "handoff execute": HandoffAnswer,
    "handoff list": list[results.ListedHandoff],
    "health": Healthy,
    "heartbeat": Turn,
    "inbox": list[results.InboxEntry],
    "ingest": Ingested,
    "init": Written,
    "key create": CreatedKey,
    "key list": list[results.ApiKey],
    "key revoke": RevokedKeys,
    "key rotate": ReplacedKey,
    "kill": Killed,
    "list": Listed,
    "mcp": None,
    "metrics": list[results.Metric],
    "migrate": Installed,
    "move": MoveSurvey | Moved | MoveTakenBack,
    "pause": Paused | list[results.Pause],
    "policy agree": dict[str, str | None],
    "policy apply": dict[str, Any],
    "policy diff": list[results.PolicyChange],
    "policy end-shadow": EndedShadow,
    "policy export": dict[str, Any] | ExportedFile,
    "policy get": PolicyText,
    "policy history": list[results.PolicyVersion],
    "policy rollback": InForce,
    "policy schema": dict[str, Any],
    "policy set": InForce,
    "policy shadow": dict[str, bool],
    "policy shadows": list[Shadows],
    "policy test": list[results.PolicyTest],
    "policy try": list[results.DryRun],
    "propose": results.Proposal | Followed,
    "ps": View,
    "purge": PurgeDone,
    "reject": results.Proposal | list[results.Decided],
    "relay": RelayDone,
    "resolve": StepStatus | Bulk,
    "resume": Resumed,
    "retry": StepStatus | Bulk,
    "review": Reviewed,
    "revoke": Revoked,
    "roles": Roles,
    "rollback": TakenBack,
    "schedule backfill": list[results.Tick],
    "schedule delete": Deleted,
    "schedule disable": Changed,
    "schedule enable": Changed,
    "schedule list": list[results.ListedSchedule],
    "schedule run": results.Tick,
    "schedule set": results.ScheduleSet,
    "schedule show": ShownSchedule,
    "schema": dict[str, Any],
    "seed": Seeded,
    "serve": Served,
    "show": Shown,
    "sql": Script,
    "stats": list[results.Stats],
    "status": SchemaStatus,
    "subagents run": SubAgentRun,
    "subagents summary": Summary,
    "top": None,
    "up": Up,
    "withdraw": results.Proposal,
    "worker": WorkerDone,
}
