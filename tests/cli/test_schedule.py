"""`schedule` and the schedules of a policy file, on a real database."""

from pathlib import Path
from typing import Any

import psycopg
import pytest

from cli.commandline import Cli
from looping import Loop

Conn = psycopg.Connection[Any]

TEMPLATE = '{"title": "Look around", "steps": [{"kind": "noop"}]}'
FILE = """
[proposal_caps]
daily_limit = 7

[[schedules]]
name = "nightly"
cron = "30 3 * * *"
timezone = "Europe/Berlin"
event_type = "clock:nightly"
starts_at = 2026-01-01

[[schedules]]
name = "often"
every_seconds = 300
overlap = "skip"
template = {title = "Look around", steps = [{kind = "noop"}]}
"""


@pytest.fixture
def loop(conn: Conn) -> Loop:
    """The loop at noon."""
    loop = Loop(conn)
    loop.stop_clock("2026-06-01 12:00:00+00")
    return loop


def test_a_schedule_is_set_shown_and_listed(cli: Cli, loop: Loop) -> None:
    done = cli(
        "schedule", "set", "nightly", "--cron", "30 3 * * *", "--timezone", "Europe/Berlin", "--event", "n:x"
    )
    assert done.out == "schedule nightly: set\nnext tick 2026-06-02 01:30:00 +0000\n"
    again = cli(
        "schedule", "set", "nightly", "--cron", "30 3 * * *", "--timezone", "Europe/Berlin", "--event", "n:x"
    )
    assert "it was so already" in again.out
    cli(
        "schedule",
        "set",
        "often",
        "--every",
        "300",
        "--template",
        TEMPLATE,
        "--overlap",
        "queue",
        "--catch-up",
        "all",
    )
    listed = cli("schedule", "list", "--json").json
    assert [(one["name"], one["cron"], one["every_seconds"], one["overlap"]) for one in listed] == [
        ("nightly", "30 3 * * *", None, "allow"),
        ("often", None, 300, "queue"),
    ]
    shown = cli("schedule", "list").out
    assert "event n:x" in shown
    assert "proposal: Look around" in shown
    assert "next: opsloop schedule show nightly" in shown
    shown = cli("schedule", "show", "nightly").out
    assert (
        "next      2026-06-02 01:30:00 +0000, 2026-06-03 01:30:00 +0000, 2026-06-04 01:30:00 +0000" in shown
    )
    assert "set by    tester (login" in shown
    assert cli("schedule", "show", "other", "--json").error["code"] == "OPS_025"


def test_a_document_may_hold_all_and_options_go_before_it(cli: Cli, loop: Loop, tmp_path: Path) -> None:
    (tmp_path / "s.json").write_text('{"every_seconds": 60, "event_type": "tick", "max_backlog": 5}')
    cli("schedule", "set", "s", f"@{tmp_path}/s.json", "--every", "120", "--data", '{"a": 1}')
    (one,) = cli("schedule", "list", "--json").json
    assert (one["every_seconds"], one["max_backlog"], one["data"]) == (120, 5, {"a": 1})


def test_a_faulty_one_is_refused_with_every_fault(cli: Cli, loop: Loop) -> None:
    done = cli("schedule", "set", "s", "--cron", "60 3 * * *", "--json")
    assert (done.code, done.error["code"]) == (1, "OPS_024")
    assert [fault.split(":")[0] for fault in done.error["detail"]] == ["event_type", "cron"]


def test_it_is_run_disabled_enabled_and_deleted(cli: Cli, loop: Loop) -> None:
    cli("schedule", "set", "s", "--every", "60", "--template", TEMPLATE)
    assert cli("schedule", "disable", "s").out == "schedule s: disabled\n"
    assert cli("schedule", "disable", "s", "--json").json == {"name": "s", "changed": False}
    done = cli("schedule", "run", "s", "--reason", "to see")
    assert "tick      2026-06-01 12:00:00 +0000 fired: proposal " in done.out
    shown = cli("schedule", "show", "s").out
    assert "schedule s: disabled" in shown
    assert ", run by " in shown
    assert ": mission " in shown
    assert cli("schedule", "enable", "s").out == "schedule s: enabled\n"
    assert cli("pause", "schedule", "s").code == 0
    assert cli("schedule", "run", "s", "--json").error["code"] == "OPS_028"
    assert cli("schedule", "delete", "s").out == "schedule s: deleted\n"
    assert cli("schedule", "list").out == "no schedules\n"
    assert cli("schedule", "delete", "s", "--json").error["code"] == "OPS_025"


def test_a_backfill_says_what_is_new(cli: Cli, loop: Loop) -> None:
    cli("schedule", "set", "s", "--every", "3600", "--event", "tick")
    when = ("--from", "2026-06-01T09:00Z", "--to", "2026-06-01T12:00Z")
    done = cli("schedule", "backfill", "s", *when)
    assert done.out.splitlines()[-1] == "3 of 3 ticks are new"
    assert cli("schedule", "backfill", "s", *when).out.splitlines()[-1] == "0 of 3 ticks are new"
    done = cli("schedule", "backfill", "s", "--from", "2020-01-01", "--to", "2026-01-01", "--json")
    assert done.error["code"] == "OPS_027"


def test_a_policy_file_has_schedules_and_what_it_leaves_out_goes(
    cli: Cli, loop: Loop, tmp_path: Path
) -> None:
    file = tmp_path / "policy.toml"
    file.write_text(FILE)
    cli("schedule", "set", "mine", "--every", "60", "--event", "tick")
    assert cli("policy", "apply", str(file), "--json").json == {
        "proposal_caps": 2,
        "schedules": {"nightly": "set", "often": "set"},
    }
    assert cli("policy", "apply", str(file)).out == "nothing to do: all of it is in force\n"
    file.write_text(
        FILE.replace("[proposal_caps]\ndaily_limit = 7\n", "").split('[[schedules]]\nname = "often"')[0]
    )
    assert cli("policy", "apply", str(file)).out == "schedule often: deleted\n"
    assert [one["name"] for one in cli("schedule", "list", "--json").json] == ["mine", "nightly"]
    # A file that says nothing about schedules leaves them alone.
    file.write_text("[proposal_caps]\ndaily_limit = 8\n")
    cli("policy", "apply", str(file))
    assert len(cli("schedule", "list", "--json").json) == 2
    file.write_text("schedules = []\n")
    assert cli("policy", "apply", str(file)).out == "schedule nightly: deleted\n"


def test_a_faulty_schedule_puts_nothing_of_the_file_in_force(cli: Cli, loop: Loop, tmp_path: Path) -> None:
    file = tmp_path / "policy.toml"
    file.write_text(FILE.replace("30 3 * * *", "30 25 * * *"))
    done = cli("policy", "apply", str(file), "--json")
    assert (done.code, done.error["code"]) == (1, "OPS_024")
    assert done.error["detail"][0].startswith("schedules[0].cron: hour '25'")
    assert cli("policy", "get", "proposal_caps", "--json").json["version"] == 1
    file.write_text("schedules = 3\n")
    assert cli("policy", "apply", str(file), "--json").error["code"] == "OPS_017"


def test_the_schema_of_a_policy_file_has_schedules(cli: Cli) -> None:
    schema = cli("policy", "schema").json
    assert schema["properties"]["schedules"]["items"] == {"$ref": "#/$defs/schedule"}
    assert "cron" in schema["$defs"]["schedule"]["properties"]
