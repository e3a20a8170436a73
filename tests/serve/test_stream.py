"""The stream: what changes is told to everybody who follows, once looked for, and until the key ends."""

import http.client
import json
import re
from contextlib import contextmanager
from threading import Event, Thread
from urllib.parse import urlsplit

import pytest

from opsloop import Client


@contextmanager
def following(web, path="/api/v1/stream", **headers):
    """The answer to a request for a stream, which is open while the block runs."""
    where = urlsplit(web.url)
    conn = http.client.HTTPConnection(where.hostname, where.port, timeout=60)
    given = {"Authorization": f"Bearer {web.key}"} if web.key else {}
    conn.request("GET", path, headers={**given, **headers})
    answer = conn.getresponse()
    try:
        yield answer
    finally:
        conn.close()


def messages(answer):
    """Each message as it comes: id, kind and data."""
    found = {}
    for line in answer:
        name, _, value = line.decode().rstrip("\n").partition(": ")
        if name == "data":
            yield found.get("id"), found["event"], json.loads(value)
        found[name] = value


def propose(conn, title):
    made = Client(conn).create_proposal({"title": title, "steps": [{"kind": "noop"}]})
    return str(made.mission_id)


def told(answer, conn):
    """The first message that comes; missions are proposed until one does, as the first look tells nothing."""
    over = Event()

    def go_on():
        number = 0
        while not over.wait(0.3):
            number += 1
            propose(conn, f"number {number}")

    thread = Thread(target=go_on)
    thread.start()
    try:
        return next(messages(answer))
    finally:
        over.set()
        thread.join()


def test_whoever_follows_is_told_what_changed(server, key, conn):
    web = server.web(key("reader"))
    with (
        following(web, "/api/v1/stream?kinds=mission") as one,
        following(web, "/api/v1/stream?kinds=proposal") as other,
    ):
        assert one.getheader("content-type").startswith("text/event-stream")
        _, kind, mission = told(one, conn)
        assert (kind, mission["status"]) == ("mission", "approved")
        _, kind, proposal = next(messages(other))
        assert (kind, proposal["status"]) == ("proposal", "auto_approved")
        assert "template" not in proposal


def test_a_stream_of_one_mission_tells_of_no_other(server, key, conn):
    mine = propose(conn, "mine")
    web = server.web(key("operator"))
    with following(web, f"/api/v1/stream?mission_id={mine}") as answer, following(web) as every:
        told(every, conn)
        assert web.post(f"/api/v1/missions/{mine}/cancel", {}).status == 200
        _, _, data = next(messages(answer))
        assert data["mission_id"] == mine


def test_after_a_break_it_goes_on_where_it_was_or_says_that_it_cannot(server, key, conn):
    web = server.web(key("reader"))
    with following(web) as kept:
        number, _, _ = told(kept, conn)
        with following(web, **{"Last-Event-ID": number}) as again:
            after, _, _ = told(again, conn)
            assert int(after.partition("-")[2]) == int(number.partition("-")[2]) + 1
    mine = number.partition("-")[0]
    for other in ("other-7", f"{mine}-{'9' * 5000}", f"{mine}-x"):
        with following(web, **{"Last-Event-ID": other}) as again:
            assert next(messages(again))[1] == "again"


def test_pages_follow_with_their_cookie_and_strangers_do_not(server, key):
    browser = server.browser()
    browser.sign_in(key("reader"))
    cookie = {"Cookie": f"opsloop={browser.cookies['opsloop']}"}
    for path, headers, status in (
        ("/stream", cookie, 200),
        ("/api/v1/stream", cookie, 401),
        ("/stream", {}, 401),
    ):
        with following(server.web(), path, **headers) as answer:
            assert answer.status == status, path


def test_a_server_that_ends_ends_its_streams(serve, key):
    server = serve()
    with following(server.web(key("reader"))) as answer:
        assert answer.readline() == b"retry: 2000\n"
        server.process.terminate()
        assert server.process.wait(60) == 0
    # uvicorn says so when it has waited for a stream in vain.
    assert "Cancel" not in server.log()


@pytest.mark.parametrize("query", ["kinds=nothing", "kinds=mission,nothing"])
def test_a_kind_that_is_none_is_refused(shared_server, shared_key, query):
    answer = shared_server.web(shared_key).get(f"/api/v1/stream?{query}")
    assert answer.status == 422
    assert re.search("mission, step, proposal, health", answer.text)
