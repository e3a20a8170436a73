"""`subagents run|summary`: the checkers that a phase of a directive needs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Annotated, Any
from uuid import UUID

import typer

from opsloop.cli import output
from opsloop.cli.session import WORK, Session, command

subagents = typer.Typer(name="subagents", no_args_is_help=True, help="Run sub-agents on a directive.")

_PAUSE = 0.2


def run(
    session: Session,
    phase: Annotated[
        str, typer.Argument(metavar="PHASE", help="The phase that asks for them, such as EXEC.")
    ],
    sd: Annotated[str, typer.Argument(metavar="SD", help="Id or sd_key of the directive.")],
    session_id: Annotated[str | None, typer.Option("--session", help="The session that asks for it.")] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Run all of them, also those that have a result of this hour.")
    ] = False,
    wait: Annotated[
        float,
        typer.Option("--wait", min=0, max=86400, help="Seconds to wait for what they find; 0: not at all."),
    ] = 0,
) -> None:
    """Propose one mission of the sub-agents that a phase of a directive needs; workers run it once policy approves.

    With --wait, exit code 1 when they do not pass, or not in time.
    """
    with session.client() as client:
        answer = client.orchestrate_sub_agents(sd, phase, session_id, {"skip_idempotency": force})
    if not wait:
        session.show(answer, lambda: output.print_text("\n".join(_proposed(session, answer))))
        return
    until = time.monotonic() + wait
    while not (found := _found(session, answer["run_id"]))["complete"] and time.monotonic() < until:
        time.sleep(_PAUSE)
    _conclude(session, {**answer, "summary": found}, found)


def summary(
    session: Session,
    mission: Annotated[UUID, typer.Argument(metavar="MISSION", help="Id of their mission, or of their run.")],
) -> None:
    """Show what the sub-agents of a mission found in all; exit code 1 when they do not pass."""
    found = _found(session, str(mission))
    _conclude(session, found, found)


def _found(session: Session, run: str) -> dict[str, Any]:
    with session.client() as client:
        return client.sub_agent_summary(run)


def _conclude(session: Session, answer: dict[str, Any], found: dict[str, Any]) -> None:
    session.show(answer, lambda: output.print_text("\n".join(_told(found))))
    if not (found["passed"] and found["complete"]):
        raise typer.Exit(1)


def _proposed(session: Session, answer: dict[str, Any]) -> Iterator[str]:
    again = ", as before: nothing new was proposed" if answer["idempotent_hit"] else ""
    yield f"run {answer['run_id']}: {answer['status']}{_why(answer['reason'])}{again}"
    if answer["agents"]:
        yield f"  runs    {', '.join(answer['agents'])}"
    if answer["reused"]:
        yield f"  reused  {', '.join(sorted(answer['reused']))}: each has a result of this hour"
    yield f"next: {session.command('subagents', 'summary', answer['run_id'])}"


def _told(found: dict[str, Any]) -> Iterator[str]:
    state = "" if found["complete"] else ", not complete"
    yield f"{found['verdict']}, confidence {found['confidence']}{state}{_why(found['reason'])}"
    by_priority = sorted(found["agents"].items(), key=lambda item: (-item[1]["priority"], item[0]))
    for code, agent in by_priority:
        confidence = "" if agent["confidence"] is None else f", confidence {agent['confidence']}"
        yield f"  {code} ({agent['level']}): {agent['verdict'] or 'no verdict'}{confidence}{_why(agent['reason'])}"


def _why(reason: str | None) -> str:
    return f" ({output.one_line(reason)})" if reason else ""


def register(parent: typer.Typer) -> None:
    """Add `subagents` and its commands to `parent`."""
    command(subagents, "run")(run)
    command(subagents, "summary", shows=True)(summary)
    parent.add_typer(subagents, rich_help_panel=WORK)
