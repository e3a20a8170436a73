"""`opsloop inbox`: a person sees exactly what would run, and decides on that and nothing else."""

import json
import shlex
import signal
import subprocess
import sys
from typing import Any

import psycopg
import pytest

from cli.commandline import Cli
from cli.terminal import Terminal
from opsloop.client import Client

Conn = psycopg.Connection[Any]

QUESTION = "[s]kip  [q]uit: "
EVIL = "harmless\x1b[2J\x1b[1A\r\u202e\u200b\u2028  approve      true"


@pytest.fixture
def client(conn: Conn) -> Client:
    """Calls functions on this test's database."""
    return Client(conn)


def propose(client: Client, prompt: str = "hello", title: str = "Ask openclaw", **fields: Any) -> str:
    """A proposal that waits for a person: an agent's command."""
    template = {"title": title, "steps": [{"key": "ask", "kind": "openclaw", "params": {"prompt": prompt}}]}
    return str(client.create_proposal({**template, **fields}, source="an agent").proposal_id)


def parked(client: Client) -> str:
    """A step that policy allowed when it was proposed, and not when it was claimed; its id."""
    allowed = client.get_policy("auto_approve")
    client.set_policy("auto_approve", {**allowed, "allowed_step_kinds": ["other"]})
    client.create_proposal({"title": "Do other things", "steps": [{"kind": "other", "params": {"n": 3}}]})
    client.set_policy("auto_approve", allowed)
    assert client.claim_steps("w") == []
    return str(client.list_steps(status="waiting")[0].step_id)


def change_preset(client: Client) -> None:
    """The program behind openclaw becomes another one."""
    policy = client.get_policy("worker_policy")
    presets = {**policy["presets"], "openclaw": {"argv": ["rm", "-rf", "{{params.prompt}}"]}}
    client.set_policy("worker_policy", {**policy, "presets": presets})


def statuses(conn: Conn) -> list[tuple[str, str | None]]:
    """What became of the proposals, and who decided."""
    return conn.execute("select status, decided_by from ops_mission_proposals order by id").fetchall()


def asking(dsn: str, *options: str) -> Terminal:
    """The inbox on a terminal."""
    return Terminal.opsloop("inbox", *options, DATABASE_URL=dsn)


def test_with_nothing_to_decide_it_says_so(cli: Cli) -> None:
    assert cli("inbox").out == "nothing waits for you\n"
    assert cli("inbox", "--json").json == []


def test_it_shows_what_would_run_why_it_waits_and_the_commands_that_decide(cli: Cli, client: Client) -> None:
    proposal = propose(client, "two\nlines")
    client.cast_vote(proposal, "reviewer", "approve", reason="looks fine")
    digest = client.inbox()[0].digest
    shown = cli("inbox").out.splitlines()
    assert shown[0].startswith(f"proposal {proposal}  voting for ")
    assert [line.strip() for line in shown[1:]] == [
        "title        Ask openclaw",
        "proposed by  an agent (login postgres)",
        "risk         medium",
        "waits        OPS_009: steps.ask: kind openclaw is not in auto_approve.allowed_step_kinds",
        "vote         reviewer: approve, looks fine",
        "would run",
        "1. ask: kind openclaw, executor openclaw (run by command)",
        'argv: ["openclaw", "agent", "--message=two\\nlines"]',
        f"approve      opsloop approve {proposal} --digest {digest}",
        f"reject       opsloop reject {proposal}",
        "",
    ]


def test_a_parked_step_is_shown_with_the_commands_that_decide(cli: Cli, client: Client) -> None:
    step = parked(client)
    digest = client.inbox()[0].digest
    shown = cli("inbox").out
    assert shown.startswith(f"step {step}  waiting for ")
    assert "       n: 3\n" in shown
    assert f"  retry        opsloop retry {step} --digest {digest}\n" in shown
    assert f"  succeeded    opsloop resolve {step} succeeded\n" in shown
    assert f"  failed       opsloop resolve {step} failed\n" in shown


def test_the_printed_commands_decide(cli: Cli, client: Client, conn: Conn) -> None:
    propose(client)
    step = parked(client)
    commands = {
        line.split()[0]: shlex.split(line)[2:]
        for line in cli("inbox").out.splitlines()
        if "  opsloop " in line
    }
    assert cli(*commands["approve"]).code == 0
    assert cli(*commands["retry"]).code == 0
    assert statuses(conn)[0] == ("approved", "tester")
    assert [s.status for s in client.list_steps() if str(s.step_id) == step] == ["queued"]
    assert cli("inbox").out == "nothing waits for you\n"


def test_text_from_an_agent_cannot_pass_for_anything_else(cli: Cli, client: Client) -> None:
    propose(client, EVIL, title=EVIL + "\n  approve      true")
    client.cast_vote(client.inbox()[0].id, "reviewer", "approve", reason=EVIL)
    done = cli("inbox")
    assert not [
        c for c in done.out if c != "\n" and (ord(c) < 32 or ord(c) in (0x7F, 0x202E, 0x200B, 0x2028))
    ]
    assert (
        "title        harmless\\x1b[2J\\x1b[1A\\r\\u202e\\u200b\\u2028  approve      true\\n  approve"
        in done.out
    )
    assert [line for line in done.out.splitlines() if line.split()[:1] == ["approve"]] == [
        f"  approve      opsloop approve {client.inbox()[0].id} --digest {client.inbox()[0].digest}"
    ]


def test_a_text_of_many_lines_stays_behind_its_bar(cli: Cli, client: Client) -> None:
    client.create_proposal(
        {"title": "t", "steps": [{"kind": "other", "params": {"text": "one\n  approve  true", "a b": 1}}]}
    )
    shown = cli("inbox").out
    assert "       text:\n         | one\n         |   approve  true\n" in shown
    assert '       "a b": 1\n' in shown


def test_a_list_cuts_what_is_long_and_says_so(cli: Cli, client: Client, dsn: str) -> None:
    propose(client, "x" * 3000 + "END")
    assert "END" not in cli("inbox").out
    assert "more characters: --json shows all" in cli("inbox").out
    assert "END" in cli("inbox", "--json").out
    with asking(dsn) as terminal:  # who is asked sees all of it
        assert "END" in terminal.until(QUESTION)


def test_the_rest_is_counted(cli: Cli, client: Client) -> None:
    for _ in range(3):
        propose(client)
    assert cli("inbox", "--limit", "2").out.endswith("\n1 more wait; --limit shows up to 1000\n")


def test_what_was_proposed_later_is_approved_by_digest_only_if_it_is_what_was_shown(
    cli: Cli, client: Client, conn: Conn
) -> None:
    proposal = propose(client)
    shown = client.inbox()[0].digest
    change_preset(client)
    done = cli("approve", proposal, "--digest", shown, "--json")
    assert (done.code, done.error["code"]) == (1, "OPS_016")
    assert statuses(conn) == [("pending", None)]


# At the prompt


def test_at_a_terminal_it_asks_for_each(dsn: str, client: Client, conn: Conn) -> None:
    for prompt in ("first", "second", "third", "fourth"):
        propose(client, prompt)
    with asking(dsn) as terminal:
        assert "first" in terminal.until(f"[a]pprove  [r]eject  {QUESTION}")
        terminal.type("a")
        terminal.until("why (Enter: no reason): ")
        terminal.type("")
        assert "approved, mission " in terminal.until(QUESTION)
        terminal.type("r")
        terminal.until("why (Enter: no reason): ")
        terminal.type("not today")
        assert "third" in terminal.until(QUESTION)
        terminal.type("nonsense")
        terminal.until(QUESTION)
        terminal.type("")
        assert "fourth" in terminal.until(QUESTION)
        terminal.type("q")
        assert terminal.end() == 0
    assert statuses(conn) == [("approved", "ann"), ("rejected", "ann"), ("pending", None), ("pending", None)]
    reasons = conn.execute("select reason from ops_proposal_votes order by created_at").fetchall()
    assert reasons == [(None,), ("not today",)]


def test_a_parked_step_is_decided_at_the_prompt(dsn: str, client: Client) -> None:
    parked(client)
    with asking(dsn) as terminal:
        terminal.until(f"[t]ry again  [d]one: it succeeded  [f]ailed  {QUESTION}")
        terminal.type("d")
        terminal.until("why (Enter: no reason): ")
        terminal.type("by hand")
        assert terminal.end() == 0
        assert terminal.shown.endswith(": succeeded\n\n")
    assert [s.status for s in client.list_steps()] == ["succeeded"]


def test_what_changed_behind_the_prompt_is_not_approved_but_shown_anew(
    dsn: str, client: Client, conn: Conn
) -> None:
    propose(client)
    with asking(dsn) as terminal:
        assert '"openclaw", "agent"' in terminal.until(QUESTION)
        change_preset(client)
        terminal.type("a")
        terminal.until("why (Enter: no reason): ")
        terminal.type("")
        again = terminal.until(QUESTION)
        assert "OPS_016: " in again
        assert '["rm", "-rf", "hello"]' in again
        assert statuses(conn) == [("pending", None)]
        terminal.type("s")
        assert terminal.end() == 0


def test_what_somebody_else_decided_meanwhile_is_said(dsn: str, client: Client, conn: Conn) -> None:
    proposal = propose(client)
    with asking(dsn) as terminal:
        terminal.until(QUESTION)
        client.reject_proposal(proposal, actor="bob")
        terminal.type("a")
        terminal.until("why (Enter: no reason): ")
        terminal.type("")
        assert terminal.end() == 0
        assert "OPS_014: " in terminal.shown
    assert statuses(conn) == [("rejected", "bob")]


def test_ctrl_c_at_the_prompt_decides_nothing(dsn: str, client: Client, conn: Conn) -> None:
    propose(client)
    with asking(dsn) as terminal:
        terminal.until(QUESTION)
        assert terminal.interrupt() == 130
    assert statuses(conn) == [("pending", None)]


# Watching


def test_watching_shows_what_comes(dsn: str, client: Client) -> None:
    propose(client, "first")
    with asking(dsn, "--watch", "--no-ask") as terminal:
        terminal.until("first")
        propose(client, "second")
        terminal.until("second")
        parked(client)
        terminal.until("step ")
        assert terminal.interrupt() == 130
    assert terminal.shown.count("first") == 1


def test_watching_as_json_gives_an_object_a_line(dsn: str, client: Client) -> None:
    first = propose(client)
    arguments = [sys.executable, "-m", "opsloop", "inbox", "--watch", "--json", "--dsn", dsn]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as watching:
        assert watching.stdout is not None
        assert json.loads(watching.stdout.readline())["id"] == first
        second = propose(client)
        found = json.loads(watching.stdout.readline())
        assert (found["id"], found["kind"], found["would_run"][0]["run_with"]) == (
            second,
            "proposal",
            "command",
        )
        watching.send_signal(signal.SIGINT)
        assert watching.wait(timeout=30) == 130
