"""Shared by the drivers of the Python peers: arguments, workers, and a board on which handlers mark themselves.

Standard library only: a driver runs with its peer's own interpreter.

Nothing but the peer itself talks to the database while a drain is timed. Handlers mark a memory-mapped file (a byte per
job and worker, written in well under a microsecond), the parent looks at the file every 10 ms, and only when every
handler has begun does it ask the database, every 10 ms, how many jobs are recorded as done. The same bytes prove
afterwards that each job ran exactly once.
"""

from __future__ import annotations

import argparse
import json
import mmap
import os
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit

_POLL = 0.010
_STALL = 120.0  # seconds without any progress after which a run has failed
_IDLE_PAUSE = 0.050
_WARM_UP = 5

Verb = Callable[[argparse.Namespace], dict[str, Any]]


class UnsupportedError(Exception):
    """The system has no such thing; the message says why, in one sentence."""


class WrongError(Exception):
    """What was measured does not count: a job not done, done twice, or nothing moves any more."""


def main(verbs: Mapping[str, Verb], work: Callable[[argparse.Namespace], None]) -> None:
    """Run one verb and print its JSON. The verb `work` is the driver's own: it is how workers are started."""
    parser = argparse.ArgumentParser()
    parser.add_argument(
        "verb", choices=["versions", "setup", "drain", "sequential", "enqueue", "latency", "work"]
    )
    parser.add_argument("--dsn", default="")
    parser.add_argument("--n", type=int, default=1000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--batch", type=int, help="overrides the batch size of the driver's settings")
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--mode", choices=["single", "bulk"], default="single")
    parser.add_argument("--set", default="{}", help="JSON object that overrides settings, to try others")
    parser.add_argument("--board", help=argparse.SUPPRESS)
    parser.add_argument("--task", help=argparse.SUPPRESS)
    parser.add_argument("--index", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    arguments.set = json.loads(arguments.set)
    if arguments.batch is not None:
        arguments.set["batch"] = arguments.batch
    if arguments.verb == "work":
        work(arguments)
        return
    try:
        if arguments.verb not in verbs:
            raise UnsupportedError("the system has no such operation")
        result = verbs[arguments.verb](arguments)
    except UnsupportedError as no:
        result = {"unsupported": str(no)}
    print(json.dumps(result), flush=True)


def versions(system: str, *packages: str) -> dict[str, Any]:
    """The answer to `versions`: the first package is the system, the others are what it runs on."""
    needs = ", ".join(f"{name} {version(name)}" for name in packages[1:])
    return {"system": system, "version": version(packages[0]), "needs": needs}


def parts(dsn: str) -> dict[str, str]:
    """A connection URL, taken apart: user, password, host (a name, or a socket's directory), port, dbname."""
    url = urlsplit(dsn)
    found = {
        "user": unquote(url.username or ""),
        "password": unquote(url.password or ""),
        "host": url.hostname or "",
        "port": str(url.port or 5432),
        "dbname": unquote(url.path.lstrip("/")),
    }
    found.update(dict(parse_qsl(url.query)))
    return found


def with_host(dsn: str) -> str:
    """The same URL for parsers that insist on a host before the path: a socket's directory stays in the query."""
    p = parts(dsn)
    login = quote(p["user"], safe="") + (f":{quote(p['password'], safe='')}" if p["password"] else "")
    where = f"{login}@{{}}:{p['port']}/{quote(p['dbname'], safe='')}"
    if p["host"].startswith("/"):
        return f"postgresql://{where.format('localhost')}?host={quote(p['host'], safe='')}"
    return f"postgresql://{where.format(p['host'] or 'localhost')}"


class Board:
    """A file in memory: for each worker when its first handler began, and a byte for each job that it ran."""

    def __init__(self, path: str, workers: int, size: int) -> None:
        self._workers = workers
        self._size = size
        self._head = 8 * workers
        with Path(path).open("r+b") as file:
            length = self._head + workers * size
            if os.fstat(file.fileno()).st_size < length:
                file.truncate(length)
            self._memory = mmap.mmap(file.fileno(), length)

    def marker(self, worker: int) -> Callable[[int], None]:
        """What the handlers of one worker process call, with the number of the job."""
        memory = self._memory
        base = self._head + worker * self._size
        begun = False

        def mark(job: int) -> None:
            nonlocal begun
            if not begun:
                begun = True
                struct.pack_into("d", memory, 8 * worker, time.time())
            memory[base + job] += 1

        return mark

    def marked(self) -> int:
        """How many handlers have begun."""
        return self._workers * self._size - self._memory[self._head :].count(0)

    def began(self) -> float:
        """When the first handler began, on any worker."""
        return min(time for time in struct.unpack_from(f"{self._workers}d", self._memory) if time > 0)

    def verify(self) -> None:
        """Each job was run by one worker, once."""
        ran = self._memory[self._head :]
        for job in range(self._size):
            times = sum(ran[worker * self._size + job] for worker in range(self._workers))
            if times != 1:
                raise WrongError(f"job {job} was run {times} times")


class Stamps:
    """A file in memory: for each job when its handler began."""

    def __init__(self, path: str, size: int) -> None:
        with Path(path).open("r+b") as file:
            if os.fstat(file.fileno()).st_size < 8 * size:
                file.truncate(8 * size)
            self._memory = mmap.mmap(file.fileno(), 8 * size)

    def stamp(self, job: int) -> None:
        """What the handler calls, first of all."""
        struct.pack_into("d", self._memory, 8 * job, time.time())

    def read(self, job: int) -> float:
        """When it began, 0 if it has not."""
        return float(struct.unpack_from("d", self._memory, 8 * job)[0])


def marking(arguments: argparse.Namespace) -> Callable[[int], None]:
    """In a worker process: the function that handlers call with the number of the job."""
    if arguments.task == "latency":
        return Stamps(arguments.board, arguments.n).stamp
    size = arguments.n * (arguments.steps if arguments.task == "sequential" else 1)
    return Board(arguments.board, arguments.workers, size).marker(arguments.index)


def wait_for_go() -> None:
    """In a worker process that is connected and ready: all begin together, and none outlives the driver."""
    print("ready", flush=True)
    sys.stdin.readline()

    def end_with_driver() -> None:
        sys.stdin.read()  # returns when the driver has gone, however it ended
        os._exit(1)

    threading.Thread(target=end_with_driver, daemon=True).start()


@contextmanager
def _workers(arguments: argparse.Namespace, number: int, board: str, n: int) -> Iterator[Callable[[], None]]:
    """Start worker processes of this driver and let them go; gives a check that they are all alive."""
    command = [
        sys.executable,
        str(Path(sys.argv[0]).resolve()),
        "work",
        "--dsn",
        arguments.dsn,
        "--n",
        str(n),
    ]
    command += ["--workers", str(number), "--steps", str(arguments.steps), "--set", json.dumps(arguments.set)]
    command += ["--board", board, "--task", arguments.verb]
    processes = [
        subprocess.Popen(
            [*command, "--index", str(index)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for index in range(number)
    ]

    def alive() -> None:
        for process in processes:
            if process.poll() is not None:
                raise WrongError(f"a worker ended with code {process.returncode}")

    try:
        for process in processes:
            assert process.stdout is not None
            for line in process.stdout:
                if line == "ready\n":
                    break
            else:
                raise WrongError(f"a worker ended before it was ready, with code {process.wait()}")
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        yield alive
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def timed_drain(arguments: argparse.Namespace, workers: int, done: Callable[[], int], size: int) -> float:
    """Seconds from the start of the first of `size` handlers until `done` says that all `n` jobs are recorded."""
    with tempfile.NamedTemporaryFile(prefix="bench-board-") as file:
        board = Board(file.name, workers, size)
        with _workers(arguments, workers, file.name, arguments.n) as alive:
            _until(board.marked, size, alive, "handlers begun")
            _until(done, arguments.n, alive, "jobs recorded as done")
            ended = time.time()
        board.verify()
        return ended - board.began()


def _until(count: Callable[[], int], wanted: int, alive: Callable[[], None], what: str) -> None:
    seen, since = -1, time.monotonic()
    while (now := count()) < wanted:
        if now != seen:
            seen, since = now, time.monotonic()
        elif time.monotonic() - since > _STALL:
            raise WrongError(f"{what}: {now} of {wanted}, and no more for {_STALL:.0f} s")
        alive()
        time.sleep(_POLL)
    if now > wanted:
        raise WrongError(f"{what}: {now}, which is more than {wanted}")


def timed_latencies(
    arguments: argparse.Namespace, enqueue: Callable[[int], object], finished: Callable[[int], bool]
) -> list[float]:
    """Milliseconds from just before `enqueue(job)` is called until the handler begins, in another process.

    Between two jobs the worker has recorded the last one as done (`finished(number of jobs)`), and 50 ms have passed.
    """
    total = arguments.n + _WARM_UP
    found = []
    with tempfile.NamedTemporaryFile(prefix="bench-stamps-") as file:
        stamps = Stamps(file.name, total)
        with _workers(arguments, 1, file.name, total) as alive:
            time.sleep(1.0)  # the worker connects and listens
            for job in range(total):
                time.sleep(_IDLE_PAUSE)
                began = time.time()
                enqueue(job)
                _until(lambda j=job: int(stamps.read(j) > 0), 1, alive, f"handler of job {job}")  # type: ignore[misc]
                _until(lambda j=job: int(finished(j + 1)), 1, alive, f"job {job} recorded as done")  # type: ignore[misc]
                found.append((stamps.read(job) - began) * 1000)
    return found[_WARM_UP:]
