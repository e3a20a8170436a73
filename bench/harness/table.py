"""The results as tables in Markdown, as they are read."""

from __future__ import annotations

from harness.figures import Entrant, Record, Results, Summary


def render(results: Results) -> str:
    """Every workload with its figures, and what failed."""
    parts = []
    for workload in results.workloads():
        lines = [f"## {workload}", ""]
        if len(results.entrants(workload)) == 1:
            lines += _alone(results, workload)
        else:
            for metric in results.metrics(workload):
                lines += _compared(results, workload, metric)
        lines += [_failure(record) for record in results.failures(workload)]
        parts.append("\n".join(lines).rstrip() + "\n")
    return "\n".join(parts)


def _compared(results: Results, workload: str, metric: str) -> list[str]:
    """A row for each entrant; with the ratio to opsloop where it has one figure of several."""
    summaries: dict[Entrant, Summary] = {}
    for entrant in results.entrants(workload):
        if (summary := results.summary(workload, metric, entrant)) is not None:
            summaries[entrant] = summary
    if not any(summary.high for summary in summaries.values()):
        return [f"{metric}: none", ""]
    own = {e.variant: s.median for e, s in summaries.items() if e.system == "opsloop"}
    others = {e for e in summaries if e.system != "opsloop"}
    rows = [
        [
            *_head(_titled(metric, next(iter(summaries.values())))),
            *(["× opsloop's"] if own and others else []),
        ]
    ]
    for entrant, summary in summaries.items():
        beside = own.get(entrant.variant)
        ratio = f"{summary.median / beside:.2f}" if beside else ""
        rows.append([str(entrant), *_cells(summary), *([ratio] if own and others else [])])
    return [*grid(rows), ""]


def _alone(results: Results, workload: str) -> list[str]:
    """A row for each metric of the only entrant."""
    rows = [_head("median")]
    for entrant in results.entrants(workload):
        for metric in results.metrics(workload):
            if (summary := results.summary(workload, metric, entrant)) is not None:
                rows.append([_titled(metric, summary), *_cells(summary)])  # noqa: PERF401 - reads better
    return [*grid(rows), ""] if len(rows) > 1 else []


def _head(first: str) -> list[str]:
    return ["", first, "lowest", "highest", "rounds"]


def _cells(summary: Summary) -> list[str]:
    return [number(summary.median), number(summary.low), number(summary.high), str(summary.rounds)]


def _titled(metric: str, summary: Summary) -> str:
    return f"{metric}, {summary.unit}" if summary.unit else metric


def _failure(record: Record) -> str:
    if record.error:
        return f"- {record.entrant}: FAILED: {record.error}"
    return f"- {record.entrant}: has no such thing: {record.unsupported}"


def grid(rows: list[list[str]]) -> list[str]:
    """A Markdown table whose first row is the head: the first column to the left, the others to the right."""
    widths = [max(len(row[n]) for row in rows) for n in range(len(rows[0]))]
    aligned = []
    for row in rows:
        cells = [
            cell.rjust(w) if n else cell.ljust(w) for n, (cell, w) in enumerate(zip(row, widths, strict=True))
        ]
        aligned.append("| " + " | ".join(cells) + " |")
    rule = "|" + "|".join("-" * (w + 1) + ":" if n else "-" * (w + 2) for n, w in enumerate(widths)) + "|"
    return [aligned[0], rule, *aligned[1:]]


def number(value: float) -> str:
    """With as many digits as mean something."""
    if value != 0 and abs(value) < 100:
        return f"{value:.3g}"
    return f"{value:,.0f}"
