"""Every example of a command that the documents show, attacked: no argument of the proposer's becomes an option."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from docs.documents import ROOT
from looping import step

#: What makes a harmless program run another one, write a file, or read a setting of the proposer's.
OPTIONS = [
    "--upload-pack=touch /tmp/pwned",
    "--upload-pack",
    "-c",
    "-ccore.sshCommand=touch /tmp/pwned",
    "--config-env=core.sshCommand=HOME",
    "--exec-path=/tmp",
    "--output=/etc/passwd",
    "-xvf",
    "-oProxyCommand=sh",
    "-",
    "--",
    "-\n",
    "--help; rm -rf /",
]
#: Arguments that are no options, and a place where an address is written out lets none of them be one.
ADDRESSES = ["ext::sh -c touch% /tmp/pwned", "fd::17", "", "\n", "origin\n--upload-pack=x", "*", "..."]


def documented() -> list[list[Any]]:
    """The entries of command_allow in the tables of the documents, and in the policies of the examples."""
    page = (ROOT / "docs" / "executors.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\[.*?\])` \| `[^`]* [^`]*`", page, re.MULTILINE)
    entries = [json.loads(row) for row in rows]
    for path in sorted((ROOT / "examples").rglob("*")):
        if path.suffix in (".toml", ".json") and "command_allow" in path.read_text(encoding="utf-8"):
            entries += _policy(path)["worker_policy"]["command_allow"]
    return entries


def _policy(path: Path) -> Any:
    text = path.read_text(encoding="utf-8")
    return tomllib.loads(text) if path.suffix == ".toml" else json.loads(text)


ENTRIES = documented()


def harmless(entry: list[Any]) -> list[str]:
    """A command that the entry lets run."""
    return [item.replace("*", "x") if item != "..." else "x" for item in entry if isinstance(item, str)]


def attacks(entry: list[Any], arguments: list[str]) -> list[list[str]]:
    """The command with each of the arguments at each place after the program: in place of one, and besides."""
    good = harmless(entry)
    return [
        [*good[:at], argument, *good[at + taken :]]
        for argument in arguments
        for at in range(1, len(good) + 1)
        for taken in (0, 1)
    ]


def forbidden(loop, argv: list[str]) -> bool:
    made = loop.propose(step("a"), step("b", "command", params={"argv": argv}))
    return bool(made["status"] == "rejected")


def test_the_documents_show_entries():
    assert ["git", "fetch", "origin", "*"] in ENTRIES
    assert len(ENTRIES) >= 5


@pytest.mark.parametrize("entry", ENTRIES, ids=json.dumps)
def test_a_documented_entry_lets_no_option_through(loop, entry):
    loop.policy("worker_policy", command_allow=[entry])
    loop.policy("proposal_caps", daily_limit=None, hourly_limit=None)
    assert not forbidden(loop, harmless(entry))
    known = {harmless(entry)[at] for at in range(1, len(harmless(entry)))}
    assert [a for a in attacks(entry, OPTIONS) if set(a[1:]) - known and not forbidden(loop, a)] == []


def test_where_an_address_is_written_out_no_other_takes_its_place(loop):
    """What follows the remote is a name of something in it; git reads no address there."""
    loop.policy("worker_policy", command_allow=[["git", "fetch", "origin", "*"]])
    for address in ADDRESSES:
        assert forbidden(loop, ["git", "fetch", address, "main"])
        assert forbidden(loop, ["git", address, "origin", "main"])
        assert forbidden(loop, ["git", "fetch", "origin", "main", address])


@pytest.mark.parametrize("value", ["--upload-pack=x", "-c", "-"])
def test_a_result_that_is_an_option_is_not_run(loop, value):
    loop.policy("worker_policy", command_allow=[["git", "fetch", "origin", "*"]])
    mission = loop.mission(
        step("a"), step("b", "command", params={"argv": ["git", "fetch", "origin", "{{steps.a.result}}"]})
    )
    loop.complete(loop.work(mission), value)
    assert loop.claim() == []
    assert loop.steps(mission) == {"a": "succeeded", "b": "waiting"}
    assert loop.step(mission, "b")["wait_reason"].startswith("OPS_003: ")


@pytest.mark.parametrize("preset", ["openclaw", "wreckit", "minion"])
@pytest.mark.parametrize("prompt", OPTIONS)
def test_a_prompt_never_becomes_an_option_of_a_preset(loop, preset, prompt):
    mission = loop.mission(step("a", preset, params={"prompt": prompt}))
    argv = loop.work(mission)["params"]["argv"]
    written, filled = argv[:-1], argv[-1]
    assert "--" in written or filled.startswith("--message=")
    assert filled.endswith(prompt)


@pytest.mark.parametrize("value", ["--x", "-", ["a", "-x"], -1])
def test_a_value_never_becomes_an_option_of_a_preset_of_ones_own(loop, value):
    loop.policy("worker_policy", presets={"look": {"argv": ["look", "{{params.at}}"]}})
    made = loop.propose(step("a", "look", params={"at": value}))
    assert (made["status"], "takes no option here" in made["reason"]) == ("rejected", True)
    loop.policy("worker_policy", presets={"look": {"argv": ["look", "--", "{{params.at}}"]}})
    assert loop.propose(step("a", "look", params={"at": value}))["status"] == "pending"


def test_an_entry_as_it_was_meant_before_lets_no_more_run_than_then(loop):
    """`*` was one argument of any kind, and a last `...` any number of them."""
    loop.policy("worker_policy", command_allow=[["a", "**"], ["b", "..."], ["c", "-..."], ["d", "...", "x"]])
    for argv in (["a", "x", "y"], ["a"], ["b", "-x"], ["c", "-x"], ["c"], ["d", "y", "x"], ["d", "x"]):
        assert forbidden(loop, argv), argv
