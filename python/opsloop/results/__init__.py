"""What the functions of the loop return, as small frozen records named after their columns, by area."""

from __future__ import annotations

from opsloop.results.approvals import BrokenGlass, Grant
from opsloop.results.control import Decided, InboxEntry, Pause
from opsloop.results.events import ListedIdea, Reactions, Triggers
from opsloop.results.explain import Cause, Explanation, Occurrence
from opsloop.results.locks import Idempotent
from opsloop.results.missions import ListedMission
from opsloop.results.ops import Broken, Check, GroupRole, Health, Metric, Stranded
from opsloop.results.outbox import Delivery, OutboxClaim, OutboxEvent, OutboxOutcome
from opsloop.results.policy import (
    DryRun,
    PolicyChange,
    PolicyDocument,
    PolicyShadow,
    PolicyTest,
    PolicyVersion,
)
from opsloop.results.proposals import Budget, Gate, ListedProposal, Proposal
from opsloop.results.replay import DeadLetter, Recorded, Redriven, RedrivenLetter
from opsloop.results.rows import record, show_unreadable
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
from opsloop.results.transitions import DirectiveReason, ListedHandoff

__all__ = [
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
    "Gate",
    "Grant",
    "GroupRole",
    "Health",
    "Idempotent",
    "InboxEntry",
    "Lease",
    "ListedHandoff",
    "ListedIdea",
    "ListedMission",
    "ListedProposal",
    "ListedStep",
    "Metric",
    "MissingExecutor",
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
    "Reactions",
    "Recorded",
    "Recovered",
    "Redriven",
    "RedrivenLetter",
    "RunningStep",
    "StepOutcome",
    "StepResult",
    "Stranded",
    "Triggers",
    "record",
    "show_unreadable",
]
