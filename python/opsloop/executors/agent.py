"""`agent`: asks a language model, at any endpoint that speaks the chat completions of OpenAI.

Params: `role` (a role of the policy document `agent_roles`), `prompt` (text) or `messages` (list of `{"role": "user" or
"assistant", "content": text}`), `response` (`text`, the default; `json`; `proposal`).

Which endpoint, which model and which key is policy: the role has `base_url`, `model`, `api_key_env` (the name of the
variable in the worker's environment that holds the key), `system`, `max_tokens`, `temperature`, `timeout_seconds`
(120). Nothing in params can change them. `base_url` may be a private address, since policy names it; redirects are not
followed, and proxies named in the environment are not used.

Result: `{"role", "model", "text", "finish_reason"}`. With `json` the answer must be JSON, and the result has it as
`json`. With `proposal` it must be one proposal template, or `{"proposals": [template, …]}`; they are proposed by
`fn_propose_for_step` under the step's lease, with the source `agent:<role>`, and the result has what became of them as
`proposals`. An answer that does not fit fails the attempt, and the next attempt tells the model what was wrong with it.
The output of the model is data: it is never scanned for placeholders, and its proposals go through the gate.

408, 425, 429, 5xx and what went wrong on the way may be tried again; any other answer fails the step for good.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from opsloop import jsonio, net
from opsloop.client import AsyncClient
from opsloop.errors import GateRefused, InvalidTemplate, ParamsRefused
from opsloop.executors.context import Context
from opsloop.executors.outcomes import Fatal, Retry
from opsloop.executors.registry import executor

DEFAULT_TIMEOUT = 120.0
BODY_LIMIT = 1024 * 1024
TEXT_LIMIT = 64 * 1024
_QUOTED = 4_000
_FENCE = re.compile(r"\A\s*```[a-z]*\n(.*?)\n?```\s*\Z", re.DOTALL)

_JSON_ONLY = "Answer with one JSON value and nothing else: no prose, no code fence."
_PROPOSAL = (
    "Answer with one JSON object and nothing else: no prose, no code fence. It is "
    '{"proposals": [{"title": text, "risk_level": "low" or "medium" or "high", "steps": [{"key": name, "kind": name, '
    '"executor": name, "params": object, "depends_on": [keys]}]}]}. Steps of one proposal run one after the other and '
    "only when those before them succeeded. Each proposal is judged by itself: put apart what may run at once from "
    'what a person has to approve. A command is {"kind": name, "executor": "command", "params": {"argv": [program, '
    "arguments]}}, never a shell. Write out exactly what is to run; {{ may not occur."
)
_INSTRUCTIONS = {"text": "", "json": _JSON_ONLY, "proposal": _PROPOSAL}


@executor("agent", concurrency=10)
async def run(ctx: Context) -> Any:
    """Ask the model of the role, and do with its answer what `response` says."""
    role, wanted, messages = _params(ctx.params)
    settings = (ctx.settings.get("agent_roles") or {}).get(role)
    if settings is None:
        raise Fatal(f"agent_roles has no role {role}")
    said = await _ask(ctx, role, settings, _conversation(settings, wanted, messages, ctx.last_progress))
    result: dict[str, Any] = {"role": role, "model": said["model"], "finish_reason": said["finish_reason"]}
    if wanted == "text":
        return {**result, "text": said["text"][:TEXT_LIMIT]}
    value = _value(ctx, said)
    if wanted == "json":
        return {**result, "text": said["text"][:TEXT_LIMIT], "json": value}
    return {**result, "text": said["text"][:TEXT_LIMIT], "proposals": await _propose(ctx, said, value)}


def _params(params: Any) -> tuple[str, str, list[dict[str, str]]]:
    wanted = params.get("response") or "text"
    role, prompt, messages = params.get("role"), params.get("prompt"), params.get("messages")
    if not isinstance(role, str) or wanted not in _INSTRUCTIONS or (prompt is None) == (messages is None):
        raise ParamsRefused("agent: role, and either prompt or messages; response is text, json or proposal")
    given = [{"role": "user", "content": prompt}] if messages is None else messages
    said = []
    for message in given:
        if not isinstance(message, dict) or message.get("role") not in ("user", "assistant"):
            raise ParamsRefused('agent: messages must have the role "user" or "assistant"')
        # A placeholder alone in its place keeps its type.
        content = message.get("content")
        text = content if isinstance(content, str) else jsonio.text(content)
        said.append({"role": message["role"], "content": text})
    return role, wanted, said


def _conversation(
    settings: Mapping[str, Any], wanted: str, messages: list[dict[str, str]], last: Any
) -> list[dict[str, str]]:
    system = "\n\n".join(
        part
        for part in (settings.get("system") or settings.get("description"), _INSTRUCTIONS[wanted])
        if part
    )
    conversation = [{"role": "system", "content": system}, *messages] if system else list(messages)
    if isinstance(last, dict) and "refused" in last:
        conversation += [
            {"role": "assistant", "content": str(last.get("answer", ""))},
            {"role": "user", "content": f"That answer was refused: {last['refused']}. Answer again."},
        ]
    return conversation


async def _ask(
    ctx: Context, role: str, settings: Mapping[str, Any], messages: list[dict[str, str]]
) -> dict[str, Any]:
    """One question to the endpoint; returns text, model and finish_reason."""
    base_url, model = settings.get("base_url"), settings.get("model")
    if not base_url or not model:
        raise Fatal(f"agent_roles: the role {role} has no base_url or no model")
    key = os.environ.get(settings["api_key_env"]) if settings.get("api_key_env") else None
    if key is None and settings.get("api_key_env"):
        raise Retry(f"this worker's environment has no {settings['api_key_env']}")
    timeout = float(settings.get("timeout_seconds") or DEFAULT_TIMEOUT)
    remaining = ctx.remaining()
    body: dict[str, Any] = {"model": model, "messages": messages}
    for name in ("max_tokens", "temperature"):
        if settings.get(name) is not None:
            body[name] = settings[name]
    headers = {
        "Content-Type": "application/json",
        "Idempotency-Key": f"{ctx.idempotency_key}:{ctx.attempt}",
    }
    if key is not None:
        headers["Authorization"] = f"Bearer {key}"
    try:
        answer = await net.ask(
            "POST",
            net.parsed(f"{base_url.rstrip('/')}/chat/completions"),
            headers=headers,
            body=jsonio.dumps(body),
            seconds=timeout if remaining is None else min(timeout, remaining),
            keep=BODY_LIMIT,
            decode=True,
            allow_private=True,
            allowed_by="",
        )
    except net.CannotBeSent as error:
        raise Fatal(f"agent_roles: {role} cannot be asked: {error}") from error
    if not answer.is_success:
        # Some endpoints quote the key that they refuse.
        said = answer.body if key is None else answer.body.replace(key.encode(), b"***")
        raise net.failure(replace(answer, body=said))
    if answer.truncated:
        raise Retry(f"the endpoint of {role} answered with more than {BODY_LIMIT} bytes")
    return _read(ctx, role, answer.body)


def _read(ctx: Context, role: str, answer: bytes) -> dict[str, Any]:
    try:
        said = jsonio.loads(answer)
        choice = said["choices"][0]
        text = choice["message"]["content"] or ""
        if not isinstance(text, str):
            raise TypeError("content is not text")
        used = said.get("usage") or {}
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise Retry(f"the endpoint of {role} did not answer with a chat completion") from error
    tokens = {
        name: used[name]
        for name in ("prompt_tokens", "completion_tokens")
        if isinstance(used, dict) and jsonio.is_number(used.get(name))
    }
    if tokens:
        ctx.usage(tokens=sum(tokens.values()), **tokens)
    return {"text": text, "model": str(said.get("model", "")), "finish_reason": choice.get("finish_reason")}


def _value(ctx: Context, said: Mapping[str, Any]) -> Any:
    """The JSON value that the model answered with."""
    text = said["text"]
    fenced = _FENCE.match(text)
    try:
        return jsonio.loads(fenced[1] if fenced else text)
    except ValueError as error:
        cut = " (it was cut off)" if said["finish_reason"] == "length" else ""
        raise _refused(ctx, text, f"it is not JSON{cut}: {error}") from error


async def _propose(ctx: Context, said: Mapping[str, Any], value: Any) -> list[dict[str, Any]]:
    templates = value["proposals"] if isinstance(value, dict) and "proposals" in value else [value]
    try:
        async with ctx.transaction() as conn:
            made = await AsyncClient(conn, ctx.schema).propose_for_step(
                ctx.step_id, ctx.lease_token, jsonio.copy(templates)
            )
    except InvalidTemplate as error:
        faults = error.detail if isinstance(error.detail, list) else [error.message]
        raise _refused(ctx, said["text"], "; ".join(str(fault) for fault in faults)) from error
    except GateRefused as error:
        raise Fatal(str(error)) from error
    return [
        {
            "proposal_id": one.proposal_id,
            "status": one.status,
            "mission_id": one.mission_id,
            "reason": one.reason,
        }
        for one in made
    ]


def _refused(ctx: Context, text: str, why: str) -> Retry:
    """The attempt failed by what the model said; the next one tells it so."""
    ctx.progress({"refused": why[:_QUOTED], "answer": text[:_QUOTED]})
    return Retry(f"the answer of {ctx.params['role']} does not fit: {why[:_QUOTED]}")
