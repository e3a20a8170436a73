"""Writes what is made of _measures(), the one table of metrics: alert rules, dashboards, tables of docs/metrics.md.

Usage: python tools/measures.py. The definitions come from a freshly deployed database; tests/docs/test_metrics_doc.py
fails when a file is out of date.
"""

import json
import re
import sys
from dataclasses import dataclass, fields
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import class_row

from opsloop import embedded, migrate

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs/metrics.md"
RULES = ROOT / "ops/prometheus/opsloop.rules.yml"
DASHBOARDS = ROOT / "ops/grafana"

Json = dict[str, Any]


@dataclass(frozen=True)
class Measure:
    """A row of _measures()."""

    name: str
    kind: str
    unit: str
    labels: str | None
    source: str
    help: str
    check_name: str | None
    terms: str | None
    warn: Decimal | None
    fail: Decimal | None
    per: str | None
    hint: str | None
    origin: str

    @property
    def alert(self) -> str:
        """Name of its alert."""
        return "Opsloop" + "".join(word.capitalize() for word in (self.check_name or "").split())

    @property
    def value(self) -> str:
        """The value that its thresholds are compared with, in PromQL: as fn_check_health does it."""
        if self.kind == "gauge":
            return self.name
        return f"rate({self.name}[10m]) * 60" if self.per == "minute" else f"increase({self.name}[1h])"

    @property
    def threshold(self) -> str:
        """The column of the tables."""
        if self.warn is None:
            return ""
        per = f" a {self.per}" if self.kind == "counter" else ""
        return ", ".join(
            f"{word} {number}{per}" for word, number in (("warn", self.warn), ("fail", self.fail)) if number
        )


def measures(conn: psycopg.Connection[Any]) -> list[Measure]:
    """The definitions of what is deployed in opsloop."""
    columns = ", ".join(field.name for field in fields(Measure))
    with conn.cursor(row_factory=class_row(Measure)) as cur:
        return cur.execute(f"select {columns} from opsloop._measures()").fetchall()


def render(conn: psycopg.Connection[Any]) -> dict[Path, str]:
    """Every generated file with its text."""
    found = measures(conn)
    m10 = [m for m in found if m.name.startswith("m10_")]
    return {
        PAGE: page(found),
        RULES: rules(found),
        DASHBOARDS / "opsloop.json": _text(
            dashboard("opsloop", "opsloop", _overview() + _sections(found) + _processes())
        ),
        DASHBOARDS / "m10-recovery.json": _text(
            dashboard("opsloop-m10", "M10 Recovery Operations", [panel(m) for m in m10])
        ),
    }


# docs/metrics.md


def page(found: list[Measure]) -> str:
    """The page, its tables written anew; they stand between `<!-- NAME -->` and `<!-- end -->`."""
    tables = {
        "checks": _table(
            ("check", "threshold", "from"),
            [(m.check_name or "", m.terms or "", m.origin) for m in found if m.check_name],
        ),
        "metrics": _table(
            ("metric", "what", "threshold", "counted or measured by"),
            [
                (
                    f"`{m.name}`" + (f" `{{{m.labels}}}`" if m.labels else ""),
                    f"{m.kind}. {m.help}",
                    m.threshold,
                    f"`{m.source}`",
                )
                for m in sorted(found, key=lambda m: m.name)
            ],
        ),
    }
    text = PAGE.read_text(encoding="utf-8")
    for name, table in tables.items():
        text = re.sub(
            rf"(<!-- {name} -->\n).*?(<!-- end -->)",
            lambda match, table=table: f"{match[1]}\n{table}\n{match[2]}",
            text,
            flags=re.DOTALL,
        )
    return text


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)


# Alert rules


def rules(found: list[Measure]) -> str:
    """The alert rules: for each threshold one, and one for a loop that tells nothing."""
    lines = [
        "# Written by `make docs` from _measures(): every threshold of fn_check_health, with the same numbers.",
        "groups:",
        "  - name: opsloop",
        "    rules:",
    ]
    for m in found:
        if m.warn is None:
            continue
        upper = f" < {m.fail}" if m.fail is not None else ""
        lines += _rule(m, "warning", f"{m.value} >= {m.warn}{upper}")
        if m.fail is not None:
            lines += _rule(m, "critical", f"{m.value} >= {m.fail}")
    lines += [
        "      - alert: OpsloopSilent",
        '        expr: "absent(opsloop_queued_steps)"',
        "        for: 5m",
        '        labels: {severity: "critical"}',
        "        annotations:",
        '          summary: "no loop has told its metrics for 5 minutes"',
        '          description: "Is the target up? It answers only while its database does."',
    ]
    return "\n".join(lines) + "\n"


def _rule(m: Measure, severity: str, expr: str) -> list[str]:
    return [
        f"      - alert: {m.alert}",
        f"        expr: {json.dumps(expr)}",
        "        for: 1m",
        f'        labels: {{severity: "{severity}"}}',
        "        annotations:",
        f"          summary: {_quoted(f'loop {{{{ $labels.loop }}}}: {m.check_name}: {m.terms}')}",
        f"          description: {_quoted(m.hint or '')}",
    ]


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


# Dashboards

#: Which routine measures what a section shows.
SECTIONS = {
    "Heartbeats": ("_health_ops", "_record_heartbeat", "_health_events"),
    "Work": ("_health_steps", "_series", "_fold_attempts", "_health_missions", "_health_control", "_health_waits"),
    "Workers and relays": ("_recover_steps", "_record_attempts", "fn_report_counts"),
    "Decisions": ("_health_proposals", "_health_approvals", "_health_schedules"),
    "Effects": ("_health_outbox", "_record_deliveries", "_health_locks", "fn_acquire_lock", "_record_replay",
                "_health_replay"),
    "Directives": ("_health_transitions", "_move_directive", "_earlier_answer", "fn_execute_handoff"),
    "Housekeeping": ("_health_retention",),
}  # fmt: skip

_UNITS = {"s": "s", "%": "percent", "bytes": "bytes"}
_LOOP = '{loop=~"$loop"}'


def _overview() -> list[Json]:
    """The panels to look at first."""
    rows = [
        (
            "Attempts a minute, by outcome",
            f"sum by (outcome) (rate(opsloop_steps_total{_LOOP}[5m])) * 60",
            "{{outcome}}",
        ),
        (
            "Seconds that 95 of 100 attempts took at most, by executor",
            "histogram_quantile(0.95, sum by (executor, le) "
            f"(increase(opsloop_step_duration_seconds_bucket{_LOOP}[1h])))",
            "{{executor}}",
        ),
        ("Ready, by executor", f"sum by (executor) (opsloop_queue_ready{_LOOP})", "{{executor}}"),
        ("Live workers", f"opsloop_workers_live{_LOOP}", "{{loop}}"),
    ]  # fmt: skip
    return [_panel(title, expr, legend, "", "short", []) for title, expr, legend in rows]


def _processes() -> list[Json]:
    """The metrics of worker and relay themselves, with --metrics."""
    panels: list[Json] = [{"type": "row", "title": "Processes (--metrics)"}]
    for program, seconds, label in (
        ("worker", "step_seconds", "executor"),
        ("relay", "delivery_seconds", "sink"),
    ):
        name = f"opsloop_{program}"
        mean = f"rate({name}_{seconds}_sum[5m]) / rate({name}_{seconds}_count[5m])"
        rows = [
            ("running, of its slots", f"{name}_running / {name}_slots", "{{instance}}", "percentunit"),
            ("claims a minute", f"rate({name}_claimed_total[5m]) * 60", "{{instance}}", "short"),
            (
                "outcomes a minute",
                f"rate({name}_outcomes_total[5m]) * 60",
                "{{instance}} {{outcome}}",
                "short",
            ),
            ("seconds on average", mean, f"{{{{instance}}}} {{{{{label}}}}}", "s"),
        ]
        panels += [
            _panel(f"{program}: {title}", expr, legend, "", unit, []) for title, expr, legend, unit in rows
        ]
    return panels


def _sections(found: list[Measure]) -> list[Json]:
    """A row for each section, and a panel for each metric."""
    missing = {m.source for m in found} - {source for sources in SECTIONS.values() for source in sources}
    if missing:
        raise SystemExit(f"measures.py: SECTIONS lacks {', '.join(sorted(missing))}")
    panels: list[Json] = []
    for title, sources in SECTIONS.items():
        panels.append({"type": "row", "title": title})
        panels += [panel(m) for m in found if m.source in sources]
    return panels


def panel(m: Measure) -> Json:
    """The panel of one metric, with its thresholds as lines."""
    labels = (m.labels or "loop").split(",")
    legend = " ".join(f"{{{{{label}}}}}" for label in labels)
    expr = f"{m.name}{_LOOP}"
    unit = _UNITS.get(m.unit, "short")
    if m.kind == "histogram":
        by = ", ".join(labels)
        mean = (
            f"sum by ({by}) (rate({m.name}_sum{_LOOP}[5m])) / sum by ({by}) (rate({m.name}_count{_LOOP}[5m]))"
        )
        return _panel("Seconds that an attempt took on average", mean, legend, m.help, unit, [])
    if m.kind == "counter":
        window, factor = ("[1h]", "") if m.per == "hour" else ("[10m]", " * 60")
        call = "increase" if m.per == "hour" else "rate"
        title = f"{m.check_name or m.name} ({'in an hour' if m.per == 'hour' else 'a minute'})"
        return _panel(title, f"{call}({expr}{window}){factor}", legend, m.help, unit, [m.warn, m.fail])
    return _panel(m.check_name or m.name, expr, legend, m.help, unit, [m.warn, m.fail])


def _panel(
    title: str, expr: str, legend: str, about: str, unit: str, thresholds: list[Decimal | None]
) -> Json:
    steps: list[Json] = [{"color": "green", "value": None}]
    steps += [
        {"color": color, "value": float(number)}
        for color, number in zip(("orange", "red"), thresholds, strict=False)
        if number is not None
    ]
    custom = {"fillOpacity": 10, "thresholdsStyle": {"mode": "line" if len(steps) > 1 else "off"}}
    return {
        "type": "timeseries",
        "title": title[0].upper() + title[1:],
        "description": about,
        "datasource": {"type": "prometheus", "uid": "${source}"},
        "targets": [{"refId": "A", "expr": expr, "legendFormat": legend}],
        "fieldConfig": {
            "defaults": {
                "unit": unit,
                "min": 0,
                "custom": custom,
                "thresholds": {"mode": "absolute", "steps": steps},
            },
            "overrides": [],
        },
        "options": {"legend": {"displayMode": "list", "placement": "bottom"}},
    }


def dashboard(uid: str, title: str, panels: list[Json]) -> Json:
    """A dashboard of Grafana 9 and newer; panels stand three in a row, rows of their own width."""
    x = y = 0
    placed = []
    for number, one in enumerate(panels, 1):
        wide = one["type"] == "row"
        if wide and x:
            x, y = 0, y + 7
        width, height = (24, 1) if wide else (8, 7)
        placed.append({"id": number, "gridPos": {"x": x, "y": y, "w": width, "h": height}, **one})
        x += width
        if x >= 24:
            x, y = 0, y + height
    source = {"type": "prometheus", "uid": "${source}"}
    return {
        "uid": uid,
        "title": title,
        "tags": ["opsloop"],
        "schemaVersion": 37,
        "editable": True,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {
            "list": [
                {"name": "source", "label": "Data source", "type": "datasource", "query": "prometheus"},
                {
                    "name": "loop",
                    "label": "Loop",
                    "type": "query",
                    "datasource": source,
                    "query": "label_values(opsloop_queued_steps, loop)",
                    "refresh": 2,
                    "includeAll": True,
                    "multi": True,
                    "allValue": ".*",
                },
            ]
        },
        "panels": placed,
    }


def _text(document: Json) -> str:
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def main() -> int:
    """Write the files; returns the exit code."""
    with embedded.server(settings=embedded.THROWAWAY) as server:
        migrate.migrate(server.dsn())
        with psycopg.connect(server.dsn()) as conn:
            files = render(conn)
    for path, text in files.items():
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
