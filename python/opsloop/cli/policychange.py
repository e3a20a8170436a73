"""A change of policy before it is made: what would differ and what it would have decided, for whoever is asked."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import psycopg
import typer

from opsloop import jsonio
from opsloop.cli import output, policyfile
from opsloop.client import OwningClient
from opsloop.errors import PolicyNotFound
from opsloop.results import DryRun, PolicyChange

#: How far back a change is tried before somebody is asked, and how long that may take.
_SINCE = timedelta(days=7)
_SECONDS = 20.0

Versions = Mapping[str, int]
Put = Callable[[Versions | None], policyfile.Applied]
"""Puts it in force where these versions are (None: whichever are), and returns what changed."""


@dataclass(frozen=True)
class Rehearsal:
    """The effect of putting it in force."""

    differences: dict[str, list[PolicyChange]]
    documents: policyfile.Documents
    """Those that would be new, of the ones that can be tried."""
    versions: Versions
    """The versions in force of all documents named, which the differences start from."""
    schedules: dict[str, str]
    """The changes of schedules: `set` or `deleted`, by name."""


def rehearse(client: OwningClient, keys: list[str], put: Put) -> Rehearsal:
    """Put it in force and take it back at once, so that every refusal comes before the question.

    Raises what `put` raises.
    """
    with client.conn.transaction(force_rollback=True):
        changed = put(None)
        versions = changed.versions
        return Rehearsal(
            {key: client.diff_policy(key) for key in versions},
            {key: client.get_policy(key) for key in versions if key in policyfile.JUDGING},
            {key: in_force(client, key) - (key in versions) for key in keys},
            changed.schedules,
        )


def in_force(client: OwningClient, key: str) -> int:
    """Return the version of a document that is in force, 0 for none."""
    try:
        # A refusal must not end the transaction that it may be part of.
        with client.conn.transaction():
            return client.policy_history(key, limit=1)[0].version
    except PolicyNotFound:
        return 0


def is_known(client: OwningClient, key: str) -> bool:
    """Whether opsloop itself reads documents of that name."""
    try:
        client.policy_schema(key)
    except PolicyNotFound:
        return False
    return True


def confirmed(client: OwningClient, keys: list[str], put: Put) -> policyfile.Applied:
    """Show what would change, ask, and put exactly that in force; nothing is asked where nothing changes.

    Raises Exit for a no, PolicyVersionConflict (OPS_011) where somebody changed it since, and what `put` raises.
    """
    change = rehearse(client, keys, put)
    if change.differences or change.schedules:
        for key, differences in change.differences.items():
            output.say(key)
            for one in differences:
                output.say(f"  {describe(one)}")
        for name, what in change.schedules.items():
            output.say(f"schedule {name}: {what}")
        if change.documents:
            _try(client, change.documents)
        if not typer.confirm("Put it in force?"):
            output.say("nothing was changed")
            raise typer.Exit(1)
    return put(change.versions)


def describe(change: PolicyChange) -> str:
    """One difference as a line."""
    before, after = (jsonio.text(value) for value in (change.before, change.after))
    if change.before is None and change.after is None:
        return f"~ {change.path}: null, which is as good as left out"
    if change.before is None:
        return f"+ {change.path}: {after}"
    if change.after is None:
        return f"- {change.path}: {before}"
    return f"~ {change.path}: {before} -> {after}"


def _try(client: OwningClient, documents: policyfile.Documents) -> None:
    try:
        with _at_most(client, _SECONDS):
            found = client.dry_run_policy(None, documents, datetime.now(UTC) - _SINCE, limit=0)
    except psycopg.errors.QueryCanceled:
        output.say(f"trying it on the last {_SINCE.days} days takes more than {_SECONDS:.0f} s: `policy try`")
        return
    output.say(f"on what was recorded in the last {_SINCE.days} days:")
    for _, line in summary(found):
        output.say(f"  {line}")


@contextmanager
def _at_most(client: OwningClient, seconds: float) -> Iterator[None]:
    timer = threading.Timer(seconds, client.conn.cancel_safe)
    timer.start()
    try:
        yield
    finally:
        # No later statement is hit.
        timer.cancel()
        timer.join()


_SENTENCES = {
    "auto_approved": "would run by themselves",
    "pending": "would need a person",
    "waits": "would wait for the window of a cap",
    "rejected": "would be rejected",
    "failed": "would fail, as a placeholder has no value",
    "repeats": "would repeat an earlier proposal",
    "none": "would not be proposed",
    "approved": "would have been approved by the votes on record",
    "refused": "would have been rejected by a person",
    "expired": "would have expired",
    "open": "would have needed more than the votes on record",
    "asks more": "would ask more people",
    "asks less": "would ask fewer people",
    "asks otherwise": "would ask others, or otherwise",
    "asks": "would ask whom they ask",
    "unknown": "cannot be judged any more",
}


def listing(found: list[DryRun]) -> Iterator[str]:
    """Yield lines that tell of a dry run, or of what a shadow has found: counts, and below each its decisions."""
    for outcome, line in summary(found):
        yield line
        for row in found:
            if row.kind == "decision" and row.new_outcome == outcome:
                what = f"{row.proposal_id or f'event {row.event_id}'} {row.title or ''}"
                why = f"{row.rule or 'policy'}: {row.reason}"
                yield "  " + output.one_line(f"{what} ({row.source}, was {row.old_outcome}): {why}")


def summary(found: list[DryRun]) -> Iterator[tuple[str | None, str]]:
    """Yield the new outcomes of what would be decided otherwise, each with its line; then None for the rest."""
    counts = [row for row in found if row.kind == "matrix"]
    differing = [row for row in counts if row.old_outcome != row.new_outcome]
    for outcome in dict.fromkeys(row.new_outcome for row in differing):
        more = sum(row.decisions for row in differing if row.new_outcome == outcome)
        yield outcome, f"{more} more {_SENTENCES[outcome]}"
    same = sum(row.decisions for row in counts) - sum(row.decisions for row in differing)
    yield None, f"{same} decisions would be the same"
