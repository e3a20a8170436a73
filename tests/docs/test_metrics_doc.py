"""docs/metrics.md, alert rules and dashboards say what the definitions say."""

import importlib
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest

from opsloop import sqlfiles

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def measures(monkeypatch: pytest.MonkeyPatch) -> Any:
    """tools/measures.py."""
    monkeypatch.syspath_prepend(ROOT / "tools")
    monkeypatch.delitem(sys.modules, "measures", raising=False)
    return importlib.import_module("measures")


def test_what_is_committed_is_what_the_definitions_say(conn: psycopg.Connection[Any], measures: Any) -> None:
    for path, text in measures.render(conn).items():
        assert path.read_text(encoding="utf-8") == text, f"{path.name}: run `make docs`"


def test_every_metric_has_a_source_that_is_a_routine_which_names_it(
    conn: psycopg.Connection[Any], measures: Any
) -> None:
    files = {file.stem: file.read_text() for file in (sqlfiles.sql_root() / "code").glob("*/*.sql")}
    for measure in measures.measures(conn):
        named = files[measure.source] + files["_series"] * (measure.labels is not None)
        named += files["_add_attempts"] * (measure.source == "_fold_attempts")
        assert f"'{measure.name}'" in named, measure.name


def test_every_metric_has_a_panel(conn: psycopg.Connection[Any], measures: Any) -> None:
    text = (ROOT / "ops/grafana/opsloop.json").read_text()
    for measure in measures.measures(conn):
        assert measure.name in text


@pytest.mark.parametrize(
    "name",
    [
        "ops_heartbeat_success",
        "ops_worker_claims",
        "m10_locks_acquired_total",
        "m10_locks_failed_total",
        "m10_replay_duplicates_total",
        "m10_outbox_pending_gauge",
        "m10_outbox_retry_total",
        "opsloop_steps_total",
        "opsloop_step_duration_seconds",
        "opsloop_queue_ready",
        "opsloop_queue_oldest_seconds",
        "opsloop_inbox_oldest_seconds",
        "opsloop_heartbeat_last_success_timestamp_seconds",
    ],
)
def test_the_names_that_runbooks_and_contract_fix_are_there(conn: psycopg.Connection[Any], name: str) -> None:
    assert conn.execute("select from _measures() where name = %s", (name,)).fetchall()


def test_every_threshold_of_the_runbooks_is_a_check(conn: psycopg.Connection[Any]) -> None:
    found = {
        name: (warn, fail)
        for name, warn, fail in conn.execute(
            "select check_name, warn, fail from _measures() where origin <> 'opsloop' and warn is not null"
        )
    }
    assert found == {
        "heartbeat": (900, 1500), "heartbeat failures": (3, 5), "workers": (1, 2), "oldest ready step": (600, 1800),
        "step duration": (600, None), "queued events": (100, 1000), "queued steps": (50, 500),
        "proposal latency": (300, 600), "proposals": (100, None), "missions failed": (5, 20),
        "dead letters": (5, 20), "dead letters of a day": (10, None), "transitions failed": (5, None),
        "transitions repeated": (50, None), "handoff duration": (60, None), "gate results mended": (10, None),
        "outbox pending": (100, None), "outbox retries": (20, None), "locks refused": (10, None),
        "replays repeated": (5, None),
    }  # fmt: skip
