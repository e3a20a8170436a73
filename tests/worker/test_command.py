import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from opsloop.errors import ParamsRefused
from opsloop.executors import Context, Fatal, Retry, command
from support import wait_until
from worker.working import Process, Work


async def do(*argv: Any, **params: Any) -> Any:
    return await command.run(
        Context("0", {"argv": list(argv), **params}, idempotency_key="step:7", attempt=2)
    )


async def test_command_returns_what_the_program_printed() -> None:
    done = await do("sh", "-c", "echo out; echo err >&2; cat", stdin="in")

    assert done == {"exit_code": 0, "stdout": "out\nin", "stderr": "err\n", "truncated": False}


async def test_command_needs_no_shell_and_quotes_nothing() -> None:
    assert (await do("echo", "$HOME; rm -rf *", "7", "true"))["stdout"] == "$HOME; rm -rf * 7 true\n"


async def test_command_fails_with_the_end_of_what_it_complained(tmp_path: Path) -> None:
    with pytest.raises(Retry, match="'sh' ended with exit code 3: no good"):
        await do("sh", "-c", "echo no good >&2; exit 3")
    with pytest.raises(Retry, match="SIGKILL"):
        await do("sh", "-c", "kill -9 $$")
    with pytest.raises(Fatal, match="no program"):
        await do("no-such-program")


async def test_command_sees_nothing_of_the_environment_but_what_it_needs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://secret")
    monkeypatch.setenv("OPS_API_KEY", "secret")

    lines = (await do("env", env={"MINE": "1"}))["stdout"].splitlines()

    names = {line.partition("=")[0] for line in lines}
    assert names <= {"PATH", "HOME", "LANG", "MINE", "OPS_IDEMPOTENCY_KEY", "OPS_STEP_ID", "OPS_ATTEMPT"}
    assert {"MINE=1", "OPS_IDEMPOTENCY_KEY=step:7", "OPS_ATTEMPT=2"} <= set(lines)


async def test_command_keeps_the_start_of_stdout_and_the_end_of_stderr() -> None:
    script = "printf a; head -c 200000 /dev/zero | tr '\\0' x; (head -c 200000 /dev/zero | tr '\\0' x; printf z) >&2"
    done = await do("sh", "-c", script)

    assert done["truncated"]
    assert (len(done["stdout"]), done["stdout"][0]) == (command.OUTPUT_LIMIT, "a")
    assert (len(done["stderr"]), done["stderr"][-1]) == (command.OUTPUT_LIMIT, "z")


async def test_command_that_is_cancelled_ends_with_all_its_children(tmp_path: Path) -> None:
    child = tmp_path / "child"
    # Parent and child are deaf to SIGTERM.
    script = (
        f"trap '' TERM; (trap '' TERM; exec sleep 1000) & echo $! > {child}.new; mv {child}.new {child}; wait"
    )
    running = asyncio.create_task(do("sh", "-c", script))
    await asyncio.to_thread(wait_until, child.exists, "the child runs")

    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

    await asyncio.to_thread(wait_until, lambda: gone(int(child.read_text())), "the child is gone")


async def test_command_that_is_cancelled_while_it_starts_ends_with_all_its_children(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    child = tmp_path / "child"
    start, goes_on = asyncio.create_subprocess_exec, asyncio.Event()

    async def slowly(*argv: Any, **given: Any) -> asyncio.subprocess.Process:
        process = await start(*argv, **given)
        await goes_on.wait()
        return process

    monkeypatch.setattr(asyncio, "create_subprocess_exec", slowly)
    script = (
        f"trap '' TERM; (trap '' TERM; exec sleep 1000) & echo $! > {child}.new; mv {child}.new {child}; wait"
    )
    running = asyncio.create_task(do("sh", "-c", script))
    await asyncio.to_thread(wait_until, child.exists, "the child runs")

    running.cancel()
    await asyncio.sleep(0)
    goes_on.set()
    with pytest.raises(asyncio.CancelledError):
        await running

    await asyncio.to_thread(wait_until, lambda: gone(int(child.read_text())), "the child is gone")


async def test_command_does_not_wait_for_children_it_leaves_behind(tmp_path: Path) -> None:
    done = await asyncio.wait_for(do("sh", "-c", "sleep 1000 & echo $!"), 10)

    await asyncio.to_thread(wait_until, lambda: gone(int(done["stdout"])), "the child is gone")


@pytest.mark.parametrize(
    "params",
    [{}, {"argv": "ls"}, {"argv": []}, {"argv": [""]}, {"argv": ["ls", {}]}, {"argv": ["ls", None]},
     {"argv": ["ls", 7]}, {"argv": ["ls", True]}, {"argv": ["l\0s"]},
     {"argv": ["ls"], "env": {"A": 1}}, {"argv": ["ls"], "env": {"A=B": "1"}}, {"argv": ["ls"], "cwd": "/no/such"},
     {"argv": ["ls"], "stdin": 1}, {"argv": ["ls"], "shell": True}],
)  # fmt: skip
async def test_command_refuses_params_it_does_not_understand(params: dict[str, Any]) -> None:
    with pytest.raises(ParamsRefused, match="OPS_020: command: "):
        await command.run(Context("0", params))


def test_a_preset_runs_the_command_that_policy_wrote(work: Work, start: Callable[..., Process]) -> None:
    preset = {"argv": ["echo", "--say", "{{params.prompt}}"]}
    work.set_policy("worker_policy", presets={"openclaw": preset}, command_allow=[["echo", "..."]])
    step = work.step("openclaw", {"prompt": "$(id) hi"})

    assert start("--once").end() == (0, "1 steps run: 1 accepted\n")
    assert work.of(step, "result ->> 'stdout'") == "--say $(id) hi\n"


def test_a_command_that_is_not_on_the_allow_list_never_reaches_a_worker(work: Work) -> None:
    made = work.client.create_proposal(
        {"title": "t", "steps": [{"kind": "command", "params": {"argv": ["id"]}}]}
    )

    assert made.status == "rejected"
    assert (made.reason or "").startswith("OPS_003")


def gone(pid: int) -> bool:
    """Whether a process is gone, or dead and not collected yet."""
    try:
        os.kill(pid, 0)
        return "\nState:\tZ" in Path(f"/proc/{pid}/status").read_text()
    except (ProcessLookupError, FileNotFoundError):
        return True
