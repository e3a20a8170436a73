"""`ps`: what waits, runs and ended, as tables."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

import typer
from rich.console import Group, RenderableType
from rich.text import Text

from opsloop import jsonio
from opsloop.cli import output
from opsloop.cli.session import WORK, Session, an_id, command
from opsloop.client import Client
from opsloop.errors import InvalidArgument, NotFound
from opsloop.results import ListedMission, ListedProposal, ListedStep, MissingExecutor, Stuck

_PROPOSAL_STATUSES = ("pending", "voting", "rejected", "expired", "auto_approved", "approved")
_MISSION_STATUSES = ("approved", "running", "succeeded", "failed", "cancelled")
_STEP_STATUSES = ("blocked", "queued", "running", "waiting", "succeeded", "failed", "cancelled", "skipped")


@dataclass(frozen=True)
class View:
    """The findings of one look at the loop; counts only where everything is shown."""

    proposals: list[ListedProposal]
    missions: list[ListedMission]
    steps: list[ListedStep]
    missing_executors: list[MissingExecutor] = field(default_factory=list)
    workers: dict[str, int] = field(default_factory=dict)
    """How many are live, and how many of those asleep."""
    stuck: list[Stuck] = field(default_factory=list)
    counts: dict[str, Any] = field(default_factory=dict)


def ps(
    session: Session,
    which: Annotated[
        str | None,
        typer.Argument(
            metavar="[MISSION|PROPOSAL]",
            parser=an_id,
            help="Only this mission's steps, or this proposal; the last 8 digits of the id will do.",
        ),
    ] = None,
    status: Annotated[
        str | None,
        typer.Option("--status", help="Only what has this status, such as running, failed or pending."),
    ] = None,
    stuck: Annotated[
        bool, typer.Option("--stuck", help="Only missions that nothing will free by itself, however old.")
    ] = False,
    limit: Annotated[
        int | None,
        typer.Option(
            "--limit",
            min=1,
            max=1000,
            help="Rows per table (default: what fits the terminal, else 20).",
            show_default=False,
        ),
    ] = None,
    watch: Annotated[
        bool, typer.Option("--watch", help="Look again every two seconds, until Ctrl-C.")
    ] = False,
) -> None:
    """Show how much waits, runs and is stuck; then missions, what is wrong first, proposals, and steps that wait."""
    known = (*_PROPOSAL_STATUSES, *_MISSION_STATUSES, *_STEP_STATUSES)
    if status is not None and status not in known:
        raise InvalidArgument(
            f"--status: there is no status {status!r}", hint=f"Give one of: {', '.join(sorted(set(known)))}."
        )
    if watch and session.json:
        raise InvalidArgument("--watch and --json do not go together", hint="Leave one of them out.")
    if stuck and (status or which):
        raise InvalidArgument("--stuck stands alone", hint="Leave --status and the id out.")
    with session.client() as client:
        meant = None if which is None else session.whole_id(client, which, "mission", "proposal")

        def view() -> View:
            return _look(client, meant, status, limit or _fitting(), stuck=stuck)

        if not watch:
            found = view()
            session.show(found, lambda: output.console().print(_render(session, found, meant)))
            return
        from rich.live import Live  # what it imports, nobody else needs

        with Live(console=output.console(), refresh_per_second=4) as live:
            while True:
                live.update(_render(session, view(), meant))
                if not output.was_printed():
                    raise typer.Exit(1)  # nobody sees it any more
                time.sleep(2)


def _fitting() -> int:
    """How many rows of each table fit the screen: three tables of them, their heads, and the lines on top."""
    screen = output.console()
    return max(3, (screen.height - 16) // 3) if screen.is_terminal else 20


def _look(client: Client, which: UUID | None, status: str | None, limit: int, *, stuck: bool) -> View:
    if which is not None:
        try:
            return View([], [], client.list_steps(which, max(limit, 20), status))
        except NotFound:
            found = client.list_proposals(limit, proposal_id=which)
            if not found:
                raise NotFound(
                    f"there is no mission and no proposal {which}",
                    detail={"id": str(which)},
                    hint="`opsloop ps` lists the newest.",
                ) from None
            return View(found, [], [])
    if stuck:
        return View(
            [], client.list_missions(3 * limit, filter={"stuck": True}), [], stuck=client.count_stuck()
        )
    if status is None:
        return _everything(client, limit)
    limit = 3 * limit if output.console().is_terminal else limit
    return View(
        client.list_proposals(limit, status) if status in _PROPOSAL_STATUSES else [],
        client.list_missions(limit, status) if status in _MISSION_STATUSES else [],
        client.list_steps(None, limit, status) if status in _STEP_STATUSES else [],
    )


def _everything(client: Client, limit: int) -> View:
    health = client.health()
    # Of missions what is wrong comes first, of steps what waits.
    missions = {
        one.mission_id: one
        for one in (
            *client.list_missions(limit, filter={"stuck": True}),
            *client.list_missions(limit, "failed"),
            *client.list_missions(limit),
        )
    }
    steps = {
        one.step_id: one
        for one in (*client.list_steps(None, limit, "waiting"), *client.list_steps(limit=limit))
    }
    return View(
        client.list_proposals(limit, "pending") + client.list_proposals(limit, "voting"),
        list(missions.values())[:limit],
        list(steps.values())[:limit],
        client.missing_executors(),
        {"live": health.live_workers, "asleep": health.asleep_workers},
        client.count_stuck(),
        {
            "running_missions": health.running_missions,
            "failed_missions": health.failed_missions,
            "waiting_proposals": health.waiting_proposals,
            "waiting_steps": health.waiting_steps,
            "paused_steps": health.paused_steps,
            "queued_steps": health.queued_steps,
            "running_steps": health.running_steps,
            "paused_scopes": health.paused_scopes,
            "killed": health.killed,
        },
    )


def _render(session: Session, view: View, which: UUID | None) -> RenderableType:
    lines = list(_counts(view))
    tables: list[RenderableType] = []
    if view.missions:
        columns = ["id", "status", "title", "steps", "age", "why"]
        rows = [
            [
                m.mission_id, output.status_text(m.status), m.title,
                f"{m.steps_total - m.steps_open}/{m.steps_total}", output.age(m.created_at),
                Text(f"stuck: {m.stuck}", style="yellow") if m.stuck else m.error,
            ]
            for m in view.missions
        ]  # fmt: skip
        tables.append(output.table("Missions", columns, rows))
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
        tables.append(output.table("Proposals", columns, rows))
        if which is not None:
            tables.append(_template(view.proposals[0].template))
        if waiting := [p for p in view.proposals if p.status in ("pending", "voting")]:
            decide = session.command("approve", output.short(waiting[0].proposal_id))
            tables.append(Text(f"decide: {output.plain(decide)}", style="dim"))
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
        tables.append(output.table("Steps", columns, rows))
    if not lines and not tables:
        return Text("nothing to show")
    parts: list[RenderableType] = [*lines]
    for table in tables:
        parts += [Text(""), table] if parts and not isinstance(table, Text) else [table]
    return Group(*parts)


def _counts(view: View) -> Iterator[Text]:
    """How many there are, what is wrong first; a line that would tell nothing is left out."""
    counts = view.counts
    if counts.get("killed"):
        yield Text("killed: nothing runs until `opsloop resume all`", style="red")
    elif counts.get("paused_scopes"):
        yield Text(f"paused: {counts['paused_scopes']}; `opsloop pause` lists them", style="yellow")
    if view.stuck:
        said = ", ".join(f"{one.missions} {one.reason}" for one in view.stuck)
        yield Text(f"stuck missions: {said}", style="yellow")
    for one in view.missing_executors:
        yield Text(
            output.plain(
                f"OPS_005: no live worker offers the executor {one.executor}; steps that wait for it: {one.waiting}"
            ),
            style="yellow",
        )
    if any(counts.values()):
        yield Text(
            "missions: {running_missions} running, {failed_missions} failed today · steps: {queued_steps} queued, "
            "{running_steps} running".format(**counts)
        )
        if counts["waiting_proposals"] or counts["waiting_steps"]:
            yield Text(
                "for a person: {waiting_proposals} proposals, {waiting_steps} steps; `opsloop inbox`".format(
                    **counts
                )
            )
    if view.workers.get("asleep"):
        yield Text("workers: {live} live ({asleep} asleep)".format(**view.workers), style="dim")


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
