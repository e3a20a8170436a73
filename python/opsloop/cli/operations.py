"""`heartbeat`, `retry`, `resolve`, `cancel`, `seed` and `demo`: turning the loop, and intervening."""

from __future__ import annotations

import importlib
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

import typer

from opsloop import migrate
from opsloop.cli import bulk, output
from opsloop.cli.jsonin import parse, read_text
from opsloop.cli.session import LOOP, WORK, Actor, Digest, Reason, Session, an_id, command
from opsloop.errors import InvalidArgument, translate

StepId = Annotated[
    str | None,
    typer.Argument(
        metavar="[STEP]", parser=an_id, help="Id of the step, or its last 8 digits; none: options say which."
    ),
]
MissionId = Annotated[
    str | None,
    typer.Argument(
        metavar="[MISSION]",
        parser=an_id,
        help="Id of the mission, or its last 8 digits; none: options say which.",
    ),
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


def retry(
    session: Session,
    actor: Actor,
    which: bulk.PickedSteps,
    step: StepId = None,
    digest: Digest = None,
) -> None:
    """Run a failed, cancelled or parked step again; its mission comes back to life.

    With options in place of STEP: all failed steps (or those of --status) that fit. They are shown; with --yes they run
    again, in small parts. Exit code 1 when one was refused; the others were not.
    """
    bulk.one_or_many(step, which, "STEP")
    if step is None:
        with session.client() as client:
            bulk.act(
                session,
                client,
                "retry",
                "step",
                which,
                lambda wanted, most, dry: client.retry_steps(wanted, most, dry_run=dry, actor=actor),
            )
        return
    with session.client() as client, client.conn.transaction():
        meant = session.whole_id(client, step, "step")
        if digest is not None:
            client.as_shown(meant, digest)
        done = client.retry_step(meant, actor=actor)
    _step(session, meant, done)


def resolve(
    session: Session,
    actor: Actor,
    which: bulk.PickedWaiting,
    step_or_outcome: Annotated[
        str,
        typer.Argument(
            metavar="[STEP]", help="Id of the step, or its last 8 digits; none: options say which."
        ),
    ],
    outcome: Annotated[
        Outcome | None, typer.Argument(metavar="OUTCOME", help="succeeded or failed.", show_default=False)
    ] = None,
    reason: Reason = None,
    result: Annotated[
        str | None, typer.Option("--result", help="What later steps get from it: JSON, @file, or -.")
    ] = None,
) -> None:
    """Say what became of a step whose outcome is unknown, because its worker vanished.

    With options in place of STEP: of all waiting steps that fit. They are shown; with --yes they are resolved.
    """
    step = None if outcome is None else step_or_outcome
    ends = outcome or _outcome(step_or_outcome)
    bulk.one_or_many(step, which, "STEP")
    if step is None:
        if result is not None:
            raise InvalidArgument("--result is for one STEP", hint="Leave it out.")
        with session.client() as client:
            bulk.act(
                session,
                client,
                "resolve",
                "step",
                which,
                lambda wanted, most, dry: client.resolve_steps(
                    wanted, ends.value, most, dry_run=dry, actor=actor, reason=reason
                ),
            )
        return
    value = None if result is None else parse(read_text(result, "--result"), "--result", InvalidArgument)
    given = an_id(step)
    with session.client() as client:
        meant = session.whole_id(client, given, "step")
        done = client.resolve_step(meant, ends.value, actor=actor, reason=reason, result=value)
    _step(session, meant, done)


def _outcome(given: str) -> Outcome:
    try:
        return Outcome(given)
    except ValueError:
        raise InvalidArgument(
            f"OUTCOME: {given!r} is neither succeeded nor failed", hint="opsloop resolve STEP succeeded"
        ) from None


def _step(session: Session, step: UUID, status: str) -> None:
    session.show({"step_id": step, "status": status}, lambda: output.say(f"step {step}: {status}"))


def cancel(
    session: Session,
    actor: Actor,
    which: bulk.PickedMissions,
    mission: MissionId = None,
    reason: Reason = None,
) -> None:
    """Cancel a mission: what has not started never does, and what runs is asked to stop.

    With options in place of MISSION: all open missions that fit. They are shown; with --yes they are cancelled.
    """
    bulk.one_or_many(mission, which, "MISSION")
    with session.client() as client:
        if mission is None:
            bulk.act(
                session,
                client,
                "cancel",
                "mission",
                which,
                lambda wanted, most, dry: client.cancel_missions(
                    wanted, most, dry_run=dry, actor=actor, reason=reason
                ),
            )
            return
        meant = session.whole_id(client, mission, "mission")
        done = client.cancel_mission(meant, actor=actor, reason=reason)
    session.show({"mission_id": meant, "status": done}, lambda: output.say(f"mission {meant}: {done}"))


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


def top(session: Session, actor: Actor) -> None:
    """Watch the loop live: throughput and queues by executor, what is held and stuck, the newest errors.

    Keys: a approve, r retry, c cancel what the cursor is on, p pause or resume an executor (tab goes there), q quit.
    Each shows first what it would do. Needs the extra: pip install 'opsloop[top]'.
    """
    if session.json or not output.on_terminal():
        raise InvalidArgument("top needs a terminal", hint="opsloop ps prints once.")
    try:
        live = importlib.import_module("opsloop.cli.top")
    except ModuleNotFoundError as error:
        if error.name is None or not error.name.startswith("textual"):
            raise
        raise InvalidArgument("top needs the package textual", hint="pip install 'opsloop[top]'") from error
    live.run(session, actor)


def register(app: typer.Typer) -> None:
    """Add these commands to `app`."""
    command(app, "retry", WORK)(retry)
    command(app, "resolve", WORK)(resolve)
    command(app, "cancel", WORK)(cancel)
    command(app, "top", WORK)(top)
    command(app, "heartbeat", LOOP)(heartbeat)
    command(app, "seed", LOOP)(seed)
    app.command("demo", rich_help_panel=LOOP)(demo)
