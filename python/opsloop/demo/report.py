"""How it ended: the figures before and after, what waits for a person, and whether all went as expected."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from pathlib import Path
from typing import Any

from psycopg.rows import dict_row
from rich.console import Console
from rich.table import Table

from opsloop import database
from opsloop.cli.output import plain
from opsloop.demo import words
from opsloop.demo.shop import LoadReport, Shop
from opsloop.demo.watch import ShopWatch

Row = dict[str, Any]

VACUUM, ANALYZE, DROP = "vacuum shop.stock", "analyze shop.orders", "drop index shop.stock_changed_at_idx"
LOOK = "look at the database"


def end_of(pid: int) -> str:
    """Title of the proposal to end that session's transaction."""
    return f"end the idle transaction of pid {pid}"


def expected(pid: int) -> tuple[set[str], set[str]]:
    """Steps that must have run by themselves, and those that must wait for a person."""
    return {LOOK, VACUUM, ANALYZE}, {DROP, end_of(pid)}


def summary(watch: ShopWatch, shop: Shop, pid: int, done: LoadReport, seconds: float) -> Row:
    """The whole result as one document; `ok` when everything is as it should be, else `problems` says what is not."""
    figures = list(_figures(watch))
    waiting = [
        {
            "proposal_id": str(p["id"]),
            "title": p["title"],
            "risk": p["risk_level"],
            "reason": p["reason"],
            "approve": command(shop, "approve", str(p["id"])),
        }
        for p in watch.proposals
        if p["status"] == "pending"
    ]
    problems = _problems(watch, pid, figures) + _touched(shop, pid)
    return {
        "ok": not problems,
        "problems": problems,
        "seconds": round(seconds, 1),
        "load": {"transactions": done.transactions, "tps": round(done.transactions / done.seconds)},
        "missions": [{k: m[k] for k in ("title", "status", "seconds")} for m in watch.missions],
        "figures": figures,
        "waiting": waiting,
    }


def _figures(watch: ShopWatch) -> list[Row]:
    """The figure that each mission was to bring down, and what the planner believes, before and after."""
    return [
        {
            "mission": s["title"],
            "figure": name,
            "before": s["result"]["before"][name],
            "after": s["result"][name],
        }
        for s in watch.steps
        if s["key"] == "after" and s["status"] == "succeeded"
        for name in words.LABELS
        if name in s["result"].get("before", {})
        and (
            name == s["expect"]
            or (name == "planner_rows" and s["result"]["before"][name] != s["result"][name])
        )
    ]


def _problems(watch: ShopWatch, pid: int, figures: list[Row]) -> list[str]:
    runs, waits = expected(pid)
    states: dict[str, str] = {p["title"]: p["status"] for p in watch.proposals}
    ended: dict[str, str] = {m["title"]: m["status"] for m in watch.missions}
    problems = [
        f"{t} did not succeed: {ended.get(t, 'no mission')}"
        for t in sorted(runs)
        if ended.get(t) != "succeeded"
    ]
    problems += [
        f"{m['title']}: {m['status']}"
        for m in watch.missions
        if m["status"] != "succeeded" and m["title"] not in runs
    ]
    problems += [
        f"{t} is not waiting for a person: {states.get(t, 'not proposed')}"
        for t in sorted(waits)
        if states.get(t) != "pending" or t in ended
    ]
    for mission, figure in ((VACUUM, "dead_rows"), (ANALYZE, "changed_rows")):
        if not any(
            f["mission"] == mission and f["figure"] == figure and f["after"] < f["before"] for f in figures
        ):
            problems.append(f"{mission}: no measurement shows that {figure} fell")
    return problems


def _touched(shop: Shop, pid: int) -> list[str]:
    """Work that was done though no person approved it."""
    with database.connect(shop.dsn(shop.server.user), row_factory=dict_row) as conn:
        row = conn.execute(
            "select to_regclass('shop.stock_changed_at_idx') is not null as index,"
            " exists (select from pg_stat_activity where pid = %s and state = 'idle in transaction') as session",
            (pid,),
        ).fetchone()
    assert row is not None
    gone = {"index": "the unused index is gone", "session": "the idle transaction is gone"}
    return [text for name, text in gone.items() if not row[name]]


def command(shop: Shop, *what: str) -> str:
    """The command line that does something to the demo's loop, while the demo's server runs."""
    program = ["opsloop"] if shutil.which("opsloop") else [_python(), "-m", "opsloop"]
    return shlex.join([*program, *what, "--dsn", shop.dsn("loop")])


def _python() -> str:
    """How one would type the name of this interpreter here."""
    path = Path(os.path.abspath(sys.executable))  # noqa: PTH100 - not resolved: that would leave the venv
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def show(result: Row, console: Console, *, stay: bool) -> None:
    """Print the result for people."""
    load = result["load"]
    console.print(f"\npgbench ran {load['transactions']:,} transactions, {load['tps']:,} a second.")
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("figure", "before", "after", "by"):
        table.add_column(name, justify="right" if name in ("before", "after") else "left")
    for f in result["figures"]:
        table.add_row(words.LABELS[f["figure"]], f"{f['before']:,}", f"{f['after']:,}", plain(f["mission"]))
    console.print(table)
    console.print("\nWaiting for a person; nothing of it has been done:", style="bold")
    for one in result["waiting"]:
        console.print(f"  {plain(one['title'])} (risk {one['risk']}: {plain(one['reason'])})", style="yellow")
        console.print(f"    {one['approve']}", soft_wrap=True)
    if not stay:
        console.print(
            "The server is gone when the demo ends; with --stay it waits for your approval.", style="dim"
        )
    for problem in result["problems"]:
        console.print(f"not as expected: {plain(problem)}", style="bold red")
    if result["ok"]:
        console.print(f"\nAs expected, after {result['seconds']} s.", style="bold green")
