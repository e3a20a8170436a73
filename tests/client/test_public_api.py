"""What users import: all of it from few places, documented, and typed so that mypy finds their mistakes."""

import dataclasses
import inspect
import re
import subprocess
import sys
import textwrap
import typing
from pathlib import Path

import pytest

import opsloop
from opsloop import Client, errors, executors, results, testing

CACHE = Path(__file__).resolve().parents[2] / ".mypy_cache/public_api"

RIGHT = """
    import asyncio
    from uuid import UUID

    import psycopg

    import opsloop
    from opsloop import AsyncClient, Client, Context, Fatal, OpsError, Retry, RetryAfter, executor
    from opsloop.errors import InvalidTemplate
    from opsloop.results import ListedStep, Proposal
    from opsloop.testing import Loop

    @executor("greet", idempotent=True, concurrency=2)
    def greet(ctx: Context) -> dict[str, str]:
        if ctx.attempt > 1 and ctx.remaining() is None:
            raise RetryAfter(5.0, "later")
        with ctx.transaction() as conn:
            conn.execute("select 1")
        ctx.progress({"n": 1})
        ctx.emit("greeted", {"name": ctx.params["name"]}, dedupe_key=ctx.idempotency_key)
        return {"text": "Hello"}

    @executor("think")
    async def think(ctx: Context) -> None:
        async with ctx.transaction() as conn:
            await conn.execute("select 1")
        raise Fatal("no") if ctx.cancelled else Retry("not yet")

    def propose(conn: psycopg.Connection[tuple[object, ...]]) -> UUID | None:
        made: Proposal = Client(conn).create_proposal({"title": "t", "steps": [{"kind": "greet"}]})
        return made.mission_id

    async def steps(mission: UUID) -> list[ListedStep]:
        async with opsloop.connect_async() as loop:
            return await loop.list_steps(mission)

    async def cancel(conn: psycopg.AsyncConnection[tuple[object, ...]], mission: UUID) -> str:
        try:
            return await AsyncClient(conn).cancel_mission(mission, reason="a test")
        except InvalidTemplate as error:
            return error.code
        except OpsError as error:
            return error.hint or error.message

    def test_greeting(loop: Loop) -> None:
        loop.register(greet)
        calls: list[Context] = loop.fake("http", {"status": 200})
        mission = loop.mission({"kind": "greet", "params": {"name": "Ann"}})
        for attempt in loop.run_until_idle():
            print(attempt.number + 1, attempt.completed_at - attempt.started_at)
        loop.clock.advance(minutes=5)
        loop.assert_succeeded(mission)

    if __name__ == "__main__":
        with opsloop.connect() as owner:
            print(owner.gate_proposal(UUID(int=0)).ok, asyncio.run(steps(UUID(int=0)))[0].run_after)
        print(greet(Context("step", {"name": "Ann"}))["text"])
    """
WRONG = """
    import opsloop
    from opsloop import Client, Context, executor
    from opsloop.testing import Loop

    @executor("greet", idempotent="yes")  # [arg-type]
    def greet(ctx: Context) -> dict[str, str]:
        ctx.emit({"name": "Ann"})  # [arg-type]
        return {"attempt": ctx.attempt}  # [dict-item]

    def use(client: Client) -> str:
        client.emit_event(7)  # [arg-type]
        client.emit_event("a:b", {}, "key")  # [call-arg]
        client.approve(1)  # [attr-defined]
        made = client.create_proposal({})
        made.status = "approved"  # [misc]
        return made.mission_id  # [return-value]

    async def forget() -> None:
        async with opsloop.connect_async() as loop:
            (await loop.heartbeat()).ok  # [attr-defined]
            loop.list_steps()[0]  # [index]

    def test_it(loop: Loop) -> None:
        loop.clock.advance(minutes="5")  # [arg-type]
        loop.run_until_idle(max_turns="many")  # [arg-type]
    """


def test_a_strict_program_passes_and_a_wrong_one_fails_where_it_is_wrong(tmp_path: Path) -> None:
    for name, text in (("right.py", RIGHT), ("wrong.py", WRONG)):
        (tmp_path / name).write_text(textwrap.dedent(text))
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--cache-dir", CACHE, "right.py", "wrong.py"],
        cwd=tmp_path,
        env={"MYPYPATH": str(Path(opsloop.__file__).parents[1]), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    found = re.findall(r"^(\w+)\.py:(\d+): error: .*  (\[[\w-]+\])$", done.stdout, re.MULTILINE)
    marked = [
        ("wrong", str(number), code)
        for number, line in enumerate(textwrap.dedent(WRONG).splitlines(), 1)
        for code in re.findall(r"# (\[.*\])$", line)
    ]
    assert found == marked, done.stdout + done.stderr


def test_what_an_executor_needs_comes_from_one_place() -> None:
    for name in ("Context", "Retry", "RetryAfter", "Fatal", "executor"):
        assert getattr(opsloop, name) is getattr(executors, name)


@pytest.mark.parametrize("module", [opsloop, executors, testing], ids=lambda module: module.__name__)
def test_what_a_module_exports_is_there_and_documented(module) -> None:
    for name in module.__all__:
        value = getattr(module, name)
        assert name == "__version__" or inspect.getdoc(value), name
        for method, function in inspect.getmembers(value, inspect.isfunction):
            if inspect.isclass(value) and not method.startswith("_"):
                assert function.__doc__, f"{name}.{method}"


def test_every_error_is_documented_and_has_its_code() -> None:
    for code, cls in errors.BY_CODE.items():
        assert cls.__doc__, cls
        assert cls.__doc__ != errors.OpsError.__doc__, cls
        assert str(cls("why", hint="do")) == f"{code}: why"


def test_methods_return_frozen_records_that_can_be_imported() -> None:
    returned = {
        part
        for name, method in inspect.getmembers(Client, inspect.isfunction)
        if not name.startswith("_")
        for kind in [typing.get_type_hints(method, vars(sys.modules[method.__module__]))["return"]]
        for part in (kind, *typing.get_args(kind))
        if getattr(part, "__module__", "").startswith("opsloop")
    }
    assert returned
    for record in returned:
        assert getattr(results, record.__name__) is record
        assert record.__dataclass_params__.frozen
        assert not record.__doc__.startswith(record.__name__ + "("), f"{record} has no docstring of its own"
    with pytest.raises(dataclasses.FrozenInstanceError):
        results.Gate(True, None, None).ok = False  # type: ignore[misc]
