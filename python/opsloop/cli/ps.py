"""`ps`: what waits, runs and ended, as tables."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

import typer
from rich.console import Group, RenderableType
from rich.live import Live
from rich.text import Text

from opsloop import jsonio
from opsloop.cli import output
from opsloop.cli.session import WORK, Session, command
from opsloop.client import Client
from opsloop.errors import InvalidArgument, NotFound
from opsloop.results import ListedMission, ListedProposal, ListedStep, MissingExecutor

_PROPOSAL_STATUSES = ("pending", "voting", "rejected", "expired", "auto_approved", "approved")
_MISSION_STATUSES = ("approved", "running", "succeeded", "failed", "cancelled")
_STEP_STATUSES = ("blocked", "queued", "running", "waiting", "succeeded", "failed", "cancelled", "skipped")


@dataclass(frozen=True)
class _View:
    """What one look at the loop found."""

    proposals: list[ListedProposal]
    missions: list[ListedMission]
    steps: list[ListedStep]
    missing_executors: list[MissingExecutor] = field(default_factory=list)
    workers: dict[str, int] = field(default_factory=dict)
    """How many are live, and how many of those asleep; asked for where everything is shown."""


def ps(
    session: Session,
    which: Annotated[
        str | None,
        typer.Argument(
            metavar="[MISSION|PROPOSAL]",
            help="Only this mission's steps, or this proposal; the last 8 digits of the id will do.",
        ),
    ] = None,
    status: Annotated[
        str | None,
        typer.Option("--status", help="Only what has this status, such as running, failed or pending."),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help="Rows per table.")] = 20,
    watch: Annotated[
        bool, typer.Option("--watch", help="Look again every two seconds, until Ctrl-C.")
    ] = False,
) -> None:
    """Show what waits for a decision, the newest missions and steps, what nobody offers to run, sleeping workers."""
    known = (*_PROPOSAL_STATUSES, *_MISSION_STATUSES, *_STEP_STATUSES)
    if status is not None and status not in known:
        raise InvalidArgument(
            f"--status: there is no status {status!r}", hint=f"Give one of: {', '.join(sorted(set(known)))}."
        )
    if watch and session.json:
        raise InvalidArgument("--watch and --json do not go together", hint="Leave one of them out.")
    with session.client() as client:
        meant = None if which is None else session.whole_id(client, which, "mission", "proposal")
        if not watch:
            view = _look(client, meant, status, limit)
            session.show(view, lambda: output.console().print(_render(session, view, meant)))
            return
        with Live(console=output.console(), refresh_per_second=4) as live:
            while True:
                live.update(_render(session, _look(client, meant, status, limit), meant))
                if not output.was_printed():
                    raise typer.Exit(1)  # nobody sees it any more
                time.sleep(2)


def _look(client: Client, which: UUID | None, status: str | None, limit: int) -> _View:
    if which is not None:
        try:
            return _View([], [], client.list_steps(which, limit, status))
        except NotFound:
            found = client.list_proposals(limit, proposal_id=which)
            if not found:
                raise NotFound(
                    f"there is no mission and no proposal {which}",
                    detail={"id": str(which)},
                    hint="`opsloop ps` lists the newest.",
                ) from None
            return _View(found, [], [])
    if status is None:
        health = client.health()
        return _View(
            client.list_proposals(limit, "pending") + client.list_proposals(limit, "voting"),
            client.list_missions(limit),
            client.list_steps(limit=limit),
            client.missing_executors(),
            {"live": health.live_workers, "asleep": health.asleep_workers},
        )
    return _View(
        client.list_proposals(limit, status) if status in _PROPOSAL_STATUSES else [],
        client.list_missions(limit, status) if status in _MISSION_STATUSES else [],
        client.list_steps(None, limit, status) if status in _STEP_STATUSES else [],
    )


def _render(session: Session, view: _View, which: UUID | None) -> RenderableType:
    parts: list[RenderableType] = []
    if view.proposals:
        columns = ["id", "status", "risk", "title", "from", "age", "why"]
        rows = [
            [
                p.proposal_id,
                output.status_text(p.status),
                p.risk_level,
                p.title,
                p.source,
                output.age(p.created_at),
                p.reason,
            ]
            for p in view.proposals
        ]
        parts.append(output.table("Proposals", columns, rows))
        if which is not None:
            parts.append(_template(view.proposals[0].template))
        if waiting := [p for p in view.proposals if p.status in ("pending", "voting")]:
            parts.append(
                Text(
                    f"decide: {output.plain(session.command('approve', waiting[0].proposal_id))}", style="dim"
                )
            )
    if view.missions:
        columns = ["id", "status", "title", "steps", "age", "error"]
        rows = [
            [
                m.mission_id, output.status_text(m.status), m.title,
                f"{m.steps_total - m.steps_open}/{m.steps_total}", output.age(m.created_at), m.error,
            ]
            for m in view.missions
        ]  # fmt: skip
        parts.append(output.table("Missions", columns, rows))
    if view.steps:
        columns = ["id", "status", "key", "executor", "attempt", "age", "note"]
        rows = [
            [
                s.step_id,
                output.status_text(s.status),
                s.key,
                s.executor,
                str(s.attempt or ""),
                output.age(s.updated_at),
                _note(s),
            ]
            for s in view.steps
        ]
        parts.append(output.table("Steps", columns, rows))
    parts += [
        Text(
            output.plain(
                f"OPS_005: no live worker offers the executor {one.executor}; steps that wait for it: {one.waiting}"
            ),
            style="yellow",
        )
        for one in view.missing_executors
    ]
    if view.workers.get("asleep"):
        parts.append(Text("workers: {live} live ({asleep} asleep)".format(**view.workers), style="dim"))
    if not parts:
        return Text("nothing to show")
    return Group(*(item for part in parts for item in (part, Text(""))))


def _note(step: ListedStep) -> str:
    """Say in a few words why the step is where it is."""
    if step.status == "waiting":
        return step.wait_reason or ""
    if step.status == "running":
        if step.lease_expires_at is None or step.lease_expires_at <= datetime.now(UTC):
            return f"on {step.worker_id}"
        return f"on {step.worker_id}, lease ends {output.age(step.lease_expires_at)}"
    if step.status == "queued" and step.last_error:
        return f"retry {output.age(step.run_after)}: {step.last_error}".replace("retry :", "retry:")
    return step.last_error or ""


def _template(template: dict[str, Any]) -> Text:
    """Show the steps that a proposal would run."""
    return Text(output.plain(jsonio.pretty(template, 2)))


def register(app: typer.Typer) -> None:
    """Add `ps` to `app`."""
    command(app, "ps", WORK, shows=True)(ps)
