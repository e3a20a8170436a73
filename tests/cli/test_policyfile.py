"""Policy as a file: what it names is put in force, what it does not name stays as it is."""

from pathlib import Path
from typing import Any

import psycopg
import pytest

from cli.commandline import Cli
from opsloop.cli import policyfile
from opsloop.client import connect
from support import at_once

TOML = '[auto_approve]\nallowed_step_kinds = ["noop", "mine"]\n[proposal_caps]\ndaily_limit = 7\n'
JSON = '{"auto_approve": {"allowed_step_kinds": ["noop", "mine"]}, "proposal_caps": {"daily_limit": 7}}'


@pytest.mark.parametrize(("name", "text"), [("p.toml", TOML), ("p.json", JSON)])
def test_fields_of_the_file_are_put_in_force_and_the_others_stay(
    cli: Cli, tmp_path: Path, name: str, text: str
) -> None:
    (tmp_path / name).write_text(text)
    before = cli("policy", "get", "auto_approve", "--json").json["value"]
    assert cli("policy", "apply", str(tmp_path / name), "--json").json == {
        "auto_approve": 2,
        "proposal_caps": 2,
    }
    after = cli("policy", "get", "auto_approve", "--json").json["value"]
    assert after == {**before, "allowed_step_kinds": ["noop", "mine"]}
    caps = cli("policy", "get", "proposal_caps", "--json").json["value"]
    assert caps == {"daily_limit": 7, "hourly_limit": None, "per_source": {}, "over_limit": "wait"}
    assert cli("policy", "history", "auto_approve", "--json").json[0]["changed_by"] == "tester"


def test_what_is_in_force_already_makes_no_new_version(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "p.toml").write_text(TOML)
    assert "auto_approve: version 2 is in force" in cli("policy", "apply", str(tmp_path / "p.toml")).out
    done = cli("policy", "apply", str(tmp_path / "p.toml"))
    assert done.out == "nothing to do: all of it is in force\n"


@pytest.mark.parametrize(
    ("name", "text", "code", "said"),
    [
        ("p.toml", "[auto_approve\n", "OPS_017", "is not TOML that"),
        ("p.json", '{"auto_approve": {"enabled": true, "enabled": false}}', "OPS_017", "stands twice"),
        ("p.json", "[]", "OPS_017", "must hold an object, not an array"),
        ("p.toml", "auto_approve = 3", "OPS_017", "auto_approve must be an object, not a number"),
        ("p.toml", "schedules = 3", "OPS_017", "schedules must be a list, not a number"),
        ("p.toml", "[auto_aprove]\nenabled = true", "OPS_002", "auto_aprove"),
        ("p.toml", TOML + "daily = 7\n", "OPS_017", "daily: unknown field"),
        ("p.toml", "[proposal_caps]\ndaily_limit = 2026-01-01\n", "OPS_017", "daily_limit"),
        ("p.toml", "[proposal_caps]\ndaily_limit = inf\n", "OPS_017", "not JSON compliant"),
    ],
)
def test_a_faulty_file_changes_nothing_and_says_what_is_wrong(
    cli: Cli, conn: psycopg.Connection[Any], tmp_path: Path, name: str, text: str, code: str, said: str
) -> None:
    (tmp_path / name).write_text(text)
    done = cli("policy", "apply", str(tmp_path / name), "--json")
    assert (done.code, done.error["code"]) == (1, code)
    assert said in str(done.error)
    assert conn.execute("select max(version) from ops_policy_history").fetchone() == (1,)


def test_a_file_that_is_not_there_is_named(cli: Cli, tmp_path: Path) -> None:
    done = cli("policy", "apply", str(tmp_path / "none.toml"), "--json")
    assert (done.code, done.error["code"]) == (2, "OPS_018")
    assert "none.toml" in done.error["message"]


def test_many_who_apply_different_fields_at_once_lose_nothing(dsn: str) -> None:
    def put(fields: dict[str, Any]) -> policyfile.Applied:
        with connect(dsn) as client:
            return policyfile.apply(client, {"proposal_caps": fields}, "ann")

    every = [{"daily_limit": 7}, {"hourly_limit": 5}, {"per_source": {"ann": 3}}]
    at_once([lambda fields=fields: put(fields) for fields in every])  # type: ignore[misc]
    with connect(dsn) as client:
        caps = client.get_policy("proposal_caps")
    assert caps == {"daily_limit": 7, "hourly_limit": 5, "per_source": {"ann": 3}, "over_limit": "wait"}
