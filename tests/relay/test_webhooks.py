"""The sink `http`: what it sends, how it takes an answer, and where it never goes."""

import asyncio
import base64
import datetime
import email.utils
import json
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from opsloop import net, webhooks
from opsloop.executors.outcomes import Fatal, Retry, RetryAfter
from opsloop.relay import http
from opsloop.relay.sinks import Message

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
BODY = b'{"id": "outbox:1"}'


class Site:
    """A server that gives the same answer to everything, and keeps what it was sent."""

    def __init__(self) -> None:
        self.answer: bytes = OK
        self.answers: list[bytes] = []
        self.requests: list[tuple[dict[str, str], bytes]] = []
        self.first_lines: list[str] = []
        self.connections = 0
        self.close_after = False
        #: Whether every request but the first of a connection ends it, without an answer.
        self.close_kept = False
        self.port = 0
        self.writers: list[asyncio.StreamWriter] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.writers.append(writer)
        answered = False
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                first, *lines = head.decode().rstrip("\r\n").split("\r\n")
                headers = {k.lower(): v for k, v in (line.split(": ", 1) for line in lines)}
                body = await reader.readexactly(int(headers["content-length"]))
                if self.close_kept and answered:
                    break
                answered = True
                self.first_lines.append(first)
                self.requests.append((headers, body))
                writer.write(self.answers.pop(0) if self.answers else self.answer)
                await writer.drain()
                if self.close_after:
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook?a=b"


@asynccontextmanager
async def serving() -> AsyncIterator[Site]:
    site = Site()
    server = await asyncio.start_server(site.serve, "127.0.0.1", 0)
    site.port = server.sockets[0].getsockname()[1]
    try:
        yield site
    finally:
        server.close()


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with serving() as one:
        yield one


Send = Callable[..., Awaitable[None]]


@pytest.fixture
async def send(site: Site) -> Send:
    async def deliver(**settings: Any) -> None:
        given = {"url": site.url, "allow_private": True, **settings}
        await http.deliver(Message(1, "t", "1", "e", 0, "outbox:1", BODY, given))

    return deliver


def answer(status: int, *headers: str, body: str = "") -> bytes:
    lines = [f"HTTP/1.1 {status} Why", f"Content-Length: {len(body)}", *headers, "", body]
    return "\r\n".join(lines).encode()


async def test_a_message_is_posted_with_its_key_and_the_headers_of_its_route(site: Site, send: Send) -> None:
    await send(headers={"X-Own": "1"})
    ((headers, body),) = site.requests
    assert site.first_lines == ["POST /hook?a=b HTTP/1.1"]
    assert body == BODY
    assert headers["idempotency-key"] == "outbox:1"
    assert (headers["content-type"], headers["x-own"]) == ("application/json", "1")
    assert headers["host"] == f"127.0.0.1:{site.port}"
    assert (headers["webhook-id"], "webhook-signature" in headers) == ("outbox:1", False)


def secret(text: str) -> str:
    return "whsec_" + base64.b64encode(text.encode()).decode()


async def test_it_is_signed_as_the_standard_has_it_with_the_key_that_policy_names(
    site: Site, send: Send, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOOK_KEY", secret("a key of 32 bytes, as one should"))
    await send(secret_env="HOOK_KEY")
    headers, body = site.requests[0]
    genuine = Webhook(secret("a key of 32 bytes, as one should"))
    assert genuine.verify(body, headers) == json.loads(BODY)
    assert headers["webhook-id"] == headers["idempotency-key"] == "outbox:1"
    assert abs(int(headers["webhook-timestamp"]) - time.time()) < 30
    for other in ({"webhook-id": "outbox:2"}, {"webhook-timestamp": str(int(time.time()) - 100)}):
        with pytest.raises(WebhookVerificationError):
            genuine.verify(body, headers | other)
    with pytest.raises(WebhookVerificationError):
        genuine.verify(body + b" ", headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(secret("another")).verify(body, headers)


async def test_while_keys_are_exchanged_it_is_signed_with_each(
    site: Site, send: Send, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOOK_KEY", f"{secret('the new one')} {secret('the old one')}")
    await send(secret_env="HOOK_KEY")
    headers, body = site.requests[0]
    for key in ("the new one", "the old one"):
        Webhook(secret(key)).verify(body, headers)


def test_a_key_is_read_with_and_without_its_padding() -> None:
    assert webhooks.keys("whsec_YQ== whsec_YQ") == [b"a", b"a"]


@pytest.mark.parametrize("held", ["plain", "whsec_", "whsec_no*base64", "whsec_YQ== plain", " "])
async def test_with_what_is_no_key_nothing_is_sent_and_it_is_tried_again(
    site: Site, send: Send, monkeypatch: pytest.MonkeyPatch, held: str
) -> None:
    monkeypatch.setenv("HOOK_KEY", held)
    with pytest.raises(Retry, match="HOOK_KEY") as said:
        await send(secret_env="HOOK_KEY")
    assert site.requests == []
    assert not any(word in str(said.value) for word in ("plain", "no*base64", "YQ"))


async def test_without_the_key_nothing_is_sent_and_it_is_tried_again(site: Site, send: Send) -> None:
    with pytest.raises(Retry, match="HOOK_KEY"):
        await send(secret_env="HOOK_KEY")
    assert site.requests == []


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
async def test_2xx_is_delivered(site: Site, send: Send, status: int) -> None:
    site.answer = answer(status) if status != 204 else b"HTTP/1.1 204 No\r\n\r\n"
    await send()


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 408, 409, 410, 422, 425])
async def test_4xx_is_dead(site: Site, send: Send, status: int) -> None:
    site.answer = answer(status, body="no such thing")
    with pytest.raises(Fatal, match=f"HTTP {status}: no such thing"):
        await send()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_refused(site: Site, send: Send, status: int) -> None:
    site.answer = answer(status, f"Location: {site.url}")
    with pytest.raises(Fatal, match="not followed"):
        await send()
    assert len(site.requests) == 1


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
async def test_what_may_pass_is_tried_again(site: Site, send: Send, status: int) -> None:
    site.answer = answer(status)
    with pytest.raises(Retry) as said:
        await send()
    assert not isinstance(said.value, RetryAfter)


@pytest.mark.parametrize("status", [429, 503])
async def test_retry_after_is_honoured_in_seconds_and_as_a_date(site: Site, send: Send, status: int) -> None:
    at = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=90)
    for value, seconds in (("7", 7), (email.utils.format_datetime(at, usegmt=True), 90)):
        site.answer = answer(status, f"Retry-After: {value}")
        with pytest.raises(RetryAfter) as said:
            await send()
        assert abs(said.value.seconds - seconds) < 3


async def test_an_unreadable_retry_after_is_as_none(site: Site, send: Send) -> None:
    site.answer = answer(503, "Retry-After: soon")
    with pytest.raises(Retry) as said:
        await send()
    assert not isinstance(said.value, RetryAfter)


async def test_no_answer_within_the_timeout_is_tried_again(site: Site, send: Send) -> None:
    site.answer = b""
    with pytest.raises(Retry, match=r"no answer within 0.1 s"):
        await send(timeout_seconds=0.1)


async def test_a_host_that_is_not_there_is_tried_again(send: Send) -> None:
    async with serving() as gone:
        url = gone.url
    with pytest.raises(Retry, match="Connection"):
        await send(url=url)
    with pytest.raises(Retry, match="cannot be resolved"):
        await send(url="http://nowhere.invalid/")


async def test_a_connection_is_used_again(site: Site, send: Send) -> None:
    for _ in range(5):
        await send()
    assert (site.connections, len(site.requests)) == (1, 5)


async def test_a_kept_connection_that_the_server_closed_is_replaced_without_a_failure(
    site: Site, send: Send
) -> None:
    site.close_after = True
    for _ in range(5):
        await send()
    assert (site.connections, len(site.requests)) == (5, 5)


async def test_a_request_that_the_server_dropped_with_its_kept_connection_is_sent_once_more(
    site: Site, send: Send
) -> None:
    site.close_kept = True
    for _ in range(5):
        await send()
    assert (site.connections, len(site.requests)) == (5, 5)


async def test_a_request_that_was_dropped_with_a_new_connection_is_not_sent_again_at_once(
    site: Site, send: Send
) -> None:
    site.answer, site.close_after = b"", True
    with pytest.raises(Retry, match="ServerDisconnected"):
        await send()
    assert (site.connections, len(site.requests)) == (1, 1)


@pytest.mark.parametrize(
    "said",
    [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nTrailer: x\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n",
    ],
)
async def test_answers_of_all_shapes_are_read_to_their_end(site: Site, send: Send, said: bytes) -> None:
    site.answer = said
    await send()
    await send()
    assert site.connections == 1


@pytest.mark.parametrize(
    "said",
    [
        b"HTTP/1.0 200 OK\r\n\r\nto the end",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nto the end",
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
    ],
)
async def test_an_answer_that_ends_the_connection_counts(site: Site, send: Send, said: bytes) -> None:
    site.answer, site.close_after = said, True
    await send()
    await send()
    assert site.connections == 2


@pytest.mark.parametrize(
    "said",
    [
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000,
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
    ],
    ids=range(7),
)
async def test_what_is_not_http_is_tried_again_on_another_connection(
    site: Site, send: Send, said: bytes
) -> None:
    site.answers = [said]
    with pytest.raises(Retry, match="not HTTP"):
        await send()
    await send()
    assert site.connections == 2


async def test_what_a_server_says_unasked_is_not_taken_for_an_answer(site: Site, send: Send) -> None:
    await send()
    site.writers[0].write(answer(400))
    # On the loopback what was written is there to be read at once, and both sides share the loop: one turn reads it.
    for _ in range(2):
        await asyncio.sleep(0)
    await send()
    assert (site.connections, len(site.requests)) == (2, 2)


async def test_an_answer_without_end_is_not_read_to_its_end(site: Site, send: Send) -> None:
    site.answer = b"HTTP/1.1 200 OK\r\nContent-Length: 9999999999\r\n\r\n" + b"x" * 2_000_000
    await asyncio.wait_for(send(), 5)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/",
        "http://localhost/",
        "http://10.1.2.3/",
        "http://192.168.0.1/",
        "http://169.254.169.254/latest/meta-data",
        "http://[::1]/",
        "http://[fe80::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://0.0.0.0/",
        "http://0x7f.1/",
    ],
)
async def test_addresses_that_are_not_public_are_refused(site: Site, send: Send, url: str) -> None:
    with pytest.raises(Fatal, match=r'not a public address; the policy outbox needs "allow_private"'):
        await send(url=url, allow_private=False)


Resolve = Callable[..., None]


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> tuple[Resolve, list[str]]:
    """Sets where each name is from now on, and keeps which were asked for."""
    asked: list[str] = []
    there: list[str] = []

    async def getaddrinfo(host: str, port: int, **_: Any) -> list[Any]:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in there]

    def resolve(*addresses: str) -> None:
        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)
        there[:] = addresses

    return resolve, asked


async def test_a_name_is_judged_at_each_new_connection(
    site: Site, send: Send, monkeypatch: pytest.MonkeyPatch, names: tuple[Resolve, list[str]]
) -> None:
    # The site stands for a public address; the name leads to it once, and to a private one ever after.
    resolve, asked = names
    monkeypatch.setattr(net, "is_public", lambda address: str(address) == "127.0.0.1")
    url = f"http://rebinding.example:{site.port}/"
    resolve("127.0.0.1")
    await send(url=url, allow_private=False)
    resolve("10.0.0.1")
    site.close_after = True
    await send(url=url, allow_private=False)
    assert asked == ["rebinding.example"]
    with pytest.raises(Fatal, match=r"'rebinding.example' is at 10.0.0.1, which is not a public address"):
        await send(url=url, allow_private=False)
    assert [headers["host"] for headers, _ in site.requests] == [f"rebinding.example:{site.port}"] * 2


async def test_a_name_with_one_address_that_is_not_public_is_refused(
    send: Send, names: tuple[Resolve, list[str]]
) -> None:
    resolve, _ = names
    resolve("93.184.216.34", "10.0.0.1")
    with pytest.raises(Fatal, match=r"10.0.0.1, which is not a public address"):
        await send(url="http://both.example/", allow_private=False)


async def test_every_address_of_a_name_is_tried(
    site: Site, send: Send, names: tuple[Resolve, list[str]]
) -> None:
    resolve, _ = names
    resolve("127.0.0.9", "127.0.0.8", "127.0.0.1")
    await send(url=f"http://several.example:{site.port}/")
    assert len(site.requests) == 1


async def test_a_connection_is_not_kept_for_ever(
    site: Site, send: Send, monkeypatch: pytest.MonkeyPatch
) -> None:
    await send()
    await send()
    assert site.connections == 1
    monkeypatch.setattr(net, "_LONGEST_LIFE", 0.0)
    await send()
    assert (site.connections, len(site.requests)) == (2, 3)


async def test_a_connection_that_private_addresses_were_allowed_is_not_lent_to_a_route_without(
    site: Site, send: Send
) -> None:
    await send()
    with pytest.raises(Fatal, match="not a public address"):
        await send(allow_private=False)


@pytest.mark.parametrize(
    "url",
    ["ftp://a/", "http://", "http://a:x/", "http://u:p@a/", "http://a/\r\nX: y", "http://a/ b", "nonsense"],
)
async def test_a_url_that_cannot_be_used_is_dead(send: Send, url: str) -> None:
    with pytest.raises(Fatal, match="url"):
        await send(url=url)


async def test_headers_never_split_a_request(site: Site, send: Send) -> None:
    with pytest.raises(Fatal, match="headers"):
        await send(headers={"X": "1\r\nY: 2"})
    assert site.requests == []


@pytest.mark.parametrize("url", ["http://2130706433/", "http://127.1/"])
@pytest.mark.parametrize("allow_private", [True, False])
async def test_a_number_that_is_no_address_as_one_writes_it_is_refused(
    send: Send, url: str, allow_private: bool
) -> None:
    with pytest.raises(Fatal, match="not a canonical IPv4 address"):
        await send(url=url, allow_private=allow_private)


async def test_a_url_is_sent_as_it_is_written(site: Site, send: Send) -> None:
    await send(url=f"http://LOCALHOST:{site.port}/a/../b%2fc?d=%7e%2F+&e=%E2%82%AC#f")
    assert site.first_lines == ["POST /a/../b%2fc?d=%7e%2F+&e=%E2%82%AC HTTP/1.1"]
