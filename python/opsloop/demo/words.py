"""Says in one line what happened: the rows of `watch` as text."""

from __future__ import annotations

from typing import Any

Row = dict[str, Any]


def event(row: Row) -> str:
    """An event of the sampling."""
    data = row["data"]
    match row["type"]:
        case "pg:dead_rows":
            said = (
                f"{_table(data)} has {data['dead_rows']:,} dead rows beside {data['live_rows']:,} live ones"
            )
        case "pg:stale_statistics":
            said = (
                f"{_table(data)} changed {data['changed_rows']:,} rows since ANALYZE; "
                f"the planner believes in {data['planner_rows']:,} rows"
            )
        case "pg:unused_index":
            said = (
                f"{data['schema']}.{data['index']} takes {size(data['bytes'])}, was paid for by "
                f"{data['writes_to_table']:,} writes and used by {data['scans']} queries"
            )
        case "pg:idle_transaction":
            who = f"pid {data['pid']} ({data['login']}, {data['application']})"
            said = f"{who} idles in a transaction for {data['idle_seconds']} s"
        case _:
            said = "look at the statistics, please"
    return f"{row['type']}: {said}"


def decision(row: Row) -> str:
    """What policy, or a person, said about a proposal."""
    status = {"pending": "waits for a person", "auto_approved": "runs by itself"}.get(
        row["status"], row["status"]
    )
    return f"{row['title']}: {status} (risk {row['risk_level']}) because {row['reason']}"


def repeat(row: Row) -> str:
    """A finding that led to a proposal which is there already."""
    return f"{row['title']}: proposed before, is {row['status']}"


def fault(row: Row) -> str:
    """A reaction that could not become a proposal."""
    return f"{row['pattern']}: {row['reason']}"


def step(row: Row) -> str:
    """A step that has ended, or is parked."""
    if row["status"] != "succeeded":
        return f"{row['title']} · {row['key']}: {row['status']}: {row['why']}"
    return f"{row['title']} · {row['key']}: {_result(row['kind'], row['result'] or {})}"


def mission(row: Row) -> str:
    """A mission that has ended."""
    took = "" if row["seconds"] is None else f" in {row['seconds']} s"
    return f"{row['title']}: {row['status']}{took}{'' if row['error'] is None else ': ' + row['error']}"


def _result(kind: str, result: Row) -> str:
    match kind:
        case "pg_sample":
            found = [
                f"{number} {name.removeprefix('pg:').replace('_', ' ')}"
                for name, number in result["found"].items()
            ]
            return "found " + ", ".join(found)
        case "radar":
            return f"{result['upserted']} findings on the board"
        case "pg_measure":
            return _measured(result)
        case "pg_vacuum" | "pg_analyze":
            return "; ".join(["done", *(line for line in result["says"] if not line.startswith("removable"))])
        case "pg_drop_index":
            return f"dropped; to undo: {result['undo']}" if result["dropped"] else str(result["reason"])
        case "pg_end_session":
            return "session ended" if result["ended"] else str(result["reason"])
    return "done"


def _measured(result: Row) -> str:
    before = result.get("before", {})
    figures = [
        f"{label} {before[name]:,} → {result[name]:,}" if name in before else f"{label} {result[name]:,}"
        for name, label in LABELS.items()
        if name in result
    ]
    return ", ".join(figures) + (held_back_by(result) if result.get("dead_rows") and before else "")


def held_back_by(result: Row) -> str:
    """The session that keeps VACUUM from removing the rows that died last, if any."""
    horizon = result.get("horizon")
    if not horizon:
        return ""
    who = " ".join(str(part) for part in (horizon["name"], horizon["application"], horizon["state"]) if part)
    return f"; rows that died in the last {horizon['transactions_back']} transactions stay for {who}"


#: The figures that are shown of a measurement.
LABELS = {
    "dead_rows": "dead rows",
    "changed_rows": "rows changed since ANALYZE",
    "planner_rows": "rows the planner believes in",
    "idle_transactions": "idle transactions",
}


def size(number: int) -> str:
    """A number of bytes for people."""
    return f"{number / 1_048_576:.1f} MB" if number >= 1_048_576 else f"{number / 1024:.0f} kB"


def _table(data: Row) -> str:
    return f"{data['schema']}.{data['table']}"
