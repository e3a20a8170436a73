"""`policy get|set|apply|try|test|schema|history|diff|rollback`: the versioned documents that decide."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from opsloop import jsonio
from opsloop.cli import output, policyfile
from opsloop.cli.jsonin import read_object
from opsloop.cli.session import DECISIONS, Actor, Reason, Session, command
from opsloop.errors import InvalidArgument, InvalidPolicy
from opsloop.results import DryRun, PolicyChange, PolicyTest

app = typer.Typer(
    name="policy", no_args_is_help=True, help="Read and change the documents that decide what may run."
)

Key = Annotated[str, typer.Argument(metavar="KEY", help="Name of the document, such as auto_approve.")]


_UNITS = {"m": 60, "h": 3600, "d": 86_400}


def _ago(text: str) -> timedelta:
    number, unit = text[:-1], text[-1:]
    if not number.isdecimal() or unit not in _UNITS or len(number) > 6:
        raise typer.BadParameter("write a number and m, h or d, such as 7d")
    return timedelta(seconds=int(number) * _UNITS[unit])


def get(session: Session, key: Key) -> None:
    """Print a policy document, ready to be edited and given to `policy set`."""
    with session.client() as client:
        value = client.get_policy(key)
        version = client.policy_history(key, limit=1)[0].version

    def text() -> None:
        output.print_text(jsonio.pretty(value, 2))
        change = session.command("policy", "set", key, "@FILE", "--expected-version", version)
        output.say(f"version {version}; to change it: {change}", stderr=True)

    session.show({"key": key, "version": version, "value": value}, text)


def set_(
    session: Session,
    key: Key,
    document: Annotated[str, typer.Argument(metavar="DOCUMENT", help="JSON, @file, or - for stdin.")],
    actor: Actor,
    expected_version: Annotated[
        int | None,
        typer.Option("--expected-version", min=0, help="Only if this version is in force (OPS_011 else)."),
    ] = None,
    reason: Reason = None,
) -> None:
    """Put a new version of a policy document in force; a faulty one is refused with every fault."""
    value = read_object(document, "DOCUMENT", InvalidPolicy)
    with session.client() as client:
        version = client.set_policy(key, value, actor=actor, expected_version=expected_version, reason=reason)
    session.show(
        {"key": key, "version": version}, lambda: output.say(f"{key}: version {version} is in force")
    )


def apply(
    session: Session,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A policy file, TOML or JSON.")],
    actor: Actor,
    reason: Reason = None,
) -> None:
    """Put in force what a file says; what it does not name stays as it is.

    One table (TOML) or object (JSON) per document, such as [auto_approve]: a field in it replaces that field of the
    document. Schedules that a file set and the [[schedules]] of this one leave out are deleted. All of it or, when one
    document is faulty or one of the file's [[tests]] fails, nothing.
    """
    documents, tests, schedules = policyfile.read_whole(file)
    with session.client() as client:
        changed = policyfile.apply(client, documents, actor, reason, tests, schedules)

    def text() -> None:
        for line in changed.lines() or ["nothing to do: all of it is in force"]:
            output.say(line)

    session.show(changed.as_json(), text)


def history(
    session: Session,
    key: Key,
    limit: Annotated[int, typer.Option("--limit", min=1, help="Versions to list.")] = 20,
) -> None:
    """List the versions of a policy document, newest first: when, by whom and why; --json has the documents too."""
    with session.client() as client:
        versions = client.policy_history(key, limit=limit)

    def text() -> None:
        rows = [
            [v.version, f"{v.updated_at:%Y-%m-%d %H:%M:%S %Z}", v.changed_by, v.changed_login, v.reason]
            for v in versions
        ]
        output.console().print(output.table(key, ["version", "changed", "by", "login", "why"], rows))

    session.show(versions, text)


def diff(
    session: Session,
    key: Key,
    from_version: Annotated[
        int | None, typer.Argument(metavar="[FROM]", help="A version; left out: the one before.", min=0)
    ] = None,
    to_version: Annotated[
        int | None, typer.Argument(metavar="[TO]", help="A version; left out: the one in force.", min=1)
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option(
            "--file", help="A policy file: what it would change in the version, by default that in force."
        ),
    ] = None,
) -> None:
    """Show what differs between two versions of a policy document, path by path."""
    with session.client() as client:
        document = None
        if file is not None:
            fields = policyfile.read(file).get(key, {})
            document = {**client.get_policy(key), **fields}
        changes = client.diff_policy(key, from_version, to_version, document)

    def text() -> None:
        for change in changes:
            output.say(_changed(change))
        if not changes:
            output.say("nothing differs")

    session.show(changes, text)


def _changed(change: PolicyChange) -> str:
    before, after = (jsonio.text(value) for value in (change.before, change.after))
    if change.before is None and change.after is None:
        return f"~ {change.path}: null, which is as good as left out"
    if change.before is None:
        return f"+ {change.path}: {after}"
    if change.after is None:
        return f"- {change.path}: {before}"
    return f"~ {change.path}: {before} -> {after}"


def rollback(
    session: Session,
    key: Key,
    actor: Actor,
    version: Annotated[
        int | None,
        typer.Argument(metavar="[VERSION]", help="Back to this one; left out: the one before.", min=1),
    ] = None,
    reason: Reason = None,
) -> None:
    """Take a policy document back: what an earlier version says becomes a new version."""
    with session.client() as client:
        made = client.rollback_policy(key, version, actor=actor, reason=reason)
    session.show({"key": key, "version": made}, lambda: output.say(f"{key}: version {made} is in force"))


_SENTENCES = {
    "auto_approved": "would run by themselves",
    "pending": "would need a person",
    "waits": "would wait for the window of a cap",
    "rejected": "would be rejected",
    "failed": "would fail, as a placeholder has no value",
    "repeats": "would repeat an earlier proposal",
    "none": "would not be proposed",
    "unknown": "cannot be judged any more",
}


def try_(
    session: Session,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A policy file, TOML or JSON.")],
    since: Annotated[
        timedelta, typer.Option("--since", parser=_ago, metavar="AGE", help="How far back.")
    ] = "7d",  # type: ignore[assignment]
    limit: Annotated[int, typer.Option("--limit", min=0, max=100_000, help="Decisions to list.")] = 50,
) -> None:
    """Show what a policy file would have decided on what was recorded, decision by decision; nothing changes."""
    with session.client() as client:
        documents = policyfile.drafts(client, policyfile.read(file))
        found = client.dry_run_policy(None, documents, datetime.now(UTC) - since, limit)

    def text() -> None:
        differing = [row for row in found if row.kind == "matrix" and row.old_outcome != row.new_outcome]
        same = sum(row.decisions for row in found if row.kind == "matrix") - sum(
            r.decisions for r in differing
        )
        for outcome in dict.fromkeys(row.new_outcome for row in differing):
            more = sum(row.decisions for row in differing if row.new_outcome == outcome)
            output.say(f"{more} more {_SENTENCES[outcome]}")
            for row in found:
                if row.kind == "decision" and row.new_outcome == outcome:
                    output.say(f"  {output.one_line(_decision(row))}")
        output.say(f"{same} decisions would be the same")

    session.show(found, text)


def _decision(row: DryRun) -> str:
    what = row.proposal_id or f"event {row.event_id}"
    return f"{what} {row.title or ''} ({row.source}, was {row.old_outcome}): {row.rule or 'policy'}: {row.reason}"


def test(
    session: Session,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A policy file with [[tests]].")],
) -> None:
    """Run the tests of a policy file against what it says, else what is in force; nothing changes.

    Exit code 1 when one fails.
    """
    documents, tests, _ = policyfile.read_whole(file)
    if not tests:
        raise InvalidArgument(f"{file} has no tests", hint="docs/policy.md shows how one is written.")
    with session.client() as client:
        found = client.test_policy(tests, policyfile.drafts(client, documents))
    failed = [each for each in found if not each.passed]

    def text() -> None:
        for each in found:
            if each.passed:
                output.say(output.one_line(f"ok    {each.name}"))
            else:
                output.say(output.one_line(f"FAIL  {each.name}: {_missed(each)}"))
                output.say(f"      {output.one_line(each.got['reason'])}")
        output.say(f"{len(failed)} of {len(found)} tests fail" if failed else f"all {len(found)} tests pass")

    session.show(found, text)
    if failed:
        raise typer.Exit(1)


def _missed(tested: PolicyTest) -> str:
    return ", ".join(
        f"{field} is {tested.got.get(field, 'none')}, not {wanted}"
        for field, wanted in tested.expected.items()
        if tested.got.get(field) != wanted
    )


def schema_(
    session: Session,
    key: Annotated[
        str | None,
        typer.Argument(metavar="[KEY]", help="A document; left out: a policy file.", show_default=False),
    ] = None,
) -> None:
    """Print the JSON Schema of a policy file or of one document: what is checked, and what editors complete."""
    with session.client() as client:
        found = client.policy_schema(key)
    session.show(found, lambda: output.print_text(jsonio.pretty(found, 2)))


def register(parent: typer.Typer) -> None:
    """Add `policy` and its commands to `parent`."""
    command(app, "get", shows=True)(get)
    command(app, "set")(set_)
    command(app, "apply")(apply)
    command(app, "try", shows=True)(try_)
    command(app, "test", shows=True)(test)
    command(app, "schema", shows=True)(schema_)
    command(app, "history", shows=True)(history)
    command(app, "diff", shows=True)(diff)
    command(app, "rollback")(rollback)
    parent.add_typer(app, rich_help_panel=DECISIONS)
