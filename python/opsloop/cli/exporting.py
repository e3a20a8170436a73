"""The output of `purge --export`: files of JSON lines, compressed, and a manifest with their digests.

A file is on the disk, and in the manifest as `written`, before the transaction commits that purges its rows; after
that it is `committed`. What a crash leaves as `written` is looked up: where the database has it on record its rows are
gone and the file counts; where not, they are still there, and the file is removed.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from opsloop import jsonio
from opsloop.client import OwningClient
from opsloop.errors import InvalidArgument

FORMAT = "opsloop export 1"
MANIFEST = "manifest.json"
_OTHER_DIRECTORY = "Give a new or an empty directory, or that of an earlier export of this loop."
_OURS = re.compile(r"[0-9]{8}T[0-9]{6}Z-[0-9a-f]{6}-[0-9]{6,}\.jsonl\.zst")


@dataclass
class Export:
    """A directory that rows are written to."""

    directory: Path
    manifest: dict[str, Any]
    _run: str
    #: Of the directory, locked until it is closed: two exports would take each other's files for left over.
    _lock: int
    _number: int = 0

    @classmethod
    def opened(cls, directory: Path, client: OwningClient, schema: str, before: datetime) -> Export:
        """Make the directory, or go on with the one that an earlier run has left."""
        _zstd()
        try:
            directory.mkdir(parents=True, exist_ok=True)
            lock = os.open(directory, os.O_RDONLY)
        except OSError as error:
            raise InvalidArgument(f"--export {directory}: {error}") from error
        try:
            manifest = _manifest(directory, lock, schema)
            made = cls(directory, manifest, f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{uuid4().hex[:6]}", lock)
            made.manifest["before"] = before.isoformat()
            made._settle(client)
        except OSError as error:
            os.close(lock)
            raise InvalidArgument(f"--export {directory}: {error}") from error
        except BaseException:
            os.close(lock)
            raise
        return made

    def close(self) -> None:
        """Let go of the directory."""
        os.close(self._lock)

    @property
    def files(self) -> int:
        """How many files there are."""
        return len(self.manifest["files"])

    def next_batch(self) -> str:
        """Name of the next file."""
        return f"{self._run}-{self._number + 1:06}.jsonl.zst"

    def write(self, batch: str, part: str, rows: Iterable[tuple[str, str]]) -> None:
        """Write the rows of a batch, before its transaction commits."""
        counted: Counter[str] = Counter()
        target = self.directory / batch
        with target.open("xb") as file:
            with _zstd().ZstdCompressor(level=6).stream_writer(file, closefd=False) as writer:
                for table, row in rows:
                    counted[table] += 1
                    writer.write(f'{{"table":"{table}","row":{row}}}\n'.encode())
            file.flush()
            os.fsync(file.fileno())
        data = target.read_bytes()
        self.manifest["files"].append(
            {
                "file": batch,
                "part": part,
                "state": "written",
                "bytes": len(data),
                "sha256": hashlib.sha256(data).hexdigest(),
                "rows": dict(sorted(counted.items())),
            }
        )
        self._number += 1
        self._save()

    def committed(self, batch: str) -> None:
        """The rows of a batch are gone from the database."""
        for entry in self.manifest["files"]:
            if entry["file"] == batch:
                entry["state"] = "committed"
        self._save()

    def _settle(self, client: OwningClient) -> None:
        """Find out what became of files whose transaction was under way when the last run ended."""
        kept = []
        for entry in self.manifest["files"]:
            if entry["state"] != "committed" and not client.list_purges(1, entry["file"]):
                (self.directory / entry["file"]).unlink(missing_ok=True)
                continue
            kept.append({**entry, "state": "committed"})
        named = {entry["file"] for entry in kept}
        for path in self.directory.iterdir():
            # Not yet in the manifest: its transaction cannot have committed.
            if path.name not in named and _OURS.fullmatch(path.name):
                path.unlink()
        self.manifest["files"] = kept
        self._save()

    def _save(self) -> None:
        path = self.directory / MANIFEST
        new = path.with_suffix(".new")
        with new.open("w", encoding="utf-8") as file:
            file.write(jsonio.pretty(self.manifest, 2) + "\n")
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
        os.fsync(self._lock)


def _manifest(directory: Path, lock: int, schema: str) -> dict[str, Any]:
    """The manifest that is there, or the first one."""
    path = directory / MANIFEST
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        found = jsonio.loads(path.read_text(encoding="utf-8")) if path.exists() else None
    except BlockingIOError as error:
        raise InvalidArgument(
            f"--export {directory}: another export is writing there",
            hint="Let it end, or give another directory.",
        ) from error
    except (OSError, ValueError) as error:
        raise InvalidArgument(f"--export {directory}: {error}") from error
    if found is None:
        if any(directory.iterdir()):
            raise InvalidArgument(
                f"--export {directory}: it has files, and no {MANIFEST}",
                hint=_OTHER_DIRECTORY,
            )
        return {"format": FORMAT, "schema": schema, "files": []}
    if not isinstance(found, dict) or (found.get("format"), found.get("schema")) != (FORMAT, schema):
        raise InvalidArgument(
            f"--export {directory}: its {MANIFEST} is of another format or loop", hint=_OTHER_DIRECTORY
        )
    return found


def _zstd() -> Any:
    try:
        import zstandard
    except ImportError as error:
        raise InvalidArgument(
            "--export needs the package zstandard", hint="pip install 'opsloop[export]'"
        ) from error
    return zstandard
