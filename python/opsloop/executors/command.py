"""`command`: runs a program. Never a shell; which programs may run is policy, enforced in SQL.

Params: `argv` (list of texts, the program first), `env` (object of texts), `cwd`, `stdin` (text).

Result: `{"exit_code", "stdout", "stderr", "truncated"}`; of stdout the first and of stderr the last 64 KiB are
kept. Any exit code but 0 is a failure that may be tried again. The program gets a process group of its own: at
the deadline, on cancellation, and when the program ends and leaves children behind, the whole group is ended, by
SIGTERM and two seconds later by SIGKILL. It sees PATH, HOME and LANG of the worker, OPS_IDEMPOTENCY_KEY,
OPS_STEP_ID, OPS_ATTEMPT and what `env` adds, and nothing else of the worker's environment.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
from asyncio.subprocess import PIPE, Process
from pathlib import Path
from typing import Any

from opsloop.errors import ParamsRefused
from opsloop.executors.context import Context
from opsloop.executors.outcomes import Fatal, Retry
from opsloop.executors.registry import executor

OUTPUT_LIMIT = 64 * 1024
KILL_AFTER = 2.0
_ERROR_TAIL = 2_000
_INHERITED = ("PATH", "HOME", "LANG")
# What would turn an allowed program into another one. Nothing here may come from params.
_FORBIDDEN = ("PATH", "LD_", "DYLD_", "OPS_")


@executor("command", concurrency=4)
async def run(ctx: Context) -> Any:
    """Run the program to its end and judge its exit code."""
    argv, cwd, stdin = _params(ctx.params)
    env = _environment(ctx)
    program = shutil.which(argv[0], path=env.get("PATH"))
    if program is None:
        raise Fatal(f"there is no program {argv[0]!r} on this worker")
    try:
        process = await asyncio.create_subprocess_exec(
            program,
            *argv[1:],
            stdin=PIPE if stdin is not None else asyncio.subprocess.DEVNULL,
            stdout=PIPE,
            stderr=PIPE,
            cwd=cwd,
            env=env,
            start_new_session=True,
        )
    except OSError as error:
        raise Retry(f"{argv[0]!r} could not be started: {error.strerror or error}") from error
    try:
        stdout, stderr = await _communicate(process, stdin)
    except asyncio.CancelledError:
        await _end_group(process)
        raise
    finally:
        _signal_group(process, signal.SIGKILL)
    code = await process.wait()
    if code != 0:
        how = f"exit code {code}" if code > 0 else f"signal {signal.Signals(-code).name}"
        raise Retry(f"{argv[0]!r} ended with {how}: {stderr.text()[-_ERROR_TAIL:].strip()}")
    return {
        "exit_code": code,
        "stdout": stdout.text(),
        "stderr": stderr.text(),
        "truncated": stdout.truncated or stderr.truncated,
    }


def _params(params: Any) -> tuple[list[str], str | None, bytes | None]:
    unknown = sorted(set(params) - {"argv", "env", "cwd", "stdin"})
    if unknown:
        raise ParamsRefused(f"command: unknown params {', '.join(unknown)}")
    argv = params.get("argv")
    if not isinstance(argv, list) or not argv or not argv[0]:
        raise ParamsRefused("command: argv must be a list of texts, the program first")
    if not all(isinstance(part, str) and "\0" not in part for part in argv):
        raise ParamsRefused("command: argv may hold nothing but texts")
    cwd = params.get("cwd")
    if cwd is not None and not (isinstance(cwd, str) and Path(cwd).is_dir()):
        raise ParamsRefused("command: cwd must be a directory on the worker")
    stdin = params.get("stdin")
    if stdin is not None and not isinstance(stdin, str):
        raise ParamsRefused("command: stdin must be text")
    return argv, cwd, None if stdin is None else stdin.encode()


def _environment(ctx: Context) -> dict[str, str]:
    given = ctx.params.get("env") or {}
    if not isinstance(given, dict) or not all(isinstance(value, str) for value in given.values()):
        raise ParamsRefused("command: env must be an object of texts")
    for name in given:
        if not name or "=" in name or name.startswith(_FORBIDDEN):
            raise ParamsRefused(f"command: env may not set {name!r}")
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    own = {
        "OPS_IDEMPOTENCY_KEY": ctx.idempotency_key,
        "OPS_STEP_ID": ctx.step_id,
        "OPS_ATTEMPT": str(ctx.attempt),
    }
    return {**inherited, **given, **own}


class _Kept:
    """The first, or the last, OUTPUT_LIMIT bytes of a stream."""

    def __init__(self, *, last: bool) -> None:
        self._bytes = bytearray()
        self._last = last
        self.truncated = False

    def add(self, chunk: bytes) -> None:
        self._bytes += chunk
        if len(self._bytes) > OUTPUT_LIMIT:
            self.truncated = True
            if self._last:
                del self._bytes[:-OUTPUT_LIMIT]
            else:
                del self._bytes[OUTPUT_LIMIT:]

    def text(self) -> str:
        return self._bytes.decode("utf-8", "replace")


async def _communicate(process: Process, stdin: bytes | None) -> tuple[_Kept, _Kept]:
    """Feed and read the program until it has ended; what its children still hold open is given up on."""
    stdout, stderr = _Kept(last=False), _Kept(last=True)
    readers = [
        asyncio.ensure_future(_copy(process.stdout, stdout)),
        asyncio.ensure_future(_copy(process.stderr, stderr)),
    ]
    try:
        if stdin is not None and process.stdin is not None:
            await _feed(process.stdin, stdin)
        await process.wait()
        # A child that outlives the program would hold the pipes open for ever: end it, then read the rest.
        _signal_group(process, signal.SIGKILL)
        await asyncio.gather(*readers)
    finally:
        for reader in readers:
            reader.cancel()
    return stdout, stderr


async def _copy(stream: asyncio.StreamReader | None, into: _Kept) -> None:
    while stream is not None and (chunk := await stream.read(OUTPUT_LIMIT)):
        into.add(chunk)


async def _feed(stream: asyncio.StreamWriter, data: bytes) -> None:
    # A program need not read its input.
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        stream.write(data)
        await stream.drain()
        stream.close()


async def _end_group(process: Process) -> None:
    """SIGTERM to the group, two seconds to obey, then SIGKILL; returns when the program is gone."""
    _signal_group(process, signal.SIGTERM)
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(process.wait(), KILL_AFTER)
    _signal_group(process, signal.SIGKILL)
    await process.wait()


def _signal_group(process: Process, number: signal.Signals) -> None:
    # Either error says that nobody is left in the group.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)
