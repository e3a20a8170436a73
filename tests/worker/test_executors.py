import asyncio
import contextlib
import ipaddress
import json
import os
import shutil
import ssl
import subprocess
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import quote, unquote

import psycopg
import pytest

from opsloop.errors import ParamsRefused
from opsloop.executors import Context, Fatal, Retry, RetryAfter, command, http, noop, sql
from support import wait_until
from worker.working import Process, Work

PRIVATE = {"http_allow_private": True}


# noop


async def test_noop_returns_its_params_or_ok() -> None:
    assert noop.run(Context("0")) == {"ok": True}
    assert noop.run(Context("0", {"a": 1})) == {"a": 1}
    assert await noop.run(Context("0", {"sleep_seconds": 0, "a": 1})) == {"sleep_seconds": 0, "a": 1}
    with pytest.raises(Retry, match="on purpose"):
        noop.run(Context("0", {"fail": "on purpose"}))
    with pytest.raises(ParamsRefused, match="OPS_020"):
        noop.run(Context("0", {"sleep_seconds": "long"}))


# sql


@pytest.fixture
def run_sql(dsn: str) -> Callable[..., Any]:
    handler = sql.make(dsn).handler

    async def run(statement: str, args: Any = None, **more: Any) -> Any:
        params = {"statement": statement, **more} | ({} if args is None else {"args": args})
        return await handler(Context("0", params))

    return run


async def test_sql_returns_rows_as_json(run_sql: Callable[..., Any]) -> None:
    done = await run_sql(
        "select 1 as a, 'x' as b, null as c, 1.50::numeric as d, '{1,2}'::int[] as e, '{\"k\": 1}'::jsonb as f, "
        "'2026-01-02'::date as g, '\\x00ff'::bytea as h, '0/1'::pg_lsn as i"
    )

    row = json.loads(json.dumps(done["rows"][0], default=float))
    assert row == {
        "a": 1,
        "b": "x",
        "c": None,
        "d": 1.5,
        "e": [1, 2],
        "f": {"k": 1},
        "g": "2026-01-02",
        "h": "00ff",
        "i": "0/1",
    }
    assert (done["rowcount"], done["truncated"]) == (1, False)


async def test_sql_binds_arguments_by_place_and_by_name(run_sql: Callable[..., Any]) -> None:
    assert (await run_sql("select %s::int + %s::int as n", [1, 2]))["rows"] == [{"n": 3}]
    assert (await run_sql("select %(a)s::text as a", {"a": "'; drop"}))["rows"] == [{"a": "'; drop"}]
    assert (await run_sql("select '100%' as a"))["rows"] == [{"a": "100%"}]


async def test_sql_commits_what_it_changed(
    run_sql: Callable[..., Any], conn: psycopg.Connection[Any]
) -> None:
    assert (await run_sql("create table public.t (a int)"))["rows"] == []
    assert (await run_sql("insert into public.t select generate_series(1, 3)"))["rowcount"] == 3
    assert (await run_sql("vacuum public.t", autocommit=True))["rows"] == []
    assert conn.execute("select count(*) from public.t").fetchall() == [(3,)]


async def test_sql_keeps_a_thousand_rows_and_says_that_there_were_more(run_sql: Callable[..., Any]) -> None:
    done = await run_sql("select generate_series(1, 1001) as n")

    assert (len(done["rows"]), done["rowcount"], done["truncated"]) == (1000, 1001, True)


@pytest.mark.parametrize(
    ("statement", "more", "outcome", "said"),
    [
        ("select 1; select 2", {}, Fatal, "42601"),
        ("selec 1", {}, Fatal, "42601"),
        ("select 1/0", {}, Fatal, "22012"),
        ("select pg_sleep(20)", {"timeout_seconds": 0.05}, Retry, "57014"),
        ("select pg_terminate_backend(pg_backend_pid())", {}, Retry, "SQLSTATE (57P01|none)"),
        ("vacuum", {}, Fatal, "25001"),
    ],
)
async def test_sql_errors_are_final_unless_another_try_may_help(
    run_sql: Callable[..., Any], statement: str, more: dict[str, Any], outcome: type[Exception], said: str
) -> None:
    with pytest.raises(outcome, match=said):
        await run_sql(statement, **more)


async def test_sql_without_a_server_may_be_tried_again() -> None:
    with pytest.raises(Retry):
        await sql.make("host=/nowhere").handler(Context("0", {"statement": "select 1"}))


@pytest.mark.parametrize(
    "params",
    [{}, {"statement": ""}, {"statement": 1}, {"statement": "x", "args": "y"}, {"statement": "x", "timeout_seconds": 0},
     {"statement": "x", "autocommit": "yes"}, {"statement": "x", "dsn": "y"}],
)  # fmt: skip
async def test_sql_refuses_params_it_does_not_understand(params: dict[str, Any]) -> None:
    with pytest.raises(ParamsRefused, match="OPS_020: sql: "):
        await sql.make("host=/nowhere").handler(Context("0", params))


def test_sql_is_offered_with_its_own_login_only(work: Work, start: Callable[..., Process], dsn: str) -> None:
    step = work.step("sql", {"statement": "select 1 as one"})

    assert "OPS_005: 1 steps wait for the executor sql" in start("--once").end()[1]
    assert start("--once", OPS_SQL_DSN=dsn).end() == (0, "1 steps run: 1 accepted\n")
    assert work.of(step, "result -> 'rows'") == [{"one": 1}]


# http


class Answers(BaseHTTPRequestHandler):
    """Answers as the path says: /status/503, /big, /json, /echo, /slow."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        said = self.rfile.read(length).decode()
        what, _, rest = self.path[1:].partition("/")
        status, headers, body = 200, {}, b"hello"
        if what == "status":
            code, _, after = unquote(rest).partition("/")
            status, headers = int(code), {"Retry-After": after} if after else {}
        elif what == "big":
            body = b"x" * 200_000
        elif what == "redirect":
            status, headers = 302, {"Location": "http://169.254.169.254/"}
        elif what == "echo":
            headers = {"Content-Type": "application/json"}
            body = json.dumps({"method": self.command, "headers": dict(self.headers), "body": said}).encode()
        elif what == "hang":
            self.rfile.read(1)
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        with contextlib.suppress(OSError):
            self.wfile.write(body)

    do_POST = do_PUT = do_GET  # noqa: N815

    def log_message(self, *args: Any) -> None:
        """Says nothing."""


@pytest.fixture
def site() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    thread = Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


async def ask(url: str, settings: dict[str, Any] = PRIVATE, **params: Any) -> Any:
    return await http.run(Context("0", {"url": url, **params}, settings=settings, idempotency_key="step:7"))


async def test_http_returns_what_the_server_said(site: str) -> None:
    done = await ask(f"{site}/")

    assert (done["status"], done["body"], done["truncated"]) == (200, "hello", False)


async def test_http_sends_method_headers_body_and_idempotency_key(site: str) -> None:
    done = (await ask(f"{site}/echo", json={"a": 1}, headers={"X-Own": "1"}))["json"]
    assert (done["method"], json.loads(done["body"])) == ("POST", {"a": 1})
    assert done["headers"]["Idempotency-Key"] == "step:7"
    assert done["headers"]["X-Own"] == "1"
    assert done["headers"]["Content-Type"] == "application/json"
    own = await ask(f"{site}/echo", method="put", body="text", headers={"Idempotency-Key": "mine"})
    assert (own["json"]["method"], own["json"]["body"]) == ("PUT", "text")
    assert own["json"]["headers"]["Idempotency-Key"] == "mine"


async def test_http_cuts_a_long_answer(site: str) -> None:
    done = await ask(f"{site}/big")

    assert (len(done["body"]), done["truncated"]) == (http.BODY_LIMIT, True)


@pytest.mark.parametrize("status", [408, 425, 429, 500, 503])
async def test_http_may_try_again_what_may_pass(site: str, status: int) -> None:
    with pytest.raises(Retry, match=str(status)):
        await ask(f"{site}/status/{status}")


async def test_http_honours_retry_after(site: str) -> None:
    with pytest.raises(RetryAfter) as raised:
        await ask(f"{site}/status/503/17")
    assert raised.value.seconds == 17
    with pytest.raises(RetryAfter) as raised:
        await ask(f"{site}/status/429/{quote('Wed, 21 Oct 2015 07:28:00 GMT')}")
    assert raised.value.seconds == 0


@pytest.mark.parametrize("path", ["status/400", "status/404", "redirect"])
async def test_http_gives_up_on_everything_else(site: str, path: str) -> None:
    with pytest.raises(Fatal):
        await ask(f"{site}/{path}")


async def test_http_times_out(site: str) -> None:
    with pytest.raises(Retry, match="Timeout"):
        await ask(f"{site}/hang", timeout_seconds=0.2, method="GET")


async def test_http_without_a_server_may_be_tried_again() -> None:
    with pytest.raises(Retry):
        await ask("http://127.0.0.1:1/")
    with pytest.raises(Retry, match="cannot be resolved"):
        await ask("http://no-such-host.invalid/")


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl to make a certificate")
async def test_http_checks_the_certificate_of_the_name_although_it_connects_to_the_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "1",
        "-subj",
        "/CN=localhost",
    ]
    made += ["-addext", "subjectAltName=DNS:localhost", "-keyout", "key.pem", "-out", "cert.pem"]
    await asyncio.to_thread(subprocess.run, made, cwd=tmp_path, check=True, capture_output=True)
    secure = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    secure.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    server.socket = secure.wrap_socket(server.socket, server_side=True)
    thread = Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    trusting = ssl.create_default_context(cafile=str(tmp_path / "cert.pem"))
    monkeypatch.setattr(http, "_certificates", lambda: trusting)

    done = await ask(f"https://localhost:{server.server_port}/")
    with pytest.raises(Retry, match="certificate"):
        await ask(f"https://127.0.0.1:{server.server_port}/")
    server.shutdown()
    server.server_close()
    thread.join()

    assert done["body"] == "hello"


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "[::1]", "169.254.169.254", "10.0.0.1", "0.0.0.0", "[::ffff:10.0.0.1]"]
)
async def test_http_refuses_addresses_that_are_not_public(host: str) -> None:
    with pytest.raises(Fatal, match="not a public address"):
        await ask(f"http://{host}/", settings={})


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.216.34", True), ("2606:2800:220:1::1", True), ("100.64.0.1", False), ("224.0.0.1", False),
        ("240.0.0.1", False), ("fe80::1", False), ("fd00::1", False), ("64:ff9b::a00:1", False),
        ("2002:a00:1::", False), ("::ffff:93.184.216.34", True), ("ff02::1", False),
    ],
)  # fmt: skip
def test_addresses_are_judged_by_what_they_wrap(address: str, public: bool) -> None:
    assert http.is_public(ipaddress.ip_address(address)) is public


@pytest.mark.parametrize(
    "params",
    [{"url": ""}, {"url": "file:///etc/passwd"}, {"url": "http://"}, {"url": "http://x", "json": 1, "body": "1"},
     {"url": "http://x", "body": 1}, {"url": "http://x", "headers": {"a": 1}}, {"url": "http://x", "verify": False},
     {"url": "http://x", "timeout_seconds": -1}],
)  # fmt: skip
async def test_http_refuses_params_it_does_not_understand(params: dict[str, Any]) -> None:
    with pytest.raises(ParamsRefused, match="OPS_020: http: "):
        await http.run(Context("0", params))


async def test_http_refuses_headers_that_are_none(site: str) -> None:
    with pytest.raises(ParamsRefused, match="OPS_020: http: "):
        await ask(f"{site}/", headers={"a\n": "b"})


# command


async def do(*argv: Any, **params: Any) -> Any:
    return await command.run(
        Context("0", {"argv": list(argv), **params}, idempotency_key="step:7", attempt=2)
    )


async def test_command_returns_what_the_program_printed() -> None:
    done = await do("sh", "-c", "echo out; echo err >&2; cat", stdin="in")

    assert done == {"exit_code": 0, "stdout": "out\nin", "stderr": "err\n", "truncated": False}


async def test_command_needs_no_shell_and_quotes_nothing() -> None:
    assert (await do("echo", "$HOME; rm -rf *", 7, True))["stdout"] == "$HOME; rm -rf * 7 true\n"


async def test_command_fails_with_the_end_of_what_it_complained(tmp_path: Path) -> None:
    with pytest.raises(Retry, match="'sh' ended with exit code 3: no good"):
        await do("sh", "-c", "echo no good >&2; exit 3")
    with pytest.raises(Retry, match="SIGKILL"):
        await do("sh", "-c", "kill -9 $$")
    with pytest.raises(Fatal, match="no program"):
        await do("no-such-program")


async def test_command_sees_nothing_of_the_environment_but_what_it_needs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://secret")
    monkeypatch.setenv("OPS_API_KEY", "secret")

    lines = (await do("env", env={"MINE": "1"}))["stdout"].splitlines()

    names = {line.partition("=")[0] for line in lines}
    assert names <= {"PATH", "HOME", "LANG", "MINE", "OPS_IDEMPOTENCY_KEY", "OPS_STEP_ID", "OPS_ATTEMPT"}
    assert {"MINE=1", "OPS_IDEMPOTENCY_KEY=step:7", "OPS_ATTEMPT=2"} <= set(lines)


async def test_command_keeps_the_start_of_stdout_and_the_end_of_stderr() -> None:
    script = "printf a; head -c 200000 /dev/zero | tr '\\0' x; (head -c 200000 /dev/zero | tr '\\0' x; printf z) >&2"
    done = await do("sh", "-c", script)

    assert done["truncated"]
    assert (len(done["stdout"]), done["stdout"][0]) == (command.OUTPUT_LIMIT, "a")
    assert (len(done["stderr"]), done["stderr"][-1]) == (command.OUTPUT_LIMIT, "z")


async def test_command_that_is_cancelled_ends_with_all_its_children(tmp_path: Path) -> None:
    child = tmp_path / "child"
    # Parent and child are deaf to SIGTERM.
    script = (
        f"trap '' TERM; (trap '' TERM; exec sleep 1000) & echo $! > {child}.new; mv {child}.new {child}; wait"
    )
    running = asyncio.create_task(do("sh", "-c", script))
    await asyncio.to_thread(wait_until, child.exists, "the child runs")

    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

    await asyncio.to_thread(wait_until, lambda: gone(int(child.read_text())), "the child is gone")


async def test_command_does_not_wait_for_children_it_leaves_behind(tmp_path: Path) -> None:
    done = await asyncio.wait_for(do("sh", "-c", "sleep 1000 & echo $!"), 10)

    await asyncio.to_thread(wait_until, lambda: gone(int(done["stdout"])), "the child is gone")


@pytest.mark.parametrize(
    "params",
    [{}, {"argv": "ls"}, {"argv": []}, {"argv": [""]}, {"argv": ["ls", {}]}, {"argv": ["ls", None]}, {"argv": ["l\0s"]},
     {"argv": ["ls"], "env": {"A": 1}}, {"argv": ["ls"], "env": {"A=B": "1"}}, {"argv": ["ls"], "cwd": "/no/such"},
     {"argv": ["ls"], "stdin": 1}, {"argv": ["ls"], "shell": True}],
)  # fmt: skip
async def test_command_refuses_params_it_does_not_understand(params: dict[str, Any]) -> None:
    with pytest.raises(ParamsRefused, match="OPS_020: command: "):
        await command.run(Context("0", params))


def test_a_preset_runs_the_command_that_policy_wrote(work: Work, start: Callable[..., Process]) -> None:
    preset = {"argv": ["echo", "--say", "{{params.prompt}}"]}
    work.set_policy("worker_policy", presets={"openclaw": preset}, command_allow=[["echo", "..."]])
    step = work.step("openclaw", {"prompt": "$(id) hi"})

    assert start("--once").end() == (0, "1 steps run: 1 accepted\n")
    assert work.of(step, "result ->> 'stdout'") == "--say $(id) hi\n"


def test_a_command_that_is_not_on_the_allow_list_never_reaches_a_worker(work: Work) -> None:
    made = work.client.create_proposal(
        {"title": "t", "steps": [{"kind": "command", "params": {"argv": ["id"]}}]}
    )

    assert made.status == "rejected"
    assert (made.reason or "").startswith("OPS_003")


def gone(pid: int) -> bool:
    """Whether a process is gone, or dead and not collected yet."""
    try:
        os.kill(pid, 0)
        return "\nState:\tZ" in Path(f"/proc/{pid}/status").read_text()
    except (ProcessLookupError, FileNotFoundError):
        return True


# radar


def test_radar_keeps_the_board(work: Work, start: Callable[..., Process]) -> None:
    ideas = [{"title": "dark mode", "score": 7}, {"title": "export", "status": "building"}]
    step = work.step("radar", {"ideas": ideas})
    work.step("radar", {"ideas": [{"title": "dark mode", "score": 9}]})
    faulty = work.step("radar", {"ideas": "many"}, max_retries=1)

    start("--once", "--executor-concurrency", "radar=1").end()

    assert work.of(step, "result") == {"upserted": 2}
    board = work.conn.execute("select title, score, status from ops_demand_radar order by 1").fetchall()
    assert board == [("dark mode", 9, "watching"), ("export", None, "building")]
    assert work.of(faulty, "last_error").startswith("OPS_020: radar: ")
