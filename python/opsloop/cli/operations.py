"""`heartbeat`, `retry`, `resolve`, `cancel`, `seed` and `demo`: turning the loop, and intervening."""

from __future__ import annotations

import importlib
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

import typer

from opsloop import migrate
from opsloop.cli import output
from opsloop.cli.jsonin import parse, read_text
from opsloop.cli.session import LOOP, WORK, Actor, Digest, Reason, Session, an_id, command
from opsloop.errors import InvalidArgument, translate

StepId = Annotated[
    str, typer.Argument(metavar="STEP", parser=an_id, help="Id of the step, or its last 8 digits.")
]


class Outcome(StrEnum):
    """What became of a step."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"


def heartbeat(session: Session) -> None:
    """Turn the loop once: leases, stale steps, events, reactions. For cron; running workers do it by themselves.

    Exit code 1 when a phase failed; the others were done.
    """
    settings = session.settings()
    with session.client() as client:
        result = client.heartbeat(
            settings.event_batch_size, settings.reaction_batch_size, settings.stale_step_minutes
        )

    def text() -> None:
        output.say(_turn(result))
        for error in result.get("errors", []):
            output.say(
                f"failed: {error.get('phase')}: {error.get('message')} ({error.get('code')})", stderr=True
            )

    session.show(result, text)
    if not result["ok"]:
        raise typer.Exit(1)


def _turn(result: dict[str, Any]) -> str:
    trigger, reaction, lease = result["triggerResult"], result["reactionResult"], result["leaseResult"]
    return (
        f"{trigger['events']} events looked at, {trigger['queued']} reactions queued; "
        f"{reaction['processed']} reactions processed, {reaction['created']} proposals created; "
        f"{lease['requeued_steps']} steps requeued, {lease['failed_steps']} failed, "
        f"{result['staleResult']['recovered']} stale recovered"
    )


def retry(session: Session, step: StepId, actor: Actor, digest: Digest = None) -> None:
    """Run a failed, cancelled or parked step again; its mission comes back to life."""
    with session.client() as client, client.conn.transaction():
        which = session.whole_id(client, step, "step")
        if digest is not None:
            client.as_shown(which, digest)
        status = client.retry_step(which, actor=actor)
    _step(session, which, status)


def resolve(
    session: Session,
    step: StepId,
    outcome: Annotated[Outcome, typer.Argument(metavar="OUTCOME", help="succeeded or failed.")],
    actor: Actor,
    reason: Reason = None,
    result: Annotated[
        str | None, typer.Option("--result", help="What later steps get from it: JSON, @file, or -.")
    ] = None,
) -> None:
    """Say what became of a step whose outcome is unknown, because its worker vanished."""
    value = None if result is None else parse(read_text(result, "--result"), "--result", InvalidArgument)
    with session.client() as client:
        which = session.whole_id(client, step, "step")
        status = client.resolve_step(which, outcome.value, actor=actor, reason=reason, result=value)
    _step(session, which, status)


def _step(session: Session, step: UUID, status: str) -> None:
    session.show({"step_id": step, "status": status}, lambda: output.say(f"step {step}: {status}"))


def cancel(
    session: Session,
    mission: Annotated[
        str, typer.Argument(metavar="MISSION", parser=an_id, help="Id of the mission, or its last 8 digits.")
    ],
    actor: Actor,
    reason: Reason = None,
) -> None:
    """Cancel a mission: what has not started never does, and what runs is asked to stop."""
    with session.client() as client:
        which = session.whole_id(client, mission, "mission")
        status = client.cancel_mission(which, actor=actor, reason=reason)
    session.show({"mission_id": which, "status": status}, lambda: output.say(f"mission {which}: {status}"))


def seed(session: Session) -> None:
    """Put the default policies in place; one that exists is left as it is."""
    schema = session.schema_name
    with session.database() as dsn, translate():
        migrate.seed(dsn, schema)
    session.show({"seeded": True}, lambda: output.say("the default policies are in place"))


def demo(
    json: Annotated[
        bool, typer.Option("--json", help="Print the result as JSON; the show goes to stderr.")
    ] = False,
    stay: Annotated[
        bool, typer.Option("--stay", help="Leave it running at the end, to approve what waits; until Ctrl-C.")
    ] = False,
    load_seconds: Annotated[
        int,
        typer.Option(
            "--load-seconds", min=1, max=30, help="How long pgbench works before the loop is called."
        ),
    ] = 6,
) -> None:
    """Watch the loop look after a real PostgreSQL, for half a minute, on a server of its own.

    Exit code 1 unless every mission it expected succeeded, and what needs a person is waiting for one.
    """
    # Only now: it brings the embedded server.
    code = importlib.import_module("opsloop.demo").main(json=json, stay=stay, load_seconds=load_seconds)
    raise typer.Exit(code)


def register(app: typer.Typer) -> None:
    """Add these commands to `app`."""
    command(app, "retry", WORK)(retry)
    command(app, "resolve", WORK)(resolve)
    command(app, "cancel", WORK)(cancel)
    command(app, "heartbeat", LOOP)(heartbeat)
    command(app, "seed", LOOP)(seed)
    app.command("demo", rich_help_panel=LOOP)(demo)
