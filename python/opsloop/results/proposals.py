"""Proposals, and what the gate says to them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Proposal:
    """The outcome of a proposal."""

    proposal_id: UUID
    status: str
    """pending, voting, approved, auto_approved, rejected or expired."""
    mission_id: UUID | None
    """The mission it became; None while nobody approved it."""
    reason: str | None
    """Why it has its status; starts with the OPS code where one applies."""
    ord: int | None = None
    """Place in the batch, from 1; None outside a batch."""


@dataclass(frozen=True, slots=True)
class Gate:
    """The verdict of the gate on a proposal now."""

    ok: bool
    code: str | None
    """The OPS code why not; None when ok."""
    reason: str | None


@dataclass(frozen=True, slots=True)
class ListedProposal:
    """A proposal in a list."""

    proposal_id: UUID
    title: str | None
    source: str
    status: str
    risk_level: str
    """The risk judged: low, medium or high."""
    reason: str | None
    template: dict[str, Any]
    """The template that would run."""
    mission_id: UUID | None
    proposed_login: str | None
    decided_by: str | None
    """Who approved or rejected it, as claimed; `policy` when nobody had to; None when it is undecided."""
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Budget:
    """A cap on proposals, and what is left of it."""

    name: str
    """Its path in `proposal_caps`."""
    cap: int
    used: int
    remaining: int
    window_end: datetime
    """When it starts anew."""
