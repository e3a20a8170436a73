"""`opsloop metrics`: for people, for programs and for Prometheus."""

import re
import socket

import psycopg
import pytest
from prometheus_client.parser import text_string_to_metric_families

from cli.commandline import Cli


@pytest.fixture(autouse=True)
def _counted(conn: psycopg.Connection[tuple[object]]) -> None:
    for holder in "abc":
        conn.execute("select fn_acquire_lock('l', %s)", (holder,))


def test_a_table_says_what_is_counted_and_from_where_to_look(cli: Cli) -> None:
    done = cli("metrics")
    assert done.code == 0, done.err
    (line,) = [line for line in done.out.splitlines() if "m10_locks_failed_total" in line]
    assert re.search(r"counter +2 +above 10 a minute", line)
    (line,) = [line for line in done.out.splitlines() if "m10_outbox_pending_gauge" in line]
    assert re.search(r"gauge +0 +above 100 ", line)


def test_json_has_every_field(cli: Cli) -> None:
    found = {m["name"]: m for m in cli("metrics", "--json").json}
    assert found["m10_locks_failed_total"].items() >= {
        "kind": "counter", "value": 2, "alert_above": 10, "alert_per": "minute",
    }.items()  # fmt: skip
    assert found["m10_locks_acquired_total"]["value"] == 1
    assert found["m10_locks_acquired_total"]["alert_above"] is None


def test_prometheus_gets_its_text_format(cli: Cli) -> None:
    done = cli("metrics", "--prometheus")
    assert done.code == 0, done.err
    found = {f.name: f.samples for f in text_string_to_metric_families(done.out)}
    (sample,) = found["m10_locks_failed"]
    assert (sample.name, sample.labels, sample.value) == ("m10_locks_failed_total", {"loop": "opsloop"}, 2)
    assert "opsloop_step_duration_seconds" in found


def test_two_formats_at_once_are_refused(cli: Cli) -> None:
    assert cli("metrics", "--prometheus", "--json").code == 2


@pytest.mark.parametrize("place", ["no", "70000", "1.2.3.4", "host:", "-1", "٩١٠٠"])
def test_a_place_that_cannot_be_is_refused(cli: Cli, place: str) -> None:
    done = cli("worker", "--once", f"--metrics={place}")
    assert (done.code, "OPS_018" in done.err, "[HOST:]PORT" in done.err) == (2, True, True), done.err


def test_a_port_that_is_taken_is_refused_before_anything_is_claimed(cli: Cli) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = cli("worker", "--once", "--metrics", str(taken.getsockname()[1]))
    assert (done.code, "OPS_018" in done.err) == (2, True), done.err
