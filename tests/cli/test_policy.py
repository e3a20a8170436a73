"""`opsloop policy`: what differs, why it was changed, and how it is taken back."""

from pathlib import Path

from cli.commandline import Cli


def test_a_change_is_shown_path_by_path_and_taken_back(cli: Cli, tmp_path: Path) -> None:
    caps = '{"daily_limit": 7, "per_source": {"ann": 3}}'
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
