"""The alert rules, by promtool: each is valid, fires where its check begins to warn or fail, and not below."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import psycopg
import pytest

from looping import Loop, Row
from support import require

RULES = Path(__file__).parents[2] / "ops/prometheus/opsloop.rules.yml"
#: Minutes until the rules are looked at: longer than their windows.
MINUTES = 70


@pytest.fixture(autouse=True)
def _promtool() -> None:
    require("prometheus", shutil.which("promtool") is not None)


@pytest.fixture
def thresholds(conn: psycopg.Connection[Any]) -> list[Row]:
    """The definitions that have one."""
    return Loop(conn).rows("select * from _measures() where warn is not null")


def promtool(*arguments: str | Path, text: str | None = None) -> subprocess.CompletedProcess[str]:
    """Runs promtool."""
    return subprocess.run(
        ["promtool", *map(str, arguments)], input=text, capture_output=True, text=True, check=False
    )


def series(definition: Row, number: float) -> Row:
    """A series that has that value, or rises so much in the definition's time, all along."""
    if definition["kind"] == "gauge":
        values = f"{number}x{MINUTES}"
    else:
        values = f"0+{number / {'minute': 1, 'hour': 60}[definition['per']]:.9f}x{MINUTES}"
    return {"series": f'{definition["name"]}{{loop="l"}}', "values": values}


def cases(definition: Row) -> list[tuple[float, str | None]]:
    """Numbers around its thresholds, and the severity with which its alert is to fire."""
    warn = float(definition["warn"])
    if definition["fail"] is None:
        return [(warn * 0.98, None), (warn * 1.005, "warning"), (0, None), (warn * 100, "warning")]
    fail = float(definition["fail"])
    return [
        (warn * 0.98, None),
        (warn * 1.005, "warning"),
        (fail * 0.995, "warning"),
        (fail * 1.005, "critical"),
    ]


def test_the_rules_are_valid() -> None:
    done = promtool("check", "rules", RULES)
    assert done.returncode == 0, done.stderr


def test_the_configuration_in_the_documents_is_valid(tmp_path: Path) -> None:
    page = (RULES.parents[2] / "docs/metrics.md").read_text()
    (block,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    shutil.copy(RULES, tmp_path)
    (tmp_path / "prometheus.yml").write_text(block)
    done = promtool("check", "config", tmp_path / "prometheus.yml")
    assert done.returncode == 0, done.stderr


def test_each_fires_from_its_threshold_on_and_not_below(thresholds: list[Row], tmp_path: Path) -> None:
    rules = alerts()
    assert {name_of(d) for d in thresholds} | {"OpsloopSilent"} == set(rules)
    tests = []
    for case in range(4):
        expected: Row = {}
        for d in thresholds:
            severity = cases(d)[case][1]
            expected[name_of(d)] = [
                {"exp_labels": {"loop": "l", "severity": severity}, "exp_annotations": rules[name_of(d)]}
            ] * (severity is not None)
        tests.append(
            {
                "interval": "1m",
                "input_series": [series(d, cases(d)[case][0]) for d in thresholds],
                "alert_rule_test": [
                    {"eval_time": f"{MINUTES}m", "alertname": name, "exp_alerts": alerts}
                    for name, alerts in expected.items()
                ],
            }
        )
    passed(tests, tmp_path)


def test_a_threshold_is_held_for_a_minute_before_it_fires(tmp_path: Path) -> None:
    tests = [
        {
            "interval": "1m",
            "input_series": [{"series": 'opsloop_strays{loop="l"}', "values": "0x8 1 0x8"}],
            "alert_rule_test": [
                {"eval_time": f"{minute}m", "alertname": "OpsloopStrays", "exp_alerts": []}
                for minute in range(16)
            ],
        }
    ]
    passed(tests, tmp_path)


@pytest.mark.parametrize(("values", "silent"), [("1x20", False), ("1x5 _x15", True), ("_x20", True)])
def test_a_loop_that_tells_nothing_is_an_alert_of_its_own(tmp_path: Path, values: str, silent: bool) -> None:
    expected = [
        {"exp_labels": {"severity": "critical"}, "exp_annotations": alerts()["OpsloopSilent"]}
    ] * silent
    tests = [
        {
            "interval": "1m",
            "input_series": [{"series": 'opsloop_queued_steps{loop="l"}', "values": values}],
            "alert_rule_test": [{"eval_time": "20m", "alertname": "OpsloopSilent", "exp_alerts": expected}],
        }
    ]
    passed(tests, tmp_path)


def test_the_names_of_metrics_are_as_prometheus_wants_them(conn: psycopg.Connection[Any]) -> None:
    text = Loop(conn).value("select fn_exposition()")
    done = promtool("check", "metrics", text=text)
    complaints = {
        line for line in done.stderr.splitlines() if not line.startswith("m10_outbox_pending_gauge ")
    }
    assert complaints == set(), "only the runbook's own name may offend"


def passed(tests: list[Row], tmp_path: Path) -> None:
    """promtool must find the tests of the rules right."""
    file = tmp_path / "tests.yml"
    # JSON is YAML.
    file.write_text(json.dumps({"rule_files": [str(RULES)], "evaluation_interval": "1m", "tests": tests}))
    done = promtool("test", "rules", file)
    assert done.returncode == 0, done.stdout + done.stderr


def name_of(definition: Row) -> str:
    """The alert of a definition."""
    return "Opsloop" + definition["check_name"].title().replace(" ", "")


def alerts() -> dict[str, Row]:
    """Annotations of each alert, as they come out for the loop l."""
    found: dict[str, Row] = {}
    name = ""
    for line in RULES.read_text().splitlines():
        key, _, value = line.strip().removeprefix("- ").partition(": ")
        if key == "alert":
            name = value
            found[name] = {}
        elif key in ("summary", "description"):
            found[name][key] = json.loads(value).replace("{{ $labels.loop }}", "l")
    return found
