"""`handoff execute|list` and `directive show`: directives that move from phase to phase."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import typer

from opsloop.cli import output
from opsloop.cli.jsonin import read_object
from opsloop.cli.session import WORK, Session, command
from opsloop.errors import InvalidArgument
from opsloop.results import DirectiveReason, ListedHandoff

handoff = typer.Typer(name="handoff", no_args_is_help=True, help="Hand directives over to their next phase.")
directive = typer.Typer(name="directive", no_args_is_help=True, help="Look at tracked work.")

Directive = Annotated[str, typer.Argument(metavar="SD", help="Id or sd_key of the directive.")]


def execute(
    session: Session,
    handoff_type: Annotated[str, typer.Argument(metavar="TYPE", help="Which one, such as EXEC-TO-PLAN.")],
    sd: Directive,
    gates: Annotated[
        str | None,
        typer.Option(
            "--gates", metavar="FILE", help="Results by gate as JSON: a file, - for stdin, or the JSON."
        ),
    ] = None,
    prd: Annotated[
        str | None, typer.Option("--prd", help="Id of its requirement, which moves with it.")
    ] = None,
    session_id: Annotated[str | None, typer.Option("--session", help="The session that asks for it.")] = None,
    request: Annotated[
        str | None, typer.Option("--request", help="Id of the request: the same again changes nothing more.")
    ] = None,
) -> None:
    """Judge a directive by its gates and move it, all of it or none.

    Exit code 1 when the gates block it, or the transition is refused or fails; then nothing has moved.
    """
    results = None if gates is None else read_object(_given(gates), "--gates", InvalidArgument)
    with session.client() as client:
        answer = client.execute_handoff(
            handoff_type, sd, prd_id=prd, session_id=session_id, gate_results=results, request_id=request
        )
    session.show(answer, lambda: output.print_text("\n".join(_told(session, answer))))
    if not answer["success"]:
        raise typer.Exit(1)


def _given(gates: str) -> str:
    """A file may be named without @, as the option promises."""
    return gates if gates == "-" or gates.lstrip().startswith(("@", "{")) else f"@{gates}"


def _told(session: Session, answer: dict[str, Any]) -> Iterator[str]:
    scored = answer.get("gates") or {}
    if answer["success"]:
        again = " (as before: that request was completed)" if answer["idempotent_hit"] else ""
        yield f"accepted: {answer['sd_id']} is in phase {output.one_line(answer['to_phase'])}{again}"
    else:
        code = answer.get("code") or f"SQLSTATE {answer['error_code']}"
        why = output.one_line(answer.get("error") or answer["error_message"])
        yield f"{answer.get('status', 'refused')}: {code}: {why}"
    if scored.get("normalizedScore") is not None:
        yield f"  score       {scored['normalizedScore']} of {scored['threshold']} needed"
    for name, gate in sorted((scored.get("gates") or {}).items()):
        state = "skipped" if gate["_skipped"] else "passed" if gate["passed"] else "failed"
        advisory = "" if gate["required"] else ", advisory"
        mended = f", {gate['_validation']['fixed']} mended" if gate["_validation"]["fixed"] else ""
        yield f"  {output.one_line(name)}: {state}, {gate['score']} of {gate['maxScore']}{advisory}{mended}"
    if answer.get("failed_step"):
        yield f"  failed in   {answer['failed_step']}; everything was undone"
    if not answer["success"]:
        yield f"  do          {output.one_line(answer.get('recovery_action') or answer['hint'])}"
    if answer.get("sd_id"):
        yield f"next: {session.command('directive', 'show', answer['sd_id'])}"


def list_(
    session: Session,
    sd: Annotated[str | None, typer.Option("--sd", help="Of this directive, by id or sd_key.")] = None,
    status: Annotated[str | None, typer.Option("--status", help="accepted, blocked or rejected.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help="Handoffs to list.")] = 20,
) -> None:
    """List handoffs that were asked for, newest first, with their scores against the threshold."""
    with session.client() as client:
        found = client.list_handoffs(sd, status, limit)

    def text() -> None:
        if found:
            output.console().print(_table(found))
        else:
            output.say("no handoffs")

    session.show(found, text)


def _table(found: list[ListedHandoff]) -> Any:
    rows = [
        [h.sd_id, h.handoff_type, output.status_text(h.status), _score(h), output.one_line(h.why or ""),
         f"{h.execution_time_ms} ms", output.age(h.created_at)]
        for h in found
    ]  # fmt: skip
    return output.table("Handoffs", ["directive", "handoff", "status", "score", "why", "took", "ago"], rows)


def _score(found: ListedHandoff) -> str:
    if found.threshold is None:
        return ""
    return f"{'none' if found.score is None else found.score} of {found.threshold}"


def show(session: Session, sd: Directive) -> None:
    """Show a directive: phase, version, the session that holds it, its last handoffs, and why it does not move on."""
    with session.client() as client:
        found = client.show_directive(sd)
        reasons = client.explain_directive(sd)
        handoffs = client.list_handoffs(sd, limit=5)

    def text() -> None:
        output.print_text("\n".join(_described(found)))
        if handoffs:
            output.console().print(_table(handoffs))
        output.print_text("\n".join(_reasons(reasons)))

    session.show({**found, "handoffs": handoffs, "reasons": reasons}, text)


def _described(found: dict[str, Any]) -> Iterator[str]:
    key = f" ({output.one_line(found['sd_key'])})" if found["sd_key"] else ""
    yield f"directive {output.one_line(found['id'])}{key}: {output.one_line(found['title'])}"
    yield f"  phase         {output.one_line(found['current_phase'])}"
    yield f"  status        {output.one_line(found['status'])}"
    yield f"  version       {found['transition_version']}"
    yield f"  type          {output.one_line(found['sd_type'] or 'none')}, needs {found['threshold']}"
    claim = found["claim"]
    held = (
        f"session {output.one_line(claim['session_id'])} until {claim['expires_at']}" if claim else "nobody"
    )
    yield f"  held by       {held}"
    for requirement in found["requirements"]:
        yield f"  requirement   {output.one_line(requirement['id'])}: {output.one_line(requirement['status'])}"
    if found["stories"]:
        counts = ", ".join(
            f"{number} {output.one_line(status)}" for status, number in found["stories"].items()
        )
        yield f"  stories       {counts}"
    yield f"  may take      {', '.join(found['transitions']) or 'no transition'}"


def _reasons(reasons: list[DirectiveReason]) -> Iterator[str]:
    if not reasons:
        yield "nothing keeps it from moving on"
    for reason in reasons:
        yield f"{reason.reason}: {output.one_line(reason.detail)}"
        yield f"  {output.one_line(reason.statement)}"


def register(parent: typer.Typer) -> None:
    """Add `handoff` and `directive` and their commands to `parent`."""
    command(handoff, "execute")(execute)
    command(handoff, "list", shows=True)(list_)
    command(directive, "show", shows=True)(show)
    parent.add_typer(handoff, rich_help_panel=WORK)
    parent.add_typer(directive, rich_help_panel=WORK)
