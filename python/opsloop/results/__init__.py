"""What the functions of the loop return, as small frozen records named after their columns, by area."""

from __future__ import annotations

from opsloop.results.approvals import BrokenGlass, Grant
from opsloop.results.control import Decided, InboxEntry, Pause
from opsloop.results.events import ListedIdea, Reactions, Triggers
from opsloop.results.explain import Cause, Explanation, FoundId, Occurrence, Span, TraceContext
from opsloop.results.keys import ApiKey, Asked, NewKey, RotatedKey, SignIn
from opsloop.results.locks import Idempotent, ListedLock
from opsloop.results.missions import Acted, ListedMission, Stuck
from opsloop.results.ops import (
    Broken,
    Check,
    GroupRole,
    Health,
    ListedWorker,
    Metric,
    Rate,
    Stats,
    Stranded,
)
from opsloop.results.outbox import Delivery, ListedMessage, OutboxClaim, OutboxEvent, OutboxOutcome
from opsloop.results.policy import (
    DryRun,
    PolicyChange,
    PolicyDocument,
    PolicyShadow,
    PolicyTest,
    PolicyVersion,
)
from opsloop.results.proposals import Budget, Gate, ListedProposal, Proposal
from opsloop.results.replay import DeadLetter, FailureGroup, Recorded, Redriven, RedrivenLetter
from opsloop.results.retention import Purge, PurgedRow
from opsloop.results.rows import record, show_unreadable
from opsloop.results.schedules import AppliedSchedule, ListedSchedule, ScheduleSet, Tick
from opsloop.results.steps import (
    ClaimedStep,
    Lease,
    ListedStep,
    MissingExecutor,
    Recovered,
    RunningStep,
    StepOutcome,
    StepResult,
)
from opsloop.results.transitions import DirectiveReason, ListedDirective, ListedHandoff, ListedSubAgent

__all__ = [
    "Acted",
    "ApiKey",
    "AppliedSchedule",
    "Asked",
    "Broken",
    "BrokenGlass",
    "Budget",
    "Cause",
    "Check",
    "ClaimedStep",
    "DeadLetter",
    "Decided",
    "Delivery",
    "DirectiveReason",
    "DryRun",
    "Explanation",
    "FailureGroup",
    "FoundId",
    "Gate",
    "Grant",
    "GroupRole",
    "Health",
    "Idempotent",
    "InboxEntry",
    "Lease",
    "ListedDirective",
    "ListedHandoff",
    "ListedIdea",
    "ListedLock",
    "ListedMessage",
    "ListedMission",
    "ListedProposal",
    "ListedSchedule",
    "ListedStep",
    "ListedSubAgent",
    "ListedWorker",
    "Metric",
    "MissingExecutor",
    "NewKey",
    "Occurrence",
    "OutboxClaim",
    "OutboxEvent",
    "OutboxOutcome",
    "Pause",
    "PolicyChange",
    "PolicyDocument",
    "PolicyShadow",
    "PolicyTest",
    "PolicyVersion",
    "Proposal",
    "Purge",
    "PurgedRow",
    "Rate",
    "Reactions",
    "Recorded",
    "Recovered",
    "Redriven",
    "RedrivenLetter",
    "RotatedKey",
    "RunningStep",
    "ScheduleSet",
    "SignIn",
    "Span",
    "Stats",
    "StepOutcome",
    "StepResult",
    "Stranded",
    "Stuck",
    "Tick",
    "TraceContext",
    "Triggers",
    "record",
    "show_unreadable",
]
