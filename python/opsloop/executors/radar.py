"""`radar`: keeps the board of ideas, `ops_demand_radar`.

Params: `ideas`, a list of `{"title", "description", "status", "score", "source", "evidence"}`; only `title` is
needed. An idea whose title is on the board already is updated. Result: `{"upserted": number}`.
"""

from __future__ import annotations

from typing import Any

from opsloop.client import AsyncClient
from opsloop.errors import ParamsRefused
from opsloop.executors.context import Context
from opsloop.executors.registry import executor


@executor("radar", idempotent=True, concurrency=4)
async def run(ctx: Context) -> Any:
    """Put the ideas on the board, in a transaction that a fenced worker cannot commit."""
    ideas = ctx.params.get("ideas")
    if not isinstance(ideas, list) or not all(isinstance(idea, dict) and idea.get("title") for idea in ideas):
        raise ParamsRefused("radar: ideas must be a list of objects with a title")
    async with ctx.transaction() as conn:
        return {"upserted": await AsyncClient(conn, ctx.schema).radar_upsert(ideas)}
