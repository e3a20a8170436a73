"""Clients that mean no good: guessed keys, forged forms, frames, bodies that are too large or never end."""

import asyncio
import socket
import time
from threading import Thread
from urllib.parse import urlsplit

import psycopg

from opsloop.serve.guard import MOST_BYTES, Guard
from support import wait_until

CONTENT = {"Content-Type": "application/json"}


def test_keys_cannot_be_guessed_at_speed_and_a_right_one_is_let_through(serve, key, conn):
    server = serve()
    right = key("reader")
    assert server.web(right).get("/api/v1/missions").status == 200
    statuses = [server.web(f"guess-{number}").get("/api/v1/missions").status for number in range(15)]
    assert statuses[:10] == [401] * 10
    assert 429 in statuses
    refused = server.web("another").get("/api/v1/missions")
    assert (refused.status, refused.json()["code"]) == (429, "OPS_092")
    assert int(refused.headers["retry-after"]) > 0
    assert server.web(right).get("/api/v1/missions").status == 200
    # A new key that is right has to wait: until it was asked for, nobody knows that it is.
    assert server.web(key("reader")).get("/api/v1/missions").status == 429
    assert server.browser().sign_in("another").status == 429
    server.process.terminate()
    server.process.wait(60)
    counted = conn.execute(
        "select value from fn_metrics() where name = 'opsloop_keys_refused_total'"
    ).fetchone()
    assert counted == (sum(status in (401, 429) for status in statuses) + 3,)


def test_every_answer_forbids_frames_and_what_is_not_this_servers_own(server, key):
    for answer in (
        server.browser().get("/sign-in"),
        server.browser().get("/nothing"),
        server.web(key("reader")).get("/api/v1/missions"),
        server.web().get("/health"),
    ):
        policy = answer.headers["content-security-policy"]
        assert "frame-ancestors 'none'" in policy
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
        assert "server" not in answer.headers


def test_a_body_that_is_too_large_is_refused_however_it_comes(server, key):
    web = server.web(key("producer"))
    answer = web.ask("POST", "/api/v1/events", b" " * (MOST_BYTES + 1), CONTENT)
    assert (answer.status, answer.json()["code"]) == (413, "OPS_045")
    with connected(server) as open_:
        open_.sendall(
            b"POST /api/v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "
            + web.key.encode()
            + b"\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        part = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
        try:
            for _ in range(MOST_BYTES // 0x10000 + 2):
                open_.sendall(part)
        except OSError:
            pass  # it hung up
        assert b" 413 " in received(open_)[:20]


def test_a_body_that_is_wrong_in_a_million_places_is_refused_for_the_first_one(shared_server, shared_key):
    web = shared_server.web(shared_key)
    faulty = ["1"] * (MOST_BYTES // 2 - 100)
    for path, list_of in (("/api/v1/events", "events"), ("/api/v1/decisions", "decisions")):
        for written in (faulty, ["{}"] * (MOST_BYTES // 3 - 100)):
            body = f'{{"{list_of}":[{",".join(written)}]}}'.encode()
            answer = web.ask("POST", path, body, CONTENT)
            assert (answer.status, answer.json()["code"]) == (422, "OPS_018")
            assert "too long" in answer.json()["title"]


def test_whoever_is_named_twice_is_nobody(shared_server, shared_keys):
    key = shared_keys["reader"].encode()
    with connected(shared_server) as open_:
        open_.sendall(
            b"GET /api/v1/missions HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer "
            + (key + b"\r\nAuthorization: Bearer wrong\r\n\r\n")
        )
        assert b" 401 " in received(open_)[:20]


def test_where_a_page_came_from_may_be_anything(shared_server):
    browser = shared_server.browser()
    for referer in ("http://[", "//", "http://evil.example/x", "\xff"):
        answer = browser.get("/nothing", Referer=referer)
        assert answer.status == 404
        assert "evil" not in answer.text


def test_a_document_that_is_nested_too_deep_is_refused(shared_server, shared_key):
    browser = shared_server.browser()
    browser.sign_in(shared_key)
    token = browser.token(browser.get("/policy/proposal_caps"))
    answer = browser.send("/policy/proposal_caps", csrf=token, document="[" * 100_000, expected="1")
    assert answer.status == 422
    assert "nested too deep" in answer.text


def test_whoever_has_waited_for_a_busy_database_is_told_so_without_asking_it_again(server, key, conn, dsn):
    browser = server.browser()
    browser.sign_in(key("reader"))
    waits = "application_name = 'opsloop serve' and wait_event_type = 'Lock'"

    def waiting():
        with psycopg.connect(dsn, autocommit=True) as other:
            return other.execute(f"select pid, query from pg_stat_activity where {waits}").fetchall()

    answers = []
    asking = Thread(target=lambda: answers.append(browser.get("/missions")))
    with conn.transaction():
        conn.execute("lock table ops_missions in access exclusive mode")
        asking.start()
        wait_until(waiting, "the page waits for the lock", seconds=60)
        [(pid, query)] = waiting()
        assert "fn_list_missions" in query
        # As when its time is over.
        conn.execute("select pg_cancel_backend(%s)", (pid,))
        wait_until(
            lambda: not asking.is_alive() or any(query not in other for _, other in waiting()),
            "it is answered, or waits for another thing",
            seconds=60,
        )
        assert not asking.is_alive()
    [answer] = answers
    assert answer.status == 503
    assert int(answer.headers["retry-after"]) > 0


async def test_a_request_that_is_cut_off_by_the_end_of_the_server_is_told_so():
    sent = []

    async def app(_scope, receive, _send):
        await receive()

    async def never():
        await asyncio.Event().wait()

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/x", "headers": []}
    request = asyncio.create_task(Guard(app, 60, tls=False)(scope, never, send))
    await asyncio.sleep(0)
    request.cancel()
    await request
    assert sent[0]["status"] == 503
    assert b"this server ends" in sent[1]["body"]


def test_whoever_sends_slowly_is_hung_up_on(serve, key):
    server = serve("--request-seconds", "1")
    reader = key("producer").encode()
    body = (
        b"POST /api/v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "
        + reader
        + (b"\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{")
    )
    for begun in (b"", b"GET /health HTTP/1.1\r\nHost: x\r\nX-A: ", body):
        with connected(server) as open_:
            began = time.monotonic()
            open_.sendall(begun)
            answer = received(open_)
            assert time.monotonic() - began < 50
            assert answer == b"" or b" 408 " in answer[:20]


def test_a_server_goes_on_while_others_send_slowly(server, key):
    web = server.web(key("reader"))
    held = [connected(server) for _ in range(200)]
    try:
        for open_ in held:
            open_.sendall(b"POST /api/ops/heartbeat HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n")
        assert web.get("/api/v1/missions").status == 200
    finally:
        for open_ in held:
            open_.close()


def connected(server) -> socket.socket:
    where = urlsplit(server.url)
    return socket.create_connection((where.hostname, where.port), timeout=60)


def received(open_: socket.socket) -> bytes:
    """All that comes until the server hangs up."""
    text = b""
    try:
        while part := open_.recv(65536):
            text += part
    except OSError:
        pass
    return text


def test_a_page_that_was_left_open_keeps_nobody_from_signing_in(server, key):
    old = server.browser()
    old.cookies["opsloop"] = "long-over"
    assert {old.get("/stream").status for _ in range(15)} == {303, 429}
    browser = server.browser()
    assert browser.sign_in(key("reader")).status == 303
    assert browser.get("/stream?kinds=nothing").status == 422
