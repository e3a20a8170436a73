"""The client for asyncio is the other one with `await`: same methods, same answers, same errors."""

import inspect
import subprocess
import sys
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest

import opsloop
from opsloop import AsyncClient, Client, errors

ROOT = Path(__file__).resolve().parents[2]
NOOP = {"title": "nothing much", "steps": [{"key": "only", "kind": "noop"}]}


def methods(cls: type) -> dict[str, Any]:
    return {name: f for name, f in inspect.getmembers(cls, inspect.isfunction) if not name.startswith("_")}


def test_both_clients_have_the_same_methods_with_the_same_words_and_types():
    sync, twin = methods(Client), methods(AsyncClient)
    assert twin.keys() == sync.keys()
    for name, method in sync.items():
        assert inspect.iscoroutinefunction(twin[name]), name
        assert inspect.signature(twin[name]) == inspect.signature(method), name
        assert twin[name].__doc__ == method.__doc__, name


def test_the_generated_files_are_what_the_tool_writes():
    subprocess.run([sys.executable, "tools/async_client.py", "--check"], cwd=ROOT, check=True)


async def test_it_answers_as_the_other_one_does(dsn):
    async with opsloop.connect_async(dsn, "opsloop") as loop:
        (made,) = await loop.create_proposals([{"template": NOOP, "source": "test"}])
        assert made.status == "auto_approved"
        assert made.mission_id is not None
        (step,) = await loop.claim_steps("w", 10)
        assert (step.mission_id, step.key) == (made.mission_id, "only")
        assert await loop.complete_step(step.step_id, step.lease_token, {"x": 1}) == "accepted"
        assert [s.status for s in await loop.list_steps(made.mission_id)] == ["succeeded"]
        assert (await loop.heartbeat())["ok"] is True
    assert loop.conn.closed


async def test_its_errors_are_the_same(dsn):
    async with opsloop.connect_async(dsn, "opsloop") as loop:
        with pytest.raises(errors.InvalidTemplate) as caught:
            await loop.create_proposal({"steps": [{"kind": "noop", "depends_on": ["x"]}, {"colour": "red"}]})
        assert len(caught.value.detail) >= 3
        with pytest.raises(errors.LeaseLost):
            await loop.assert_lease(uuid4(), uuid4())


async def test_it_never_commits_on_a_borrowed_connection(dsn, conn):
    async with await psycopg.AsyncConnection.connect(dsn) as borrowed:
        await AsyncClient(borrowed).emit_event("order:placed")
        assert borrowed.info.transaction_status == psycopg.pq.TransactionStatus.INTRANS
        assert conn.execute("select count(*) from ops_agent_events").fetchone() == (0,)
        await borrowed.rollback()
    assert conn.execute("select count(*) from ops_agent_events").fetchone() == (0,)


async def test_a_server_that_does_not_answer_is_ops_001():
    with pytest.raises(errors.DatabaseUnavailable):
        async with opsloop.connect_async("host=127.0.0.1 port=1 connect_timeout=5"):
            pass
