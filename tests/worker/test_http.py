import asyncio
import contextlib
import gzip
import ipaddress
import json
import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import quote, unquote

import pytest

from opsloop import net
from opsloop.errors import ParamsRefused
from opsloop.executors import Context, Fatal, Retry, RetryAfter, http

PRIVATE = {"http_allow_private": True}


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
        elif what == "packed":
            status, headers, body = 200, {"Content-Encoding": "gzip"}, gzip.compress(b"0" * int(rest))
        elif what == "broken":
            headers, body = {"Content-Encoding": "gzip"}, gzip.compress(b"hello" * 1000)[:50] + b"no gzip"
        elif what == "charset":
            headers = {"Content-Type": f"text/plain; charset={unquote(rest)}"}
        elif what == "latin":
            headers, body = {"Content-Type": "text/plain; charset=latin-1"}, "é".encode("latin-1")
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
        self.send_header("Content-Length", str(len(body) + (100 if what == "stall" else 0)))
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


@pytest.mark.parametrize(
    "answer", ["broken", "stall", "charset/nonsense", "charset/%22", "charset/utf-16", "charset*=x''y"]
)
async def test_a_success_is_one_whatever_its_body_looks_like(site: str, answer: str) -> None:
    done = await ask(f"{site}/{answer}", timeout_seconds=1)

    assert done["status"] == 200
    assert done["truncated"] is (answer in ("broken", "stall"))


async def test_http_cuts_a_long_answer(site: str) -> None:
    done = await ask(f"{site}/big")

    assert (len(done["body"]), done["truncated"]) == (http.BODY_LIMIT, True)


async def test_http_unpacks_an_answer_and_no_more_of_it_than_it_keeps(site: str) -> None:
    done = await ask(f"{site}/packed/1000")
    assert (done["body"], done["truncated"]) == ("0" * 1000, False)
    done = await ask(f"{site}/packed/100000000")
    assert (len(done["body"]), done["truncated"]) == (http.BODY_LIMIT, True)


async def test_http_reads_text_in_the_charset_that_the_server_names(site: str) -> None:
    assert (await ask(f"{site}/latin"))["body"] == "é"


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
    with pytest.raises(Retry, match=r"no answer within 0.2 s"):
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
    monkeypatch.setattr(net, "certificates", lambda: trusting)

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
    assert net.is_public(ipaddress.ip_address(address)) is public


@pytest.mark.parametrize(
    "params",
    [{"url": ""}, {"url": "file:///etc/passwd"}, {"url": "http://"}, {"url": "http://x", "json": 1, "body": "1"},
     {"url": "http://x", "body": 1}, {"url": "http://x", "headers": {"a": 1}}, {"url": "http://x", "verify": False},
     {"url": "http://x", "timeout_seconds": -1}],
)  # fmt: skip
async def test_http_refuses_params_it_does_not_understand(params: dict[str, Any]) -> None:
    with pytest.raises(ParamsRefused, match="OPS_020: http: "):
        await http.run(Context("0", params))


@pytest.mark.parametrize(
    "headers",
    [{"a\n": "b"}, {"a": "b\r\nc: d"}, {"a": "é"}, {"Content-Length": "1"}, {"transfer-encoding": "x"}],
)
async def test_http_refuses_headers_that_would_not_be_what_they_say(
    site: str, headers: dict[str, str]
) -> None:
    with pytest.raises(ParamsRefused, match="OPS_020: http: "):
        await ask(f"{site}/", headers=headers, body="text")


async def test_http_refuses_a_method_that_is_none(site: str) -> None:
    with pytest.raises(ParamsRefused, match="OPS_020: http: "):
        await ask(f"{site}/", method="GET /other HTTP/1.1\r\n")


def test_connections_are_closed_with_the_event_loop_that_they_belong_to() -> None:
    async def twice(server: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        asked = [asyncio.create_task(ask(f"http://127.0.0.1:{server.getsockname()[1]}/")) for _ in range(2)]
        there = [(await loop.sock_accept(server))[0] for _ in asked]
        for one in there:
            await loop.sock_recv(one, 65536)
            await loop.sock_sendall(one, b"HTTP/1.1 204 No\r\n\r\n")
        await asyncio.gather(*asked)
        kept.extend(there)

    kept: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        for _ in range(2):
            asyncio.run(twice(server))
    for one in kept:
        one.setblocking(True)
        with one:
            assert one.recv(1) == b""
    assert net._loops == {}
