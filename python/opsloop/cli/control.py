"""`pause`, `resume`, `kill` and `drain`: stopping the loop, wholly or in part, and letting it go on."""

from __future__ import annotations

import time
from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Any

import typer

from opsloop.cli import output
from opsloop.cli.session import LOOP, Actor, Reason, Session, command
from opsloop.client import OwningClient
from opsloop.results import RunningStep

_POLL_SECONDS = 0.5
#: What drain lists; more are counted as that many.
_MOST = 1000


class Scope(StrEnum):
    """What a pause covers."""

    ALL = "all"
    EXECUTOR = "executor"
    AGENT = "agent"
    KIND = "kind"
    SOURCE = "source"
    MISSION = "mission"
    SCHEDULE = "schedule"


_SCOPE_HELP = "all, executor, agent, kind, source, mission or schedule."
Target = Annotated[
    str | None,
    typer.Argument(metavar="TARGET", help="Which one; none for all.", show_default=False),
]


def pause(
    session: Session,
    actor: Actor,
    scope: Annotated[
        Scope | None, typer.Argument(metavar="SCOPE", help=_SCOPE_HELP, show_default=False)
    ] = None,
    target: Target = None,
    reason: Reason = None,
) -> None:
    """Stop steps from starting: all, or those of one executor, agent, kind, source or mission; or a schedule.

    Running steps go on; so do events, proposals and approvals. Without SCOPE: show what is paused.
    """
    with session.client() as client:
        if scope is None:
            _list(session, client)
            return
        done = client.pause(scope.value, target, actor=actor, reason=reason)

    def text() -> None:
        said = "is paused" if done["changed"] else "was paused already"
        output.say(f"{_name(done)} {said}; {done['ready']} ready steps are covered")
        _say_stragglers(done)
        output.say(f"resume: {session.command('resume', *_words(done))}")

    session.show(done, text)


def _list(session: Session, client: OwningClient) -> None:
    pauses = client.list_pauses()

    def text() -> None:
        if not pauses:
            output.say("nothing is paused")
            return
        rows = [
            [
                one.scope,
                one.target,
                "killed" if one.kill else "paused",
                output.age(one.paused_at),
                one.paused_by,
                one.paused_login,
                one.parked,
                one.reason,
            ]
            for one in pauses
        ]
        output.console().print(
            output.table("Pauses", ["scope", "target", "how", "age", "by", "login", "parked", "reason"], rows)
        )

    session.show(pauses, text, shows=True)


def resume(
    session: Session,
    scope: Annotated[Scope, typer.Argument(metavar="SCOPE", help=_SCOPE_HELP)],
    actor: Actor,
    target: Target = None,
    reason: Reason = None,
) -> None:
    """Lift a pause; `all` ends the kill switch too."""
    with session.client() as client:
        done = client.resume(scope.value, target, actor=actor, reason=reason)

    def text() -> None:
        said = "goes on" if done["changed"] else "was not paused"
        output.say(f"{_name(done)} {said}; {done['requeued']} steps queued again")
        if done["still_paused"]:
            output.say(f"{done['still_paused']} steps stay parked: another pause covers them")
        if done["remaining"]:
            output.say(f"{done['remaining']} steps are left to the heartbeats")
        if done.get("held"):
            output.say(f"{done['held']} steps wait for a person: {session.command('inbox')}")

    session.show(done, text)


def kill(session: Session, actor: Actor, reason: Reason = None) -> None:
    """Stop everything at once: nothing starts, all leases are void, and late results are refused.

    Reports of what was running are kept as evidence. `opsloop resume all` ends it.
    """
    with session.client() as client:
        done = client.kill_switch(actor=actor, reason=reason)

    def text() -> None:
        said = "stopped" if done["changed"] else "it was stopped already"
        output.say(
            f"{said}; {done['revoked']} running steps taken back, {done['held']} of them wait for a person"
        )
        if done["remaining"]:
            output.say(f"{done['remaining']} more are held by open transactions; heartbeats take them back")
        _say_stragglers(done)
        output.say(f"resume: {session.command('resume', 'all')}")

    session.show(done, text)


def after_restore(session: Session, actor: Actor) -> None:
    """End a restore, before workers start: revoke leases and locks, and make the queue anew.

    Part of every restore (docs/recovery.md). Refused while a worker lives. A second call does no harm.
    """
    with session.client() as client:
        done = client.after_restore(actor=actor)

    def text() -> None:
        queued = ", ".join(f"{number} {what}" for what, number in done["queued"].items())
        output.say(f"epoch {done['epoch']}; {done['revoked']} leases revoked; queued: {queued}")
        if done["held"]:
            output.say(f"{done['held']} steps wait for a person: {session.command('inbox')}")
        if done["remaining"]:
            output.say(
                f"{done['remaining']} running steps could not be taken back: end other sessions, call again"
            )
        if steps := done["may_run_again"]["by_executor"]:
            again = ", ".join(f"{number} of {name}" for name, number in sorted(steps.items()))
            output.say(f"may run again, as they may have run since the backup: {again}")

    session.show(done, text)


def end_session(
    session: Session,
    pid: Annotated[int, typer.Argument(metavar="PID", min=1, help="The process, as `explain` names it.")],
    actor: Actor,
    reason: Reason = None,
) -> None:
    """End a session that is in the way: one in a transaction that has locked or written rows of this loop.

    Its uncommitted work is undone.
    """
    with session.client() as client:
        was = client.end_session(pid, actor=actor, reason=reason)
    session.show({"pid": pid, "was": was}, lambda: output.say(f"{output.one_line(was)}: ended"))


def drain(
    session: Session,
    actor: Actor,
    reason: Reason = None,
    timeout: Annotated[float, typer.Option("--timeout", min=0, help="Seconds to wait for what runs.")] = 60.0,
) -> None:
    """Pause everything and wait until nothing runs: before a deploy.

    Exit code 1 when steps still run after --timeout; it lists them with their workers. The pause stays either way,
    until `opsloop resume all`.
    """
    why = reason or "drain"
    ends = time.monotonic() + timeout
    with session.client() as client:
        paused = client.pause("all", actor=actor, reason=why)
        said = -1
        while True:
            running = client.list_running(_MOST)
            late = paused["could_still_commit"]
            if (not running and not late) or time.monotonic() >= ends:
                break
            if len(running) != said:
                said = len(running)
                output.say(f"{_number(running)} steps run", stderr=True)
            time.sleep(min(_POLL_SECONDS, max(0.0, ends - time.monotonic())))
            if late:
                paused = client.pause("all", actor=actor, reason=why)
    drained = not running and not late

    def text() -> None:
        if drained:
            output.say("drained: nothing runs, and nothing starts")
        else:
            output.say(f"not drained: {_number(running)} steps run")
            for step in running:
                output.say(
                    f"  {step.step_id} {step.kind} by {step.worker_id}, for {output.age(step.reserved_at)}, "
                    f"deadline {output.age(step.deadline_at)}"
                )
            _say_stragglers(paused)
        output.say(f"resume: {session.command('resume', 'all')}")

    session.show({"drained": drained, "running": running, "could_still_commit": late}, text)
    if not drained:
        raise typer.Exit(1)


def _name(done: dict[str, Any]) -> str:
    return " ".join(_words(done))


def _words(done: dict[str, Any]) -> list[str]:
    return [done["scope"], done["target"]] if done["target"] else [done["scope"]]


def _number(running: Sequence[RunningStep]) -> str:
    return f"{len(running)} or more" if len(running) == _MOST else str(len(running))


def _say_stragglers(done: dict[str, Any]) -> None:
    for one in done["could_still_commit"]:
        output.say(
            f"{_which(one)}, in a transaction since {one['since']}, may yet commit; to end it: {one['remedy']}"
        )


def _which(one: dict[str, Any]) -> str:
    if one["gid"] is not None:
        return f"prepared transaction {one['gid']} ({one['login']})"
    return f"session {one['pid']} ({one['login']}, {one['application']})"


def register(app: typer.Typer) -> None:
    """Add these commands to `app`."""
    command(app, "pause", LOOP)(pause)
    command(app, "resume", LOOP)(resume)
    command(app, "kill", LOOP)(kill)
    command(app, "after-restore", LOOP)(after_restore)
    command(app, "end-session", LOOP)(end_session)
    command(app, "drain", LOOP)(drain)
