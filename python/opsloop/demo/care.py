"""Points the loop at the shop: installs it, puts the example's policies in force, starts a worker."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import IO, Any

import opsloop
from opsloop import jsonio, migrate
from opsloop.demo.shop import Shop

#: In the shop the loop looks sooner than examples/postgres-care does: idle for 2 seconds instead of 5 minutes counts,
#: and an index counts as unused at once instead of after 7 days, from 64 kB instead of 1 MB.
HASTE = {"idle_seconds": 2, "index_days": 0, "index_bytes": 65_536}


@cache
def example() -> Path:
    """The directory examples/postgres-care: inside the installed package, or beside `python` in a checkout."""
    package = Path(opsloop.__file__).resolve().parent
    packaged = package / "examples/postgres-care"
    return packaged if packaged.is_dir() else package.parents[1] / "examples/postgres-care"


def install(shop: Shop) -> list[str]:
    """Install opsloop in the shop's database, and seed it; returns the changes made."""
    dsn = shop.dsn("loop")
    done = migrate.migrate(dsn)
    migrate.seed(dsn)
    return done


def set_policies(shop: Shop) -> dict[str, int]:
    """Add the example's policies to the seeded ones, analyze and vacuum opted in; returns the versions in force."""
    # The example is not part of this package: its own modules merge its own documents.
    if str(example()) not in sys.path:
        sys.path.insert(0, str(example()))
    add = importlib.import_module("postgres_care.policies").add
    versions = {}
    with opsloop.connect(shop.dsn("loop"), "opsloop") as loop:
        for key, files in {
            "worker_policy": ["worker_policy"],
            "auto_approve": ["auto_approve", "opt_in"],
            "reaction_matrix": ["reaction_matrix"],
        }.items():
            document: dict[str, Any] = loop.get_policy(key)
            for file in files:
                document = add(document, _read(file))
            if key == "reaction_matrix":
                document["patterns"][0]["template"]["steps"][0]["params"].update(HASTE)
            versions[key] = loop.set_policy(key, document, actor="demo")
    return versions


def _read(name: str) -> Any:
    return jsonio.parse((example() / "policies" / f"{name}.json").read_text(encoding="utf-8"))


@contextmanager
def worker(shop: Shop, log: IO[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    """A worker process with its heartbeat, while the block runs; its log goes to `log`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "OPS"))}
    package = str(Path(opsloop.__file__).resolve().parents[1])
    environment = {
        **kept,
        "DATABASE_URL": shop.dsn("loop"),
        "OPS_CARE_DSN": shop.dsn("care"),
        "PYTHONPATH": os.pathsep.join(filter(None, [package, kept.get("PYTHONPATH")])),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    arguments = [
        "--app",
        "postgres_care",
        "--heartbeat-seconds",
        "0.25",
        "--poll-seconds",
        "0.25",
        "--grace",
        "5",
    ]
    process = subprocess.Popen(
        [sys.executable, "-m", "opsloop.worker", *arguments],
        cwd=example(),
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        start_new_session=True,  # Ctrl-C is ours: the worker ends when we say so
    )
    try:
        with _ends_with_us(process.pid):
            yield process
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def _ends_with_us(pid: int) -> Iterator[None]:
    """See to it that a process ends even if this one is killed: a shell waits for the end of its input."""
    watchdog = subprocess.Popen(
        ["/bin/sh", "-c", 'cat >/dev/null; kill "$1" 2>/dev/null', "opsloop-demo-watchdog", str(pid)],
        stdin=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        yield
    finally:
        watchdog.kill()
        watchdog.communicate()
