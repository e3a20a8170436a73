"""Policy as a file: which fields of which policy documents shall have which values.

TOML or JSON, one table or object per document:

    [auto_approve]
    allowed_step_kinds = ["noop", "radar", "disk_free"]

A field that the file names replaces that field of the document in force, as a whole. Documents and fields that the
file does not name stay as they are. `$schema` of a JSON file names the schema for editors, the list `tests` has
examples of what shall be decided, and the list `schedules` all schedules that come from a file. The database checks
what comes of it, as it does for `policy set`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from opsloop import jsonio
from opsloop.cli.jsonin import kind, parse
from opsloop.client import OwningClient
from opsloop.errors import (
    InvalidArgument,
    InvalidPolicy,
    PolicyNotFound,
    PolicyTestsFail,
    PolicyVersionConflict,
)

Documents = dict[str, dict[str, Any]]
Tests = list[dict[str, Any]]
Schedules = list[Any]


class PolicyFile(NamedTuple):
    """The content of a policy file."""

    documents: Documents
    tests: Tests
    schedules: Schedules | None
    """None where it has no such list: schedules then stay as they are."""


class Applied(NamedTuple):
    """The changes by a policy file."""

    versions: dict[str, int]
    """The new version of each document."""
    schedules: dict[str, str]
    """`set` or `deleted`, by name."""

    def as_json(self) -> dict[str, Any]:
        """Return the versions and, where some changed, the schedules."""
        return {**self.versions, **({"schedules": self.schedules} if self.schedules else {})}

    def lines(self) -> list[str]:
        """Return it in words, a line for each change."""
        return [f"{key}: version {version} is in force" for key, version in self.versions.items()] + [
            f"schedule {name}: {change}" for name, change in self.schedules.items()
        ]


#: The documents that decide on proposals, and so can be tried.
JUDGING = (
    "reaction_matrix",
    "auto_approve",
    "proposal_caps",
    "worker_policy",
    "agent_roles",
    "approval_rules",
)

_TRIES = 5


def read(path: Path) -> Documents:
    """Read a policy file. Raises InvalidArgument (OPS_018) for the file, InvalidPolicy (OPS_017) for what is in it."""
    return read_whole(path).documents


def read_whole(path: Path) -> PolicyFile:
    """Read all of a policy file. Raises as `read` does."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) else "it is not UTF-8 text"
        raise InvalidArgument(
            f"cannot read the policy file {path}: {reason}",
            detail={"file": str(path)},
            hint="Give a .toml or .json file; `opsloop init` writes one to start from.",
        ) from exc
    found = _toml(text, path) if path.suffix == ".toml" else parse(text, str(path), InvalidPolicy)
    if not isinstance(found, dict):
        raise InvalidPolicy(f"{path} must hold an object, not {kind(found)}", hint=_HINT)
    # For editors.
    found.pop("$schema", None)
    tests = found.pop("tests") if isinstance(found.get("tests"), list) else []
    schedules = found.pop("schedules") if isinstance(found.get("schedules"), list) else None
    for key in ("tests", "schedules"):
        if not isinstance(found.get(key, {}), dict):
            raise InvalidPolicy(
                f"{path}: {key} must be a list, not {kind(found[key])}",
                hint=f"Write each entry below a [[{key}]] of its own.",
            )
    for key, document in found.items():
        if not isinstance(document, dict):
            raise InvalidPolicy(f"{path}: {key} must be an object, not {kind(document)}", hint=_HINT)
    return PolicyFile(found, tests, schedules)


def drafts(client: OwningClient, documents: Documents) -> Documents:
    """Return what would be in force with these fields, of the documents that can be tried."""
    return {key: {**client.get_policy(key), **fields} for key, fields in documents.items() if key in JUDGING}


_HINT = 'Name documents and their fields, such as {"auto_approve": {"allowed_step_kinds": ["noop"]}}.'


def _toml(text: str, path: Path) -> Any:
    try:
        # As JSON has it: dates as text, and no number that is none.
        return jsonio.without_extras(tomllib.loads(text, parse_float=jsonio.number))
    except ValueError as exc:
        raise InvalidPolicy(f"{path} is not TOML that JSON could say: {exc}", hint=_HINT) from exc


def apply(
    client: OwningClient,
    documents: Documents,
    actor: str,
    reason: str | None = None,
    tests: Tests | None = None,
    schedules: Schedules | None = None,
    shown: Mapping[str, int] | None = None,
) -> Applied:
    """Put what differs in force, all of it or nothing; returns what that changed.

    Raises PolicyTestsFail (OPS_081) where policy would then decide otherwise than `tests` say.
    A change of a document by another session at the same moment is not overwritten: it is read, and tried again.
    `shown`: the versions that a person was shown; another one is then a PolicyVersionConflict (OPS_011).
    """
    for left in reversed(range(_TRIES if shown is None else 1)):
        try:
            with client.conn.transaction():
                changed = {
                    key: _set(client, key, fields, actor, reason, None if shown is None else shown[key])
                    for key, fields in documents.items()
                }
                _test(client, tests)
                applied = [] if schedules is None else client.apply_schedules(schedules, actor, reason)
        except PolicyVersionConflict:
            if not left:
                raise
        else:
            break
    return Applied(
        {key: version for key, version in changed.items() if version is not None},
        {one.name: one.change for one in applied if one.change != "unchanged"},
    )


def _test(client: OwningClient, tests: Tests | None) -> None:
    failed = [test for test in client.test_policy(tests) if not test.passed] if tests else []
    if failed:
        raise PolicyTestsFail(
            f"the first of {len(failed)} tests that fail: {failed[0].name}",
            detail={"failed": failed},
            hint="Nothing was changed. `opsloop policy test` tries the file and shows them all.",
        )


def _set(
    client: OwningClient,
    key: str,
    fields: dict[str, Any],
    actor: str,
    reason: str | None,
    shown: int | None,
) -> int | None:
    try:
        # In this order: a change between the two is a conflict, not overwritten.
        version = shown or client.policy_history(key, limit=1)[0].version
        document = client.get_policy(key)
    except PolicyNotFound as exc:
        exc.hint = (
            "`opsloop seed` makes the documents that opsloop knows, `opsloop policy set` one of your own; "
            "nothing was changed."
        )
        raise
    made = client.set_policy(
        key, {**document, **fields}, actor=actor, expected_version=version, reason=reason
    )
    return None if made == version else made
