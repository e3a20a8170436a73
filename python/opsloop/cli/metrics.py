"""`metrics`: what a monitor reads."""

from __future__ import annotations

import dataclasses
from decimal import Decimal
from typing import Annotated, Any

import typer

from opsloop.cli import output
from opsloop.cli.session import LOOP, Session, command
from opsloop.errors import InvalidArgument
from opsloop.results import Metric


def metrics(
    session: Session,
    prometheus: Annotated[
        bool,
        typer.Option(
            "--prometheus", help="Print Prometheus' text format, for a scraper or textfile collector."
        ),
    ] = False,
) -> None:
    """Show counters and gauges, and from where a person should look. Counters survive restarts and are exact.

    Metrics with labels (steps by kind, executor and outcome, durations, queues by executor) are in --prometheus.
    """
    if prometheus and session.json:
        raise InvalidArgument("--prometheus and --json do not go together", hint="Leave one of them out.")
    with session.client() as client:
        if prometheus:
            output.print_text(client.exposition().rstrip("\n"))
            return
        found = client.metrics()
    columns = ["name", "kind", "value", "alert", "what"]
    rows = [[m.name, m.kind, m.value, _alert(m), m.help] for m in found]
    session.show(
        [_plain(metric) for metric in found],
        lambda: output.console().print(output.table("Metrics", columns, rows)),
    )


def _plain(metric: Metric) -> dict[str, Any]:
    """Return the metric with its numbers as JSON has them."""
    fields = dataclasses.asdict(metric)
    return {
        name: (int(value) if value == int(value) else float(value)) if isinstance(value, Decimal) else value
        for name, value in fields.items()
    }


def _alert(metric: Metric) -> str:
    if metric.alert_above is None:
        return ""
    return f"above {metric.alert_above}" + (f" a {metric.alert_per}" if metric.alert_per else "")


def register(app: typer.Typer) -> None:
    """Add `metrics` to `app`."""
    command(app, "metrics", LOOP, shows=True)(metrics)
