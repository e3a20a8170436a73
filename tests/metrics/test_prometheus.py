"""A real Prometheus scrapes a real loop: every panel of the dashboards has data, and every alert rule can be judged."""

import asyncio
import json
import math
import shutil
import signal
import socket
import subprocess
import threading
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from aiohttp import web

from cli.starting import Up
from looping import Loop, step
from opsloop.metrics import CONTENT_TYPE, exposition
from support import require, wait_until

ROOT = Path(__file__).parents[2]
GREET = """
from opsloop import executor
from opsloop.relay.sinks import sink

@executor("greet", idempotent=True)
def greet(ctx):
    if ctx.params.get("rude"):
        raise RuntimeError("no manners")
    return "hello"

@sink("hole")
async def hole(message):
    pass
"""
POLICY = """
[auto_approve]
allowed_step_kinds = ["*"]

[proposal_caps]
daily_limit = 1000000

[[reaction_matrix.patterns]]
name = "greet"
event_type = "guest:came"
template = { title = "Say hello", steps = [{ kind = "greet" }] }

[outbox]
routes = [{ event_type = "*", sink = "hole" }]
"""


@pytest.fixture(autouse=True)
def _prometheus() -> None:
    require("prometheus", shutil.which("prometheus") is not None)


def free_port() -> int:
    """A port that nobody has now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@contextmanager
def metrics_of_the_loop(dsn: str) -> Iterator[int]:
    """GET /metrics of the loop, on the port that is returned."""

    async def show(_: web.Request) -> web.Response:
        async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as conn:
            return web.Response(body=await exposition(conn), headers={"Content-Type": CONTENT_TYPE})

    loop = asyncio.new_event_loop()
    app = web.Application()
    app.router.add_get("/metrics", show)
    runner = web.AppRunner(app)
    port = free_port()
    loop.run_until_complete(runner.setup())
    loop.run_until_complete(web.TCPSite(runner, "127.0.0.1", port).start())
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield port
    finally:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(30)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(30)
        loop.close()


@contextmanager
def prometheus(home: Path, *targets: int) -> Iterator[Callable[..., Any]]:
    """A Prometheus that scrapes these ports each second; what is returned asks its API."""
    rules = home / "opsloop.rules.yml"
    shutil.copy(ROOT / "ops/prometheus/opsloop.rules.yml", rules)
    config = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(rules)],
        "scrape_configs": [
            {
                "job_name": "opsloop",
                "static_configs": [{"targets": [f"127.0.0.1:{port}" for port in targets]}],
            }
        ],
    }
    (home / "prometheus.yml").write_text(json.dumps(config))
    port = free_port()
    with (home / "prometheus.log").open("w") as log:
        process = subprocess.Popen(
            [
                "prometheus",
                f"--config.file={home / 'prometheus.yml'}",
                f"--storage.tsdb.path={home / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            stdout=log,
            stderr=log,
        )

    def ask(path: str, **params: str) -> Any:
        url = f"http://127.0.0.1:{port}/api/v1/{path}?{urllib.parse.urlencode(params)}"
        with urllib.request.urlopen(url, timeout=20) as answer:
            return json.load(answer)["data"]

    def answers() -> bool:
        assert process.poll() is None, (home / "prometheus.log").read_text()
        try:
            return bool(ask("targets"))
        except OSError:
            return False

    try:
        wait_until(answers, "Prometheus answers", seconds=60)
        yield ask
    finally:
        process.terminate()
        process.wait(60)


def queries() -> list[str]:
    """The query of every panel."""
    found = []
    for file in sorted((ROOT / "ops/grafana").glob("*.json")):
        for panel in json.loads(file.read_text())["panels"]:
            found += [target["expr"].replace("$loop", ".*") for target in panel.get("targets", [])]
    return found


def work(loop: Loop) -> None:
    """Something for every metric with labels."""
    loop.rows("select fn_emit_event('guest:came')")
    loop.rows("select fn_publish_outbox('order', 'o1', 'order:placed')")
    loop.propose(step("a", kind="greet", params={"rude": True}, max_retries=1))


def test_every_panel_has_data_and_every_rule_is_judged(
    dsn: str, conn: psycopg.Connection[Any], tmp_path: Path
) -> None:
    (tmp_path / "greeting.py").write_text(GREET)
    (tmp_path / "policy.toml").write_text(POLICY)
    own = free_port()
    up = Up(dsn, tmp_path, "--app", "greeting", "--policy", "policy.toml", "--metrics", str(own))
    try:
        up.runs()
        with metrics_of_the_loop(dsn) as port, prometheus(tmp_path, port, own) as ask:
            missing = queries()
            loop = Loop(conn)

            def all_have_data() -> bool:
                work(loop)
                missing[:] = [expr for expr in missing if not has_data(ask("query", query=expr))]
                return not missing

            wait_until(all_have_data, f"every panel has data, but for {missing}", seconds=90)
            groups = ask("rules")["groups"]
            assert [rule["lastError"] for g in groups for rule in g["rules"] if rule["health"] == "err"] == []
            assert sum(len(g["rules"]) for g in groups) > 60
    finally:
        up.popen.send_signal(signal.SIGINT)
        with up.popen:
            assert up.end() == 0, up.said()


def has_data(answer: Any) -> bool:
    """Whether a query has brought a number."""
    return any(not math.isnan(float(one["value"][1])) for one in answer["result"])
