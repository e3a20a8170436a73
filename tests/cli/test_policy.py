"""`opsloop policy`: what differs, why it was changed, how it is taken back, and what editors complete it by."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import psycopg
import pytest

from cli.commandline import Cli
from cli.terminal import Terminal
from docs.documents import blocks
from opsloop.cli import policychange, policyfile
from opsloop.client import connect


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


def test_a_document_that_opsloop_does_not_read_is_said_to_be_ones_own(cli: Cli) -> None:
    done = cli("policy", "set", "auto_aprove", "{}", "--yes")
    assert (done.code, "auto_aprove is a document of your own" in done.err) == (0, True)
    assert cli("policy", "set", "retention", "{}", "--yes").err == ""


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


def test_rules_of_approval_are_tried_on_the_decisions_on_record(cli: Cli, tmp_path: Path) -> None:
    made = cli(
        "propose", '{"title": "look", "steps": [{"kind": "http", "params": {"url": "https://x/"}}]}', "--json"
    )
    cli("approve", made.json["proposal_id"])
    (tmp_path / "p.toml").write_text(
        '[approval_rules]\nrules = [{ name = "four eyes", require = [{ group = "*", count = 2 }] }]\n'
    )
    lines = cli("policy", "try", str(tmp_path / "p.toml")).out.splitlines()
    assert lines[0] == "1 more would have needed more than the votes on record"
    assert (
        "(manual, was approved): approval_rules.rules.four eyes: 1 of 2: one more of those who may"
        in lines[1]
    )
    assert lines[2:] == ["0 decisions would be the same"]


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


Conn = psycopg.Connection[Any]

WIDER = '[auto_approve]\nallowed_step_kinds = ["noop", "http"]\nmax_risk_level = "medium"\n'


def test_on_a_terminal_a_file_is_put_in_force_after_diff_dry_run_and_a_yes(
    cli: Cli, dsn: str, tmp_path: Path
) -> None:
    for _ in range(2):
        cli("propose", '{"title": "look", "steps": [{"kind": "http", "params": {"url": "https://x/"}}]}')
    file = tmp_path / "p.toml"
    file.write_text(WIDER)
    for answer, code, version in (("n", 1, 1), ("y", 0, 2)):
        with Terminal.opsloop("policy", "apply", str(file), DATABASE_URL=dsn) as terminal:
            shown = terminal.until("Put it in force? [y/N]: ").splitlines()
            assert shown[0] == "auto_approve"
            assert '  ~ max_risk_level: "low" -> "medium"' in shown
            assert shown[-4:-1] == [
                "on what was recorded in the last 7 days:",
                "  2 more would run by themselves",
                "  0 decisions would be the same",
            ]
            terminal.type(answer)
            assert terminal.end() == code
        assert cli("policy", "history", "auto_approve", "--json").json[0]["version"] == version

    # Nothing is asked where nothing changes.
    with Terminal.opsloop("policy", "apply", str(file), DATABASE_URL=dsn) as terminal:
        assert terminal.end() == 0
        assert terminal.shown == "nothing to do: all of it is in force\n"


def test_so_is_a_document_and_neither_is_asked_with_yes(cli: Cli, dsn: str, tmp_path: Path) -> None:
    with Terminal.opsloop("policy", "set", "ours", '{"a": 1}', DATABASE_URL=dsn) as terminal:
        # No policy of proposals: there is nothing to try it on.
        shown = terminal.until("Put it in force? [y/N]: ")
        assert shown.splitlines() == ["ours", "  + a: 1", "Put it in force? [y/N]: "]
        terminal.type("y")
        assert terminal.end() == 0
    with Terminal.opsloop("policy", "set", "ours", '{"a": 2}', "--yes", DATABASE_URL=dsn) as terminal:
        assert (terminal.end(), terminal.shown) == (0, "ours: version 2 is in force\n")
    (tmp_path / "p.toml").write_text(WIDER)
    with Terminal.opsloop("policy", "apply", str(tmp_path / "p.toml"), "--yes", DATABASE_URL=dsn) as terminal:
        assert (terminal.end(), terminal.shown) == (0, "auto_approve: version 2 is in force\n")


def test_what_is_refused_is_refused_before_anybody_is_asked(dsn: str, tmp_path: Path) -> None:
    (tmp_path / "p.toml").write_text('[auto_approve]\nmax_risk_level = "lowest"\n')
    with Terminal.opsloop("policy", "apply", str(tmp_path / "p.toml"), DATABASE_URL=dsn) as terminal:
        assert terminal.end() == 1
        assert terminal.shown.startswith("OPS_017: ")


def test_what_somebody_changed_since_it_was_shown_is_not_overwritten(
    cli: Cli, dsn: str, tmp_path: Path
) -> None:
    (tmp_path / "p.toml").write_text("[proposal_caps]\ndaily_limit = 7\n")
    with Terminal.opsloop("policy", "apply", str(tmp_path / "p.toml"), DATABASE_URL=dsn) as terminal:
        terminal.until("Put it in force? [y/N]: ")
        cli("policy", "set", "proposal_caps", '{"daily_limit": 9}')
        terminal.type("y")
        terminal.until("OPS_011: ")
        assert terminal.end() == 1
    assert cli("policy", "get", "proposal_caps", "--json").json["value"] == {"daily_limit": 9}


def test_a_dry_run_that_takes_too_long_is_left_out_and_the_question_comes(
    dsn: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(policychange, "_SECONDS", 0.2)
    with connect(dsn) as client:
        client.conn.execute(
            "create or replace function opsloop._judge_all(p_templates jsonb[], p_documents"
            " opsloop.ops_policy_documents, out codes text[], out forbidden text[], out reasons text[], out findings"
            " jsonb[], out risks smallint[]) language plpgsql as $$ begin"
            " perform pg_sleep(600); end $$"
        )
        client.create_proposal({"title": "t", "steps": [{"kind": "noop"}]})
        monkeypatch.setattr("typer.confirm", lambda question: question == "Put it in force?")

        def put(shown: policychange.Versions | None) -> policyfile.Applied:
            return policyfile.apply(client, {"auto_approve": {"enabled": False}}, "ann", shown=shown)

        assert policychange.confirmed(client, ["auto_approve"], put).versions == {"auto_approve": 2}
    assert "trying it on the last 7 days takes more than" in capsys.readouterr().out


def test_a_file_is_judged_by_beside_what_is_in_force_until_it_is_ended(
    cli: Cli, conn: Conn, tmp_path: Path
) -> None:
    (tmp_path / "p.toml").write_text(WIDER)
    done = cli("policy", "shadow", str(tmp_path / "p.toml"), "--reason", "a week of looking")
    assert done.out == "auto_approve: from now on judged by this, too\n"
    assert cli("policy", "shadow", str(tmp_path / "p.toml")).out == "auto_approve: judged by this already\n"
    cli("propose", '{"title": "look", "steps": [{"kind": "http", "params": {"url": "https://x/"}}]}')
    for _ in range(2):
        conn.execute("update ops_policy_shadows set next_to = clock_timestamp(), next_at = '-infinity'")
        conn.execute("select _duty_explain()")
    shown = cli("policy", "shadows").out.splitlines()
    assert shown[0].startswith("shadow of auto_approve, since ")
    assert shown[0].endswith("s: 1 of 1 decisions otherwise")
    assert shown[1] == "  1 more would run by themselves"
    assert shown[2].endswith(" look (manual, was pending): policy: policy allows it")
    assert shown[3] == "  0 decisions would be the same"
    # Beside the dry run.
    assert (
        ": 1 of 1 decisions otherwise: opsloop policy shadows"
        in (cli("policy", "try", str(tmp_path / "p.toml")).out.splitlines()[-1])
    )
    assert cli("policy", "shadows", "--json").json[0]["shadow"]["differing"] == 1
    assert cli("policy", "end-shadow", "auto_approve").out == "auto_approve: ended\n"
    assert cli("policy", "end-shadow", "auto_approve").out == "auto_approve: has none\n"
    assert cli("policy", "shadows").out == "there are none: `opsloop policy shadow FILE` sets them\n"
    (tmp_path / "p.toml").write_text("[auto_approve]\nenabled = true\n")
    assert cli("policy", "shadow", str(tmp_path / "p.toml")).out.startswith("nothing to do: ")


COMMENTED = """\
# Ours.
[proposal_caps]
# Not more, said ann.
daily_limit = 7  # a day

[auto_approve]
allowed_step_kinds = [
  "noop",  # nothing
  "mine",
]

[[tests]]
name = "t"
expect = { outcome = "pending" }
given.template = { steps = [{ kind = "http", params = { url = "https://x/" } }] }
"""


def test_what_is_in_force_is_exported_and_comes_back_as_it_was(cli: Cli, tmp_path: Path) -> None:
    cli(
        "policy",
        "set",
        "ours",
        '{"say \\"é\\u007f\\"": [1.50, 1e30, true, {"a b": {}}], "deep": {"er": {"n": 1}, "m": 2}}',
    )
    before = {key: cli("policy", "get", key, "--json").json["value"] for key in ("ours", "worker_policy")}
    for name in ("p.toml", "p.json"):
        assert cli("policy", "export", str(tmp_path / name)).out == f"{tmp_path / name}: written\n"
        assert cli("policy", "export", str(tmp_path / name)).out == f"{tmp_path / name}: up to date\n"
        assert cli("policy", "apply", str(tmp_path / name)).out == "nothing to do: all of it is in force\n"
        found = policyfile.read(tmp_path / name)
        assert found["ours"] == before["ours"]
        # Presets have a null, which says something.
        assert found["worker_policy"] == {
            field: value
            for field, value in before["worker_policy"].items()
            if name == "p.json" or (field != "presets" and value is not None)
        }
    done = cli("policy", "export")
    assert done.out == (tmp_path / "p.toml").read_text()
    assert done.err == "left out, as TOML has no null: worker_policy.presets\n"
    assert cli("policy", "export", "--json").json["ours"] == before["ours"]
    assert cli("policy", "export", str(tmp_path / "p.yaml")).code == 2
    assert "cannot write" in cli("policy", "export", str(tmp_path / f"{'p' * 300}.toml")).err


def test_a_file_that_is_there_keeps_its_comments_and_tests_where_they_stand(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "p.toml"
    file.write_text(COMMENTED)
    assert cli("policy", "apply", str(file)).code == 0
    cli("policy", "set", "proposal_caps", '{"daily_limit": 7, "hourly_limit": 3}')
    assert cli("policy", "export", str(file)).code == 0
    text = file.read_text()
    assert text.startswith("# Ours.\n[proposal_caps]\n# Not more, said ann.\ndaily_limit = 7  # a day\n")
    assert '  "noop",  # nothing\n  "mine",\n' in text
    assert policyfile.read(file)["proposal_caps"] == {"daily_limit": 7, "hourly_limit": 3}
    assert policyfile.read_whole(file).tests[0]["name"] == "t"
    # What is no longer in force goes.
    cli("policy", "set", "proposal_caps", '{"daily_limit": 8}')
    cli("policy", "export", str(file))
    assert policyfile.read(file)["proposal_caps"] == {"daily_limit": 8}
    assert "# Not more, said ann.\ndaily_limit = 8" in file.read_text()
