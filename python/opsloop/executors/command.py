"""`command`: runs a program. Never a shell; which programs may run is policy, enforced in SQL.

Params: `argv` (list of texts, the program first), `env` (object of texts), `cwd`, `stdin` (text). Which names `env`
may have and what `cwd` may be is policy as well. The program is looked up in the worker's PATH, whatever `env` says.

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
import tempfile
from asyncio.subprocess import Process
from collections.abc import Coroutine
from pathlib import Path
from typing import IO, Any, Self

from opsloop.errors import ParamsRefused
from opsloop.executors.context import Context
from opsloop.executors.outcomes import Fatal, Retry
from opsloop.executors.registry import executor

OUTPUT_LIMIT = 64 * 1024
KILL_AFTER = 2.0
#: Seconds to wait for the rest of its output once the program has ended: a child out of its group may hold the pipes.
DRAIN = 1.0
_ERROR_TAIL = 2_000
_INHERITED = ("PATH", "HOME", "LANG")


@executor("command", concurrency=4)
async def run(ctx: Context) -> Any:
    """Run the program to its end and judge its exit code."""
    argv, cwd, stdin = check(ctx.params)
    own = {
        "OPS_IDEMPOTENCY_KEY": ctx.idempotency_key,
        "OPS_STEP_ID": ctx.step_id,
        "OPS_ATTEMPT": str(ctx.attempt),
    }
    return await execute(argv, cwd, stdin, environment(ctx.params, own))


async def execute(argv: list[str], cwd: str | None, stdin: bytes | None, env: dict[str, str]) -> Any:
    """Run a program to its end; cancelled, end it. Raises Retry for any exit code but 0, Fatal if there is none."""
    program = shutil.which(argv[0])
    if program is None:
        raise Fatal(f"there is no program {argv[0]!r} on this worker")
    with contextlib.ExitStack() as files:
        out, err = await _Kept.open(files, last=False), await _Kept.open(files, last=True)
        try:
            process = await _started(
                asyncio.create_subprocess_exec(
                    program,
                    *argv[1:],
                    stdin=_input(files, stdin),
                    stdout=out.write_end,
                    stderr=err.write_end,
                    cwd=cwd,
                    env=env,
                    start_new_session=True,
                )
            )
        except OSError as error:
            raise Retry(f"{argv[0]!r} could not be started: {error.strerror or error}") from error
        finally:
            out.close_write_end()
            err.close_write_end()
        try:
            code = await process.wait()
        except asyncio.CancelledError:
            await _end_group(process)
            raise
        # A child that outlives the program would hold the pipes open for ever: end it, then read the rest.
        _signal_group(process, signal.SIGKILL)
        # The exit code is known: nothing that is asked of this task from now on changes it.
        with contextlib.suppress(TimeoutError, asyncio.CancelledError):
            async with asyncio.timeout(DRAIN):
                await out.to_end()
                await err.to_end()
    if code != 0:
        how = f"exit code {code}" if code > 0 else f"signal {signal.Signals(-code).name}"
        raise Retry(f"{argv[0]!r} ended with {how}: {err.text()[-_ERROR_TAIL:].strip()}")
    return {
        "exit_code": code,
        "stdout": out.text(),
        "stderr": err.text(),
        "truncated": out.truncated or err.truncated,
    }


def check(params: Any) -> tuple[list[str], str | None, bytes | None]:
    """Program with arguments, working directory and input. Raises ParamsRefused."""
    unknown = sorted(set(params) - {"argv", "env", "cwd", "stdin"})
    if unknown:
        raise ParamsRefused(f"command: unknown params {', '.join(unknown)}")
    argv = params.get("argv")
    if not isinstance(argv, list) or not argv or not argv[0]:
        raise ParamsRefused("command: argv must be a list of texts, the program first")
    # The database writes numbers as the texts that policy judged; nothing is written anew here.
    if not all(isinstance(part, str) and "\0" not in part for part in argv):
        raise ParamsRefused("command: argv may hold nothing but texts")
    cwd = params.get("cwd")
    if cwd is not None and not (isinstance(cwd, str) and Path(cwd).is_dir()):
        raise ParamsRefused("command: cwd must be a directory on the worker")
    stdin = params.get("stdin")
    if stdin is not None and not isinstance(stdin, str):
        raise ParamsRefused("command: stdin must be text")
    return argv, cwd, None if stdin is None else stdin.encode()


def environment(params: Any, own: dict[str, str]) -> dict[str, str]:
    """The environment of the program: the little that is inherited, what `env` adds, and `own`."""
    given = params.get("env") or {}
    if not isinstance(given, dict) or not all(isinstance(value, str) for value in given.values()):
        raise ParamsRefused("command: env must be an object of texts")
    for name in given:
        if not name or "=" in name:
            raise ParamsRefused(f"command: env may not set {name!r}")
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    return {**inherited, **given, **own}


def _input(files: contextlib.ExitStack, text: bytes | None) -> int | IO[bytes]:
    """A file that holds the program's input: it may be read or not, and nobody has to feed it."""
    if text is None:
        return asyncio.subprocess.DEVNULL
    file = files.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 - the stack closes it
    file.write(text)
    file.seek(0)
    return file


class _Kept(asyncio.Protocol):
    """A pipe for the program to write to, of which the first, or the last, OUTPUT_LIMIT bytes are kept.

    asyncio's own pipes will not do: its `Process.wait` waits until nobody holds them open any more.
    """

    def __init__(self, *, last: bool) -> None:
        self._bytes = bytearray()
        self._last = last
        self._ended = asyncio.Event()
        self.truncated = False
        self.write_end = -1

    @classmethod
    async def open(cls, files: contextlib.ExitStack, *, last: bool) -> Self:
        """Make the pipe; its reading end is closed with `files`."""
        kept = cls(last=last)
        read_end, kept.write_end = os.pipe()
        loop = asyncio.get_running_loop()
        transport, _ = await loop.connect_read_pipe(lambda: kept, os.fdopen(read_end, "rb", 0))
        files.callback(transport.close)
        return kept

    def close_write_end(self) -> None:
        """Leave the writing end to the program."""
        os.close(self.write_end)

    async def to_end(self) -> None:
        """Wait until everything is read."""
        await self._ended.wait()

    def data_received(self, data: bytes) -> None:
        """Keep what was written, as far as there is room."""
        self._bytes += data
        if len(self._bytes) > OUTPUT_LIMIT:
            self.truncated = True
            if self._last:
                del self._bytes[:-OUTPUT_LIMIT]
            else:
                del self._bytes[OUTPUT_LIMIT:]

    def eof_received(self) -> None:
        """No process holds the writing end any more."""
        self._ended.set()

    def text(self) -> str:
        """The kept output, as text."""
        return self._bytes.decode("utf-8", "replace")


async def _started(starting: Coroutine[Any, Any, Process]) -> Process:
    """The program that is being started. Cancelled meanwhile it ends with its group: asyncio ends it alone."""
    task = asyncio.create_task(starting)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        with contextlib.suppress(OSError):
            await _end_group(await task)
        raise


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
