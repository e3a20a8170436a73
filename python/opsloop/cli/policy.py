"""`policy get|set|apply|agree|export|try|shadow|test|schema|history|diff|rollback`: the documents that decide."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from opsloop import jsonio
from opsloop.cli import output, policychange, policyexport, policyfile
from opsloop.cli.jsonin import read_object
from opsloop.cli.session import DECISIONS, Actor, Reason, Session, a_while, command
from opsloop.client import OwningClient
from opsloop.errors import InvalidArgument, InvalidPolicy
from opsloop.results import PolicyShadow, PolicyTest

app = typer.Typer(
    name="policy", no_args_is_help=True, help="Read and change the documents that decide what may run."
)

Key = Annotated[str, typer.Argument(metavar="KEY", help="Name of the document, such as auto_approve.")]

Yes = Annotated[bool, typer.Option("--yes", help="Do not ask, also on a terminal.")]


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
    yes: Yes = False,
) -> None:
    """Put a new version of a policy document in force; a faulty one is refused with every fault.

    On a terminal it shows what differs and what that would have decided in the last week, and asks.
    """
    value = read_object(document, "DOCUMENT", InvalidPolicy)
    with session.client() as client:

        def put(shown: policychange.Versions | None) -> policyfile.Applied:
            before = policychange.in_force(client, key)
            expected = expected_version if shown is None else shown[key]
            made = client.set_policy(key, value, actor=actor, expected_version=expected, reason=reason)
            return policyfile.Applied({} if made == before else {key: made}, {})

        changed = _change(session, client, [key], put, yes=yes)
        version = changed.versions.get(key) or policychange.in_force(client, key)
        is_ours = version > 1 or policychange.is_known(client, key)
    if not (is_ours or session.json):
        output.say(f"{key} is a document of your own: opsloop knows none of that name", stderr=True)
    session.show(
        {"key": key, "version": version}, lambda: output.say(f"{key}: version {version} is in force")
    )


def apply(
    session: Session,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A policy file, TOML or JSON.")],
    actor: Actor,
    reason: Reason = None,
    yes: Yes = False,
) -> None:
    """Put in force what a file says; what it does not name stays as it is.

    One table (TOML) or object (JSON) per document, such as [auto_approve]: a field in it replaces that field of the
    document. Schedules that a file set and the [[schedules]] of this one leave out are deleted. All of it or, when one
    document is faulty or one of the file's [[tests]] fails, nothing. On a terminal it shows what differs and what that
    would have decided in the last week, and asks.
    """
    documents, tests, schedules = policyfile.read_whole(file)
    with session.client() as client:

        def put(shown: policychange.Versions | None) -> policyfile.Applied:
            return policyfile.apply(client, documents, actor, reason, tests, schedules, shown)

        changed = _change(session, client, list(documents), put, yes=yes)

    def text() -> None:
        for line in changed.lines() or ["nothing to do: all of it is in force"]:
            output.say(line)

    session.show(changed.as_json(), text)


def export(
    session: Session,
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="[FILE]", help="A .toml or .json file; left out: TOML on stdout.", show_default=False
        ),
    ] = None,
) -> None:
    """Write what is in force to a policy file, all documents of it.

    A file that is there is brought up to date: comments, order, tests and whatever says the same already stay as they
    are written. TOML has no null: fields that have one in them are left out, and named; JSON has everything.
    """
    if file is not None and file.suffix not in (".toml", ".json"):
        raise InvalidArgument(f"{file} is neither .toml nor .json", hint="Its suffix says what is written.")
    with session.client() as client:
        documents = {one.key: one.value for one in client.list_policies()}
    if not session.json and (file is None or file.suffix == ".toml"):
        for field in policyexport.without_toml(documents):
            output.say(f"left out, as TOML has no null: {field}", stderr=True)
    if file is None:
        session.show(
            documents, lambda: output.print_text(policyexport.as_toml(documents).rstrip("\n")), shows=True
        )
        return
    is_new = policyexport.write(file, documents)
    session.show(
        {"file": str(file), "changed": is_new},
        lambda: output.say(f"{file}: {'written' if is_new else 'up to date'}"),
    )


def _change(
    session: Session, client: OwningClient, keys: list[str], put: policychange.Put, *, yes: bool
) -> policyfile.Applied:
    if yes or not session.can_ask():
        return put(None)
    return policychange.confirmed(client, keys, put)


def agree(
    session: Session,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A policy file, TOML or JSON.")],
    actor: Actor,
    reason: Reason = None,
) -> None:
    """Agree to what a policy file changes, where approval_rules.policy asks for it; nothing in force changes.

    It counts for exactly these documents, until another version is in force. With the last one that has to agree,
    `policy apply` takes the file.
    """
    with session.client() as client:
        documents = policyfile.read(file)
        seats = {
            key: client.agree_policy(key, {**client.get_policy(key), **fields}, actor=actor, reason=reason)
            for key, fields in documents.items()
        }

    def text() -> None:
        for key, open_ in seats.items():
            output.say(f"{key}: {open_ or 'nobody has to agree'}")

    session.show(seats, text)


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
            output.say(policychange.describe(change))
        if not changes:
            output.say("nothing differs")

    session.show(changes, text)


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


def try_(
    session: Session,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A policy file, TOML or JSON.")],
    since: Annotated[
        timedelta,
        typer.Option("--since", parser=a_while, metavar="TIME", help="How far back, such as 7d or 12h."),
    ] = "7d",  # type: ignore[assignment]
    limit: Annotated[int, typer.Option("--limit", min=0, max=100_000, help="Decisions to list.")] = 50,
) -> None:
    """Show what a policy file would have decided on what was recorded, decision by decision; nothing changes."""
    with session.client() as client:
        documents = policyfile.drafts(client, policyfile.read(file))
        found = client.dry_run_policy(None, documents, datetime.now(UTC) - since, limit)
        shadows = [one for one in client.list_shadows() if one.key in documents]

    def text() -> None:
        for line in policychange.listing(found):
            output.say(line)
        for one in shadows:
            output.say(f"{_told(one)}: {session.command('policy', 'shadows')}")

    session.show(found, text)


def shadow(
    session: Session,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A policy file, TOML or JSON.")],
    actor: Actor,
    reason: Reason = None,
) -> None:
    """Judge by a policy file, too, what is emitted and proposed from now on; it decides nothing.

    What differs from the documents in force is set beside them; `policy shadows` shows what each would have decided.
    """
    with session.client() as client:
        documents = {
            key: document
            for key, document in policyfile.drafts(client, policyfile.read(file)).items()
            if client.diff_policy(key, document=document)
        }
        with client.conn.transaction():
            begun = {
                key: client.shadow_policy(key, document, actor=actor, reason=reason)
                for key, document in documents.items()
            }

    def text() -> None:
        for key, is_new in begun.items():
            output.say(f"{key}: {'from now on judged by this, too' if is_new else 'judged by this already'}")
        if not begun:
            output.say("nothing to do: no document that judges events or proposals would differ")

    session.show(begun, text)


def shadows(
    session: Session,
    limit: Annotated[int, typer.Option("--limit", min=0, max=10_000, help="Decisions to list of each.")] = 50,
) -> None:
    """Show what the documents beside those in force would have decided since they were set."""
    with session.client() as client:
        found = {one.key: (one, client.shadow_decisions(one.key, limit)) for one in client.list_shadows()}

    def text() -> None:
        for one, rows in found.values():
            output.say(_told(one))
            for line in policychange.listing(rows):
                output.say(f"  {line}")
        if not found:
            output.say("there are none: `opsloop policy shadow FILE` sets them")

    session.show([{"shadow": one, "found": rows} for one, rows in found.values()], text)


def end_shadow(session: Session, key: Key, actor: Actor, reason: Reason = None) -> None:
    """End the shadow of a document, with what it found; what is in force stays."""
    with session.client() as client:
        ended = client.shadow_policy(key, actor=actor, reason=reason)
    session.show(
        {"key": key, "ended": ended}, lambda: output.say(f"{key}: {'ended' if ended else 'has none'}")
    )


def _told(one: PolicyShadow) -> str:
    return f"shadow of {one.key}, since {output.age(one.since)}: {one.differing} of {one.decisions} decisions otherwise"


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
    command(app, "agree")(agree)
    command(app, "try", shows=True)(try_)
    command(app, "shadow")(shadow)
    command(app, "shadows", shows=True)(shadows)
    command(app, "end-shadow")(end_shadow)
    command(app, "test", shows=True)(test)
    command(app, "schema", shows=True)(schema_)
    command(app, "export")(export)
    command(app, "history", shows=True)(history)
    command(app, "diff", shows=True)(diff)
    command(app, "rollback")(rollback)
    parent.add_typer(app, rich_help_panel=DECISIONS)
