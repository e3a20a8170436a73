import asyncio
import contextlib
import gzip
import ipaddress
import json
import shutil
import socket
import ssl
import subprocess
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
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


def raw_deflate(text: bytes) -> bytes:
    packing = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packing.compress(text) + packing.flush()


PACKINGS = {
    "plain": b"hello",
    "gzip": gzip.compress(b"hello"),
    "two members": gzip.compress(b"hel") + gzip.compress(b"lo"),
    "zlib": zlib.compress(b"hello"),
    "raw": raw_deflate(b"hello"),
    "cut": gzip.compress(b"hello")[:-9],
    "none": b"",
}


#: Some hundred bytes that would be 50 MB.
BOMB = gzip.compress(gzip.compress(b"0" * 50_000_000))


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
        elif what == "twice":
            status, headers, body = int(rest), {"Content-Encoding": "gzip, gzip"}, BOMB
        elif what == "as":
            coding, _, packing = unquote(rest).partition("/")
            headers, body = {"Content-Encoding": coding}, PACKINGS[packing]
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


async def test_a_coding_within_a_coding_is_not_unpacked(site: str) -> None:
    tracemalloc.start()
    try:
        done = await ask(f"{site}/twice/200")
        assert (done["status"], done["body"], done["truncated"]) == (200, "", True)
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()
    # Its status still says whether it may be tried again.
    with pytest.raises(Retry, match="HTTP 503"):
        await ask(f"{site}/twice/503")


@pytest.mark.parametrize(
    "how",
    [
        "gzip/gzip",
        "GZIP/gzip",
        "x-gzip/gzip",
        "gzip/two members",
        "deflate/zlib",
        "deflate/raw",
        "identity/plain",
    ],
)
async def test_an_answer_in_each_coding_that_is_asked_for_is_unpacked(site: str, how: str) -> None:
    assert (await ask(f"{site}/as/{quote(how)}"))["body"] == "hello"


async def test_an_answer_without_a_body_has_nothing_to_unpack(site: str) -> None:
    assert (await ask(f"{site}/as/gzip/none"))["body"] == ""


@pytest.mark.parametrize("how", ["br/plain", "zstd/plain", "gzip;q=1/gzip", "gzip gzip/gzip"])
async def test_a_success_in_a_coding_that_was_not_asked_for_is_one_without_its_body(
    site: str, how: str
) -> None:
    done = await ask(f"{site}/as/{quote(how)}")
    assert (done["status"], done["body"], done["truncated"]) == (200, "", True)


@pytest.mark.parametrize("how", ["gzip/cut", "gzip/plain", "deflate/plain"])
async def test_a_success_that_cannot_be_unpacked_is_one_whose_body_is_cut(site: str, how: str) -> None:
    done = await ask(f"{site}/as/{quote(how)}")
    assert (done["status"], done["truncated"]) == (200, True)
    assert "hello".startswith(done["body"])


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


@contextlib.asynccontextmanager
async def serving_https(directory: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[int]:
    """A server with a certificate for localhost, which is trusted meanwhile; gives its port."""
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
    await asyncio.to_thread(subprocess.run, made, cwd=directory, check=True, capture_output=True)
    secure = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    secure.load_cert_chain(directory / "cert.pem", directory / "key.pem")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    server.socket = secure.wrap_socket(server.socket, server_side=True)
    thread = Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    trusting = ssl.create_default_context(cafile=str(directory / "cert.pem"))
    monkeypatch.setattr(net, "certificates", lambda: trusting)

    yield server.server_port
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl to make a certificate")
async def test_http_checks_the_certificate_of_the_name_although_it_connects_to_the_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving_https(tmp_path, monkeypatch) as port:
        done = await ask(f"https://localhost:{port}/")
        with pytest.raises(Retry, match="certificate"):
            await ask(f"https://127.0.0.1:{port}/")
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
        # What clouds answer their machines at.
        ("169.254.169.254", False), ("168.63.129.16", False), ("::ffff:168.63.129.16", False),
        ("64:ff9b::a83f:8110", False), ("100.100.100.200", False), ("192.0.0.192", False), ("fd00:ec2::254", False),
        # Special addresses of IANA's registries.
        ("0.0.0.0", False), ("0.1.2.3", False), ("192.0.0.9", False), ("192.0.2.1", False), ("192.88.99.1", False),
        ("198.18.0.1", False), ("198.51.100.1", False), ("203.0.113.1", False), ("255.255.255.255", False),
        ("::", False), ("::1", False), ("::7f00:1", False), ("::ffff:0:7f00:1", False), ("64:ff9b:1::1", False),
        ("100::1", False), ("2001::1", False), ("2001:0:5db8:d822::", False), ("2001:db8::1", False),
        ("3fff::1", False), ("5f00::1", False), ("fec0::1", False), ("feff::1", False),
        # Their neighbours.
        ("168.63.129.15", True), ("192.0.1.1", True), ("100.63.255.255", True), ("100.128.0.1", True),
        ("198.20.0.1", True), ("2001:200::1", True), ("2002:5db8:d822::", True), ("64:ff9b::5db8:d822", True),
    ],
)  # fmt: skip
def test_addresses_are_judged_by_what_they_wrap(address: str, public: bool) -> None:
    assert net.is_public(ipaddress.ip_address(address)) is public


@pytest.mark.parametrize(
    "params",
    [{"url": ""}, {"url": "file:///etc/passwd"}, {"url": "http://"}, {"url": "http://x", "json": 1, "body": "1"},
     {"url": "http://x", "body": 1}, {"url": "http://x", "headers": {"a": 1}}, {"url": "http://x", "verify": False},
     {"url": "http://x", "timeout_seconds": -1}, {"url": "http://x", "timeout_seconds": 10**400},
     {"url": "http://x", "timeout_seconds": float("nan")}, {"url": "http://x", "timeout_seconds": float("inf")},
     {"url": "http://x:99999"}, {"url": "http://x:-1"}, {"url": "http://x:0"}, {"url": "http://x:" + "9" * 5000},
     {"url": "http://u@x"}, {"url": "http://u:p@x"}, {"url": "http://:p@x"}, {"url": "http://x/\r\nHost: y"},
     {"url": "http://[::1"}, {"url": "http://a\\b"}, {"url": 5},
     {"url": "http://x", "method": ["GET"]}, {"url": "http://x", "method": {"a": 1}}, {"url": "http://x", "method": 1},
     {"url": "http://x", "method": "CONNECT"}, {"url": "http://x", "method": "trace"},
     {"url": "http://x", "method": "ß"}, {"url": "http://x", "method": "G" * 100_000},
     {"url": "http://x", "method": "!!"}, {"url": "http://x", "method": "0"}, {"url": "http://x", "method": "get "}],
)  # fmt: skip
async def test_http_refuses_params_it_does_not_understand(params: dict[str, Any]) -> None:
    with pytest.raises(ParamsRefused, match="OPS_020: http: "):
        await http.run(Context("0", params))


@pytest.mark.parametrize(
    "headers",
    [
        {"a\n": "b"}, {"a": "b\r\nc: d"}, {"a": "é"}, {"": "x"}, {"a": "x" * 100_000}, {"A": "1", "a": "2"},
        *({name: "x"} for name in sorted(net._FRAMING)), {"HOST": "x"}, {"Transfer-Encoding": "chunked"},
    ],
)  # fmt: skip
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


@pytest.fixture
def several(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Sets at which addresses of this machine every name is."""

    def resolve(*addresses: str) -> None:
        async def getaddrinfo(host: str, port: int, **_: Any) -> list[Any]:
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)

    return resolve


async def test_each_address_of_a_name_is_tried_also_when_the_first_ones_are_silent(
    site: str, several: Callable[..., None]
) -> None:
    port = int(site.rpartition(":")[2])
    with socket.socket() as silent, contextlib.ExitStack() as waiting:
        silent.bind(("127.0.0.7", port))
        silent.listen(0)
        # Its queue is full: what comes now is not even refused.
        for _ in range(3):
            one = waiting.enter_context(socket.socket())
            one.setblocking(False)
            one.connect_ex(("127.0.0.7", port))
        several("127.0.0.7", "127.0.0.8", "127.0.0.1")
        assert (await ask(f"http://several.example:{port}/", timeout_seconds=10))["body"] == "hello"


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl to make a certificate")
async def test_the_next_address_is_tried_when_the_first_one_never_answers_the_handshake(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, several: Callable[..., None]
) -> None:
    async with serving_https(tmp_path, monkeypatch) as port:
        with socket.create_server(("127.0.0.7", port)):
            several("127.0.0.7", "127.0.0.1")
            done = await ask(f"https://localhost:{port}/", timeout_seconds=4)
    assert done["body"] == "hello"


@contextlib.asynccontextmanager
async def saying(say: Callable[[asyncio.StreamWriter], Awaitable[None]]) -> AsyncIterator[str]:
    """A server that reads one request and then writes what `say` does; gives its url."""
    ended = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            with contextlib.suppress(OSError):
                await say(writer)
        finally:
            writer.close()
            ended.set()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        await ended.wait()


@pytest.mark.parametrize(
    "drips",
    [b"HTTP/1.1 503 Wait\r\nContent-Length: 1000000\r\n\r\n", b"HTTP/1.1 200", b"HTTP/1.1 200 OK\r\nX: "],
)
async def test_an_answer_that_comes_in_drips_ends_in_time(drips: bytes) -> None:
    async def drip(writer: asyncio.StreamWriter) -> None:
        writer.write(drips)
        while not writer.transport.is_closing():
            writer.write(b" ")
            await asyncio.sleep(0.02)

    async with saying(drip) as site:
        with pytest.raises(Retry, match=r"no answer within 0.5 s"):
            await ask(site, timeout_seconds=0.5)


@pytest.mark.parametrize(
    "part", [b"X-%d: " + b"a" * 4000 + b"\r\n", b"a" * 4000, b"%d\r\n\r\nHTTP/1.1 100 Continue\r\n"]
)
async def test_headers_without_end_are_given_up(part: bytes) -> None:
    sent = 0

    async def flood(writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 100 Continue\r\nX-First: " if part[:1] != b"X" else b"HTTP/1.1 200 OK\r\n")
        while not writer.transport.is_closing():
            writer.write(part.replace(b"%d", b"%d" % sent))
            sent += 1
            await writer.drain()

    async with saying(flood) as site:
        tracemalloc.start()
        try:
            with pytest.raises(Retry):
                await ask(site, timeout_seconds=2)
            assert tracemalloc.get_traced_memory()[1] < 20_000_000
        finally:
            tracemalloc.stop()
