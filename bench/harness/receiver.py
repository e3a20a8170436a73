"""A receiver of webhooks in a process of its own: fast, and on request as bad as receivers are.

`python -m harness.receiver [--fail SHARE] [--late SHARE] …` prints its port, and on each line that it reads from its
standard input one line of JSON with what it has seen since it started. It ends with its input.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_KEY = re.compile(rb"\r\nidempotency-key: *([^\r]*)", re.IGNORECASE)
_OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
_BUSY = b"HTTP/1.1 503 Busy\r\nRetry-After: 0\r\nContent-Length: 0\r\n\r\n"
_ERROR = b"HTTP/1.1 500 Error\r\nContent-Length: 6\r\n\r\nbroken"


class Book:
    """What has been seen, and how to answer."""

    def __init__(self, given: argparse.Namespace) -> None:
        self.given = given
        self.chance = random.Random(given.seed)
        self.requests = 0
        self.failed = 0
        self.late = 0
        self.accepted: dict[int, int] = {}
        self.order: dict[str, list[int]] = {}
        self.keys: dict[int, str] = {}
        self.other_keys: list[int] = []

    def fate(self) -> str:
        """The outcome of the next request: ok, late, busy, error, or dropped."""
        drawn = self.chance.random()
        if drawn < self.given.fail:
            if self.chance.random() >= self.given.hard:
                return "busy"
            return self.chance.choice(["error", "dropped"])
        return "late" if drawn < self.given.fail + self.given.late else "ok"

    def accept(self, head: bytes, body: bytes) -> None:
        """Keep what was accepted, in the order in which each message came first."""
        if not self.given.keep:
            return
        message = json.loads(body)
        number, key = message["sequence"], _KEY.search(head)
        said = "" if key is None else key[1].decode()
        if self.keys.setdefault(number, said) != said or said != message["id"]:
            self.other_keys.append(number)
        seen = self.accepted.get(number, 0)
        self.accepted[number] = seen + 1
        if not seen:
            self.order.setdefault(message["aggregate_id"], []).append(number)

    def figures(self) -> dict[str, Any]:
        """All of it."""
        return {
            "requests": self.requests,
            "failed": self.failed,
            "late": self.late,
            "accepted": list(self.accepted.items()),
            "order": self.order,
            "other_keys": self.other_keys,
        }


class _Protocol(asyncio.Protocol):
    def __init__(self, book: Book) -> None:
        self._book = book
        self._buffer = b""
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = self._buffer[:end]
            length = _LENGTH.search(head)
            whole = end + 4 + (int(length[1]) if length else 0)
            if len(self._buffer) < whole:
                return
            body, self._buffer = self._buffer[end + 4 : whole], self._buffer[whole:]
            self._answer(head, body)

    def _answer(self, head: bytes, body: bytes) -> None:
        book = self._book
        book.requests += 1
        fate = book.fate()
        if fate in ("ok", "late"):
            book.accept(head, body)
        else:
            book.failed += 1
        if fate == "late":
            book.late += 1
            seconds = book.chance.uniform(0, book.given.late_seconds)
            asyncio.get_running_loop().call_later(seconds, self._transport.write, _OK)
        elif fate == "dropped":
            self._transport.abort()
        else:
            self._transport.write({"ok": _OK, "busy": _BUSY, "error": _ERROR}[fate])


async def _serve(given: argparse.Namespace) -> None:
    loop = asyncio.get_running_loop()
    book = Book(given)
    server = await loop.create_server(lambda: _Protocol(book), "127.0.0.1", 0, backlog=1000)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    asked = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(asked), sys.stdin)
    while await asked.readline():
        sys.stdout.write(json.dumps(book.figures()) + "\n")
        sys.stdout.flush()


@dataclass(frozen=True)
class Receiver:
    """A running receiver."""

    process: subprocess.Popen[str]
    port: int

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}/hook"

    def figures(self) -> dict[str, Any]:
        """What it has seen so far."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        said: dict[str, Any] = json.loads(self.process.stdout.readline())
        return said


@contextmanager
def receiver(*arguments: str) -> Iterator[Receiver]:
    """A receiver while the block runs."""
    process = subprocess.Popen(
        [sys.executable, str(Path(__file__)), *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield Receiver(process, int(process.stdout.readline()))
    finally:
        process.kill()
        process.stdin.close()
        process.stdout.close()
        process.wait()


def main() -> None:
    """See above."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fail", type=float, default=0.0, help="share of requests that fail")
    parser.add_argument(
        "--hard", type=float, default=0.5, help="share of the failures without Retry-After: 500, or no answer"
    )
    parser.add_argument("--late", type=float, default=0.0, help="share of requests that are answered late")
    parser.add_argument("--late-seconds", type=float, default=1.0, help="how late at most")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", action="store_true", help="keep what was accepted")
    asyncio.run(_serve(parser.parse_args()))


if __name__ == "__main__":
    main()
