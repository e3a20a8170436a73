"""docs/executors.md: its executors, written into files and run by real workers on a real database."""

import json
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import psycopg
import pytest

from docs.documents import blocks, environment, examples, masked, run
from opsloop.client import Client
from support import wait_until

DOCUMENT = "docs/executors.md"
Conn = psycopg.Connection[Any]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A directory with the files of the document; a block that names a file is a part of it."""
    for block in blocks(DOCUMENT):
        if block.about:
            with (tmp_path / block.about).open("a", encoding="utf-8") as file:
                file.write(block.text + "\n\n")
    return tmp_path


@pytest.fixture
def env(dsn: str, programs: Path, home: Path) -> dict[str, str]:
    return environment(dsn, programs, home)


class Provider:
    """A server that answers POST with the given statuses, then with receipts, one for each key."""

    def __init__(self, *statuses: int) -> None:
        self.keys: list[str] = []
        waiting = list(statuses)
        keys = self.keys

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                keys.append(self.headers["Idempotency-Key"])
                self.rfile.read(int(self.headers["Content-Length"]))
                body = json.dumps({"receipt": f"R-{len(set(keys))}"}).encode()
                self.send_response(waiting.pop(0) if waiting else 200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Retry-After", "0")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/charges"
        Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def provider() -> Iterator[Callable[..., Provider]]:
    """Starts a server that plays the provider."""
    opened: list[Provider] = []

    def start(*statuses: int) -> Provider:
        opened.append(Provider(*statuses))
        return opened[-1]

    yield start
    for one in opened:
        one.close()


@pytest.fixture
def work(conn: Conn, env: dict[str, str], home: Path) -> Iterator[Callable[..., dict[str, dict[str, Any]]]]:
    """Lets a worker process do a mission of these steps; gives the steps by their keys when it has ended."""
    client = Client(conn)
    kinds = ["greet", "count_lines", "charge", "record", "number"]
    client.set_policy("auto_approve", {"enabled": True, "allowed_step_kinds": kinds})
    client.set_policy("worker_policy", {**client.get_policy("worker_policy"), "backoff": {"base_seconds": 0}})
    with (home / "worker.log").open("w") as log:
        worker = subprocess.Popen(
            [str(home / "bin/opsloop"), "worker", "--app", "ours"], env=env, cwd=home, stderr=log
        )

    def do(*steps: dict[str, Any]) -> dict[str, dict[str, Any]]:
        mission = client.create_proposal({"title": "test", "steps": list(steps)}).mission_id
        assert mission is not None

        def ended() -> bool:
            return client.list_missions(1)[0].completed_at is not None

        wait_until(ended, "the mission has ended")
        query = "select key, to_jsonb(s) from ops_mission_steps s where mission_id = %s"
        return dict(conn.execute(query, (mission,)).fetchall())

    yield do
    worker.terminate()
    worker.wait(20)


def test_the_commands_print_what_the_document_shows(env, home):
    (example,) = examples(DOCUMENT, "sh")
    printed = run(["bash", "-e"], example.block.text, env, home, errors=False)
    assert masked(printed) == masked(example.shown)


def test_a_later_attempt_goes_on_from_the_progress_of_the_one_before(work, home, conn):
    (home / "there").write_text("1\n2\n3\n")
    steps = work({"key": "n", "kind": "count_lines", "params": {"files": ["there", "missing"]}})
    assert (steps["n"]["status"], steps["n"]["failure_count"]) == ("failed", 3)
    assert steps["n"]["progress"] == {"there": 3}

    (home / "missing").write_text("4\n")
    (home / "there").unlink()  # counted before: not read again
    client = Client(conn)
    client.retry_step(steps["n"]["id"])
    wait_until(lambda: client.list_missions(1)[0].status == "succeeded", "the mission has succeeded")
    found = conn.execute(
        "select data, mission_id is not null from ops_agent_events where type = 'lines:counted'"
    ).fetchall()
    assert found == [({"total": 4}, True)]
    usage = conn.execute("select meta from ops_action_runs where status = 'succeeded'").fetchone()
    assert usage == ({"usage": {"files": 2}},)


def test_the_order_is_charged_by_one_key_and_recorded_under_the_lease(work, provider, conn):
    conn.execute("create table public.receipts (step_id uuid primary key, receipt text)")
    shop = provider(429, 503)
    steps = work(
        {"key": "pay", "kind": "charge", "params": {"url": shop.url, "amount": 5}},
        {"key": "note", "kind": "record"},
    )
    assert (steps["pay"]["status"], steps["pay"]["attempt"]) == ("succeeded", 3)
    assert shop.keys == [f"step:{steps['pay']['id']}"] * 3
    receipts = conn.execute("select step_id::text, receipt from public.receipts").fetchall()
    assert receipts == [(steps["note"]["id"], "R-1")]
    messages = conn.execute("select aggregate_id, event_type, payload from outbox").fetchall()
    assert messages == [("R-1", "receipt:recorded", {"step": steps["note"]["id"]})]


def test_a_number_is_drawn_once_for_all_attempts(work, conn):
    conn.execute("create sequence public.invoice_numbers start 1001")
    steps = work({"key": "n", "kind": "number"})
    assert steps["n"]["result"] == {"number": 1001}
    # As if its report had been lost: it is put back, and run once more.
    conn.execute(
        "update ops_mission_steps set status = 'queued', result = null where id = %s", (steps["n"]["id"],)
    )
    again = "select attempt, result from ops_mission_steps where status = 'succeeded'"
    wait_until(lambda: conn.execute(again).fetchall() == [(2, {"number": 1001})], "it has run again")
    assert conn.execute("select last_value from public.invoice_numbers").fetchone() == (1001,)


def test_what_cannot_succeed_is_tried_once(work, provider):
    shop = provider(402)
    steps = work({"key": "pay", "kind": "charge", "params": {"url": shop.url, "amount": 5}})
    assert (steps["pay"]["status"], steps["pay"]["attempt"]) == ("failed", 1)
    assert "the provider refuses it: 402" in steps["pay"]["last_error"]


def test_an_entry_point_offers_the_executor_to_every_worker(env, home):
    project = tomllib.loads((home / "pyproject.toml").read_text())["project"]
    installed = home / "site" / f"{project['name']}-{project['version']}.dist-info"
    installed.mkdir(parents=True)
    (installed / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    )
    group = project["entry-points"]["opsloop.executors"]
    lines = [f"{name} = {target}" for name, target in group.items()]
    (installed / "entry_points.txt").write_text("\n".join(["[opsloop.executors]", *lines, ""]))
    env["PYTHONPATH"] = f"{home / 'site'}:{home}"
    assert (
        run(["opsloop", "worker", "--once", "--executors", "greet"], "", env, errors=False)
        == "No queued steps\n"
    )


def test_the_tests_of_the_document_pass(home, env):
    # -c: settings of this repository are not those of the document's reader.
    (home / "empty.ini").write_text("[pytest]\n")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-c", "empty.ini", "-p", "no:cacheprovider", "test_ours.py"],
        cwd=home,
        env={**env, "OPSLOOP_TEST_DSN": env["DATABASE_URL"]},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "5 passed" in done.stdout, done.stdout
