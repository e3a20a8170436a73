"""Policy documents: history, differences, trying a draft, shadows, setting and rolling back."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from opsloop import jsonio
from opsloop.errors import InvalidArgument, InvalidPolicy
from opsloop.results import DryRun, PolicyTest
from opsloop.serve.pages.frame import action, page, show, then
from opsloop.serve.pages.visit import Visit

_HISTORY = 50


@page("/policy")
async def policies(visit: Visit) -> Response:
    """The documents in force."""
    return await show(
        visit,
        "policies.html",
        documents=await visit.loop.list_policies(),
        shadows={one.key: one for one in await visit.loop.list_shadows()},
    )


@page("/policy/{key}")
async def policy(visit: Visit) -> Response:
    """One document, with its history."""
    key = visit.request.path_params["key"]
    document = await visit.loop.get_policy(key)
    return await _show(visit, key, jsonio.pretty(document, 2))


async def _show(visit: Visit, key: str, draft: str, **tried: Any) -> Response:
    history = await visit.loop.policy_history(key, _HISTORY)
    shadow = next((one for one in await visit.loop.list_shadows() if one.key == key), None)
    shown = {
        "tried": False, "changes": [], "decisions": [], "tests": None, "tests_text": "", "faults": None,
        "expected": history[0].version, "reason": "", **tried,
    }  # fmt: skip
    return await show(
        visit,
        "policy.html",
        here="/policy",
        live=False,
        key=key,
        version=history[0].version,
        changed=history[0],
        history=history,
        draft=draft,
        rows=min(40, max(8, draft.count("\n") + 2)),
        shadow=shadow,
        shadow_decisions=await visit.loop.shadow_decisions(key, 100) if shadow else [],
        **shown,
    )


@page("/policy/{key}/diff")
async def diff(visit: Visit) -> Response:
    """What differs between two versions."""
    key = visit.request.path_params["key"]
    from_, to = _version(visit.asked("from")), _version(visit.asked("to"))
    return await show(
        visit,
        "policydiff.html",
        here="/policy",
        key=key,
        from_=from_,
        to=to,
        changes=await visit.loop.diff_policy(key, from_, to),
    )


@action("/policy/shadow")
async def end_shadow(visit: Visit) -> Response:
    """End the shadow of a document."""
    await visit.loop.shadow_policy(visit.asked("key"), None, actor=visit.name, reason=visit.reason)
    return then(visit, "the shadow has ended")


@action("/policy/rollback")
async def rollback(visit: Visit) -> Response:
    """Put an earlier version in force, as a new one."""
    key, version = visit.asked("key"), _version(visit.asked("version"))
    new = await visit.loop.rollback_policy(key, version, actor=visit.name, reason=visit.reason)
    return then(visit, f"{key}: version {new} is in force, as version {version} was")


@action("/policy/{key}")
async def change(visit: Visit) -> Response:
    """Try a draft, judge it beside the one in force, or set it."""
    key, draft = visit.request.path_params["key"], visit.asked("document")
    expected = _version(visit.asked("expected"))
    document = _parsed(draft, "the document")
    if not isinstance(document, dict):
        raise InvalidArgument(
            "the document must be a JSON object", hint="Go back; what you wrote is still there."
        )
    if visit.asked("do") == "set":
        version = await visit.loop.set_policy(
            key, document, actor=visit.name, expected_version=expected, reason=visit.reason
        )
        return then(visit, f"{key}: version {version} is in force", f"/policy/{key}")
    if visit.asked("do") == "shadow":
        await visit.loop.shadow_policy(key, document, actor=visit.name, reason=visit.reason)
        return then(visit, "it is judged beside the one in force, and decides nothing", f"/policy/{key}")
    written = visit.asked("tests")
    tests = _parsed(written, "the tests") if written else None
    if tests is not None and not isinstance(tests, list):
        raise InvalidArgument("the tests must be a list", hint='Each is {"name", "given", "expect"}.')
    asked = {"tests_text": written, "expected": expected, "reason": visit.asked("reason")}
    faults, decisions, tested = await _tried(visit, key, document, tests)
    if faults is not None:
        return await _show(visit, key, draft, faults=faults, **asked)
    return await _show(
        visit,
        key,
        draft,
        tried=True,
        changes=await visit.loop.diff_policy(key, expected, document=document),
        decisions=decisions,
        tests=tested,
        **asked,
    )


async def _tried(
    visit: Visit, key: str, document: dict[str, Any], tests: list[Any] | None
) -> tuple[dict[str, Any] | None, list[DryRun], list[PolicyTest] | None]:
    """What a draft would have decided, or its faults; these leave the transaction of the visit as it was."""
    try:
        async with visit.loop.conn.transaction():
            decisions = await visit.loop.dry_run_policy(key, document)
            tested = await visit.loop.test_policy(tests, {key: document}) if tests is not None else None
    except (InvalidPolicy, InvalidArgument) as error:
        found = error.detail.get("faults", []) if isinstance(error.detail, dict) else error.detail
        lines = found if isinstance(found, list) else []
        return {"code": error.code, "message": error.message, "lines": lines}, [], None
    return None, decisions, tested


def _parsed(written: str, what: str) -> Any:
    try:
        return jsonio.parse(written)
    except ValueError as error:
        raise InvalidArgument(
            f"{what} is no JSON: {error}", hint="Go back; what you wrote is still there."
        ) from None


def _version(written: str) -> int:
    if not written.isdecimal() or len(written) > 9:
        raise InvalidArgument(f"{written or 'nothing'} is no version", hint="Load the page again.")
    return int(written)
