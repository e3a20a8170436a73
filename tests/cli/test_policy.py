"""`opsloop policy`: what differs, why it was changed, how it is taken back, and what editors complete it by."""

import json
from pathlib import Path

import jsonschema

from cli.commandline import Cli
from docs.documents import blocks
from opsloop.cli import policyfile


def test_a_change_is_shown_path_by_path_and_taken_back(cli: Cli, tmp_path: Path) -> None:
    caps = '{"daily_limit": 7, "per_source": {"ann": 3}, "over_limit": "wait"}'
    cli("policy", "set", "proposal_caps", caps, "--reason", "a busy week")
    assert cli("policy", "diff", "proposal_caps").out == (
        "~ daily_limit: 100 -> 7\n~ hourly_limit: null, which is as good as left out\n+ per_source.ann: 3\n"
    )
    assert "a busy week" in cli("policy", "history", "proposal_caps").out
    assert cli("policy", "rollback", "proposal_caps").out == "proposal_caps: version 3 is in force\n"
    assert cli("policy", "diff", "proposal_caps", "1", "3").out == "nothing differs\n"
    assert "back to version 1" in cli("policy", "history", "proposal_caps").out

    (tmp_path / "p.toml").write_text("[proposal_caps]\ndaily_limit = 12\n")
    shown = cli("policy", "diff", "proposal_caps", "--file", str(tmp_path / "p.toml"))
    assert shown.out == "~ daily_limit: 100 -> 12\n"


def test_a_version_that_is_not_there_is_named(cli: Cli) -> None:
    done = cli("policy", "rollback", "proposal_caps", "7", "--json")
    assert (done.code, done.error["code"]) == (1, "OPS_080")


def test_the_difference_is_printed_as_its_page_shows(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "policy.toml").write_text("[proposal_caps]\ndaily_limit = 7\nper_source = { ann = 3 }\n")
    shown = next(b for b in blocks("docs/policy.md") if b.language == "console").text.partition("\n")[2]
    assert cli("policy", "diff", "proposal_caps", "--file", str(tmp_path / "policy.toml")).out == shown


def test_the_schema_of_a_document_and_of_a_file_is_printed(cli: Cli) -> None:
    assert json.loads(cli("policy", "schema", "proposal_caps").out)["title"] == "proposal_caps"
    assert "auto_approve" in cli("policy", "schema", "--json").json["properties"]
    done = cli("policy", "schema", "ours", "--json")
    assert (done.code, done.error["code"]) == (1, "OPS_002")


def test_what_init_writes_names_its_schema_and_is_sound_by_it(offline: Cli, tmp_path: Path) -> None:
    offline("init", str(tmp_path))
    named = (tmp_path / "policy.toml").read_text().splitlines()[0].removeprefix("#:schema ")
    schema = jsonschema.Draft202012Validator(json.loads((tmp_path / named).read_text()))
    schema.validate(policyfile.read(tmp_path / "policy.toml"))
    assert not schema.is_valid({"auto_approve": {"enabeld": True}})


def test_a_file_in_json_may_name_its_schema(cli: Cli, tmp_path: Path) -> None:
    text = '{"$schema": "./policy.schema.json", "proposal_caps": {"daily_limit": 7}}'
    (tmp_path / "p.json").write_text(text)
    assert cli("policy", "apply", str(tmp_path / "p.json"), "--json").json == {"proposal_caps": 2}


def test_a_file_is_tried_on_what_was_recorded_and_changes_nothing(cli: Cli, tmp_path: Path) -> None:
    steps = '{"title": "look", "steps": [{"kind": "http", "params": {"url": "https://x/"}}]}'
    for _ in range(2):
        cli("propose", steps)
    cli("propose", '{"title": "easy", "steps": [{"kind": "noop"}]}')
    (tmp_path / "p.toml").write_text(
        '[auto_approve]\nallowed_step_kinds = ["http"]\nmax_risk_level = "medium"\n'
    )
    tried = cli("policy", "try", str(tmp_path / "p.toml"), "--since", "7d")
    lines = tried.out.splitlines()
    assert "1 more would need a person" in lines
    assert "2 more would run by themselves" in lines
    assert any("was auto_approved): auto_approve.allowed_step_kinds: " in line for line in lines)
    assert lines[-1] == "0 decisions would be the same"
    assert cli("policy", "history", "auto_approve", "--json").json[0]["version"] == 1
    assert cli("policy", "try", str(tmp_path / "p.toml"), "--since", "soon").code == 2
    rows = cli("policy", "try", str(tmp_path / "p.toml"), "--json").json
    assert {row["kind"] for row in rows} == {"matrix", "decision"}


def test_the_tests_of_a_file_are_run_against_what_it_says(cli: Cli, tmp_path: Path) -> None:
    page = blocks("docs/policy.md")
    file = tmp_path / "policy.toml"
    file.write_text(next(block for block in page if block.language == "toml").text)
    shown = next(block.text for block in page if block.text.startswith("$ opsloop policy test"))
    done = cli("policy", "test", str(file))
    assert (done.code, done.out) == (1, shown.partition("\n")[2])
    rows = cli("policy", "test", str(file), "--json")
    assert (rows.code, [row["passed"] for row in rows.json]) == (1, [True, False])

    # Nothing that its tests refuse is put in force.
    refused = cli("policy", "apply", str(file), "--json")
    assert (refused.code, refused.error["code"]) == (1, "OPS_081")
    assert [test["name"] for test in refused.error["detail"]["failed"]] == ["so does a look at the database"]
    assert cli("policy", "history", "auto_approve", "--json").json[0]["version"] == 1

    file.write_text(
        file.read_text().replace('{ outcome = "auto_approved", risk', '{ outcome = "pending", risk')
    )
    assert cli("policy", "test", str(file)).out.splitlines()[-1] == "all 2 tests pass"
    assert cli("policy", "apply", str(file), "--json").json == {"auto_approve": 2}


def test_tests_alone_are_run_against_what_is_in_force(cli: Cli, tmp_path: Path) -> None:
    test = {
        "name": "t",
        "given": {"template": {"steps": [{"kind": "noop"}]}},
        "expect": {"outcome": "pending"},
    }
    (tmp_path / "t.json").write_text(json.dumps({"tests": [test]}))
    done = cli("policy", "test", str(tmp_path / "t.json"))
    assert done.code == 1
    assert done.out.startswith("FAIL  t: outcome is auto_approved, not pending\n      policy allows it\n")
    (tmp_path / "t.json").write_text(json.dumps({"tests": [{**test, "expect": {}}]}))
    done = cli("policy", "test", str(tmp_path / "t.json"), "--json")
    assert (done.code, done.error["code"]) == (2, "OPS_018")
    (tmp_path / "t.json").write_text("{}")
    assert cli("policy", "test", str(tmp_path / "t.json")).code == 2


def test_documents_that_decide_nothing_are_left_out_of_a_trial(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "p.toml").write_text("[proposal_caps]\ndaily_limit = 7\n\n[outbox]\nmax_tries = 3\n")
    assert cli("policy", "try", str(tmp_path / "p.toml")).out == "0 decisions would be the same\n"
