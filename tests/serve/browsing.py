"""Servers, and clients of them: programs with keys, and browsers that are signed in."""

import asyncio
import http.client
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.cookies import SimpleCookie
from threading import Thread
from typing import Any
from urllib.parse import urlencode, urlsplit

import psycopg

from cli.documented import assert_documented
from opsloop import Client, keys
from opsloop.database import Database
from opsloop.serve.process import HttpServer
from opsloop.serve.settings import ServeSettings

SECONDS = 60


@dataclass(frozen=True)
class Answer:
    """What a server answered."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    def json(self) -> Any:
        return json.loads(self.body)


class Web:
    """A client of one server, with a key or without."""

    def __init__(self, url: str, key: str | None = None) -> None:
        self.url = url
        self.key = key

    def ask(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """One request; a body that is no bytes is sent as JSON."""
        given = dict(headers or {})
        if self.key is not None:
            given.setdefault("Authorization", f"Bearer {self.key}")
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
            given.setdefault("Content-Type", "application/json")
        where = urlsplit(self.url)
        conn = http.client.HTTPConnection(where.hostname or "", where.port, timeout=SECONDS)
        try:
            conn.request(method, path, body, given)
            answer = conn.getresponse()
            return Answer(answer.status, answer.headers, answer.read())
        finally:
            conn.close()

    def get(self, path: str, **headers: str) -> Answer:
        return self.ask(
            "GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()}
        )

    def post(self, path: str, body: Any = None, **headers: str) -> Answer:
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.ask("POST", path, body, given)


class Browser(Web):
    """A browser: it keeps cookies, sends forms, asks for pages, and follows nothing by itself."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.cookies: dict[str, str] = {}

    def ask(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        given = {"Accept": "text/html", **(headers or {})}
        if self.cookies:
            given.setdefault("Cookie", "; ".join(f"{name}={value}" for name, value in self.cookies.items()))
        answer = super().ask(method, path, body, given)
        for line in answer.headers.get_all("set-cookie") or []:
            for name, morsel in SimpleCookie(line).items():
                self.cookies[name] = morsel.value
                if morsel["max-age"] == "0":
                    del self.cookies[name]
        return answer

    def send(self, path: str, headers: Mapping[str, str] | None = None, **fields: str) -> Answer:
        """Send a form."""
        kind = {"Content-Type": "application/x-www-form-urlencoded", **(headers or {})}
        return self.ask("POST", path, urlencode(fields).encode(), kind)

    def sign_in(self, key: str, **fields: str) -> Answer:
        return self.send("/sign-in", key=key, **fields)

    def token(self, page: Answer) -> str:
        """The token in the forms of a page."""
        found = re.search(r'name="csrf" value="([0-9a-f]{64})"', page.text)
        assert found is not None
        return found[1]


class Server:
    """A server that runs."""

    def __init__(self, url: str) -> None:
        self.url = url

    def web(self, key: str | None = None) -> Web:
        return Web(self.url, key)

    def browser(self) -> Browser:
        return Browser(self.url)


@contextmanager
def serving_here(dsn: str) -> Iterator[Server]:
    """A server with its usual settings on a free port, in a thread: it starts ten times as fast as a process."""
    server = HttpServer(ServeSettings(Database(dsn), port=0))
    url = server.bind()
    thread = Thread(target=lambda: asyncio.run(server.run()))
    thread.start()
    try:
        yield Server(url)
    finally:
        server.stop()
        thread.join(SECONDS)
        assert not thread.is_alive()


class Served(Server):
    """A server that is a process of its own."""

    def __init__(self, url: str, process: subprocess.Popen[str], log: Any) -> None:
        super().__init__(url)
        self.process = process
        self._log = log

    def log(self) -> str:
        """What it has logged by now."""
        self._log.seek(0)
        return str(self._log.read())


@contextmanager
def serving(dsn: str, log: Any, *options: str, **environment: str) -> Iterator[Served]:
    """A server on a free port while the block runs; `log` is an open file for what it logs."""
    process = subprocess.Popen(
        [sys.executable, "-m", "opsloop", "serve", "--port", "0", "--json", "--dsn", dsn, *options],
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
        env={**os.environ, **environment},
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, f"the server ended: {log.seek(0)}{log.read()}"
        yield Served(assert_documented("serve", line)["url"], process, log)
    finally:
        process.terminate()
        try:
            process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise
        process.stdout.close()


def make_key(
    conn: psycopg.Connection[Any], role: str, login: str | None = None, name: str | None = None
) -> str:
    """A new key of a role, whose calls count as `login` (default: the owner of the schema)."""
    key = keys.draw()
    Client(conn).create_api_key(name or f"{role}-{keys.digest(key)[:8]}", role, keys.digest(key), login)
    return key
