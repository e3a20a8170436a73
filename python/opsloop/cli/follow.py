"""`--wait`: following a proposal to its end, and printing what came of it."""

from __future__ import annotations

import time
from typing import Annotated, Any
from uuid import UUID

import typer

from opsloop import jsonio
from opsloop.cli import output
from opsloop.cli.session import Session
from opsloop.client import OwningClient
from opsloop.results import ListedMission, ListedProposal, StepResult

_FIRST_PAUSE = 0.05
_LONGEST_PAUSE = 1.0
#: Seconds after which a state is told.
_LASTS = 1.0
_ENDED = ("succeeded", "failed", "cancelled")

Wait = Annotated[
    bool,
    typer.Option(
        "--wait", help="Follow it to its end and print the result; exit code 1 unless it succeeded in time."
    ),
]
Timeout = Annotated[
    float | None,
    typer.Option("--timeout", min=0, help="Seconds to wait at most (default: as long as it takes)."),
]


def follow(session: Session, client: OwningClient, proposal_id: UUID, seconds: float | None) -> None:
    """Wait until a proposal has been decided on and its mission has ended. Raises typer.Exit unless it succeeded."""
    ends = None if seconds is None else time.monotonic() + seconds
    pause, said, told, since = _FIRST_PAUSE, "", "", time.monotonic()
    while True:
        proposal = client.list_proposals(1, proposal_id=proposal_id)[0]
        mission = client.list_missions(1, mission_id=proposal.mission_id)[0] if proposal.mission_id else None
        state = _state(proposal, mission)
        if state != said:
            pause, said, since = _FIRST_PAUSE, state, time.monotonic()
        over = ends is not None and time.monotonic() >= ends
        # A wait that passes at once need not be reported.
        if state != told and not session.json and (over or time.monotonic() - since >= _LASTS):
            output.say(state, stderr=True)
            told = state
        pause = min(_LONGEST_PAUSE, pause * 1.5)
        if (mission and mission.status in _ENDED) or proposal.status in ("rejected", "expired"):
            break
        if over:
            break
        time.sleep(pause if ends is None else max(0.0, min(pause, ends - time.monotonic())))
    results = client.mission_results(mission.mission_id, 1000) if mission else []
    shown = {"proposal": proposal, "mission": mission, "results": results}
    session.show(shown, lambda: _tell(session, proposal, mission, results))
    if mission is None or mission.status != "succeeded":
        raise typer.Exit(1)


def _state(proposal: ListedProposal, mission: ListedMission | None) -> str:
    if mission is None:
        why = f": {proposal.reason}" if proposal.reason else ""
        return f"proposal {proposal.proposal_id}: {proposal.status}{why}"
    done = f"{mission.steps_total - mission.steps_open} of {mission.steps_total} steps"
    stuck = f"; stuck: {mission.stuck}" if mission.stuck else ""
    return f"mission {mission.mission_id}: {mission.status}, {done}{stuck}"


def _tell(
    session: Session, proposal: ListedProposal, mission: ListedMission | None, results: list[StepResult]
) -> None:
    for one in results:
        output.print_text(output.one_line(f"{one.key}: {one.status}{_result(one)}"))
    if mission is None:
        output.say(f"proposal {proposal.proposal_id}: {proposal.status}")
        return
    said = f": {mission.error}" if mission.error else ""
    output.print_text(output.one_line(f"mission {mission.mission_id}: {mission.status}{said}"))
    if mission.status not in _ENDED:
        output.say(f"it goes on; why it waits: {session.command('show', mission.mission_id)}")


def _result(one: StepResult) -> str:
    value: Any = one.result
    if not one.is_whole:
        return ", with a result too large to be shown"
    return "" if value is None else f" {jsonio.pretty(value)}"
