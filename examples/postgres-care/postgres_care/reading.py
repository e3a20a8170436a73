"""`pg_sample` and `pg_measure`: what is found in a database, and figures before and after. Both only read."""

from __future__ import annotations

from typing import Any

from opsloop import Context, Fatal, executor
from opsloop.errors import ParamsRefused
from postgres_care import queries
from postgres_care.catalogue import Row, checked, find_table, rows
from postgres_care.login import Connection, reading

#: What counts as worth a word; the step's params may say otherwise.
THRESHOLDS = {
    "dead_rows": 10_000,
    "dead_ratio": 0.1,
    "changed_rows": 10_000,
    "changed_ratio": 0.1,
    "idle_seconds": 300,
    "index_bytes": 1_048_576,
    "index_days": 7,
    "limit": 20,
}

_LOOKS = {
    "pg:dead_rows": queries.DEAD_ROWS,
    "pg:stale_statistics": queries.STALE_STATISTICS,
    "pg:unused_index": queries.UNUSED_INDEXES,
    "pg:idle_transaction": queries.IDLE_TRANSACTIONS,
}


@executor("pg_sample", idempotent=True, concurrency=1)
async def sample(ctx: Context) -> Any:
    """Look at the statistics, and emit an event for everything found.

    Params: any of THRESHOLDS. Result: `{"found", "ideas"}`: how many of each type, and the same for the radar.
    """
    limits = _thresholds(ctx)
    found: dict[str, int] = {}
    ideas: list[Row] = []
    async with reading(ctx) as conn:
        for number, (type_, query) in enumerate(_LOOKS.items(), 1):
            seen = await rows(conn, query, {**limits, "loop": ctx.schema})
            found[type_] = len(seen)
            for row in seen:
                ctx.emit(type_, {"source": "postgres-care", **row})
                ideas.append(_idea(type_, row))
            ctx.progress({"looks_done": number, "of": len(_LOOKS)})
    return {"found": found, "ideas": ideas}


def _thresholds(ctx: Context) -> Row:
    wrong = [
        name
        for name, value in ctx.params.items()
        if name not in THRESHOLDS
        or isinstance(value, bool)
        or not isinstance(value, int | float)
        or value < 0
    ]
    if wrong:
        raise ParamsRefused(f"pg_sample: not a threshold with a number: {', '.join(sorted(wrong))}")
    limits: Row = {**THRESHOLDS, **ctx.params}
    return {**limits, "index_days": int(limits["index_days"]), "limit": int(limits["limit"])}


def _idea(type_: str, row: Row) -> Row:
    where = f"{row['schema']}.{row.get('index') or row['table']}" if "schema" in row else f"pid {row['pid']}"
    what = type_.removeprefix("pg:").replace("_", " ")
    score = row.get("dead_rows") or row.get("changed_rows") or row.get("bytes") or row.get("idle_seconds")
    return {"title": f"{what}: {where}", "source": "postgres-care", "score": score, "evidence": row}


@executor("pg_measure", idempotent=True, concurrency=4)
async def measure(ctx: Context) -> Any:
    """Read the figures of a table, or of the whole database when none is named.

    Params: `schema` and `table`; `before`, the result of an earlier measurement; `expect`, the name of the figure
    that must have fallen since then: if it has not, the step fails and says who keeps it up. Result: the figures,
    `horizon` (who keeps VACUUM from removing rows that died lately, or null), `before`, and `fallen_by`.
    """
    names = {"schema": str, "table": str} if {"schema", "table"} & set(ctx.params) else {}
    params = checked(ctx, names, ("before", "expect"))
    async with reading(ctx) as conn:
        figures = await (_table(conn, ctx, params) if names else _database(conn))
        figures["horizon"] = next(iter(await rows(conn, queries.HORIZON)), None)
    before, expect = params.get("before"), params.get("expect")
    if expect is None:
        return figures if before is None else {**figures, "before": before}
    if not isinstance(before, dict) or not isinstance(before.get(expect), int) or expect not in figures:
        raise ParamsRefused(f"pg_measure: before has no figure {expect!r} to compare with")
    fallen = before[expect] - figures[expect]
    if fallen <= 0:
        raise Fatal(f"{expect} was {before[expect]} and is {figures[expect]}{_blame(figures['horizon'])}")
    before.pop("horizon", None)
    return {**figures, "before": before, "fallen_by": fallen}


async def _table(conn: Connection, ctx: Context, params: Row) -> Row:
    await find_table(conn, ctx, params["schema"], params["table"])
    found = await rows(conn, queries.TABLE, params)
    if not found:
        raise Fatal(f"there are no statistics of {params['schema']}.{params['table']}")
    return found[0]


async def _database(conn: Connection) -> Row:
    return (await rows(conn, queries.DATABASE))[0]


def _blame(horizon: Row | None) -> str:
    if horizon is None:
        return ""
    who = ", ".join(str(part) for part in (horizon["name"], horizon["application"], horizon["state"]) if part)
    return f"; {horizon['what']} {who} looks {horizon['transactions_back']} transactions back"
