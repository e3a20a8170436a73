"""What happened outside the database: lines of JSON in files that nobody but their writers touches.

A line is written by one call of the system before anything else happens, so that it is there however its writer ends.
Times are those of CLOCK_MONOTONIC, which is one clock for all processes of the machine, and which no fault moves.
"""

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

#: Names the directory of the files to the processes of the fleet.
PLACE = "OPSLOOP_CHAOS_WITNESS"


class Witness:
    """Writes one file."""

    def __init__(self, place: Path, name: str) -> None:
        # Opened at once: a process that may open no more files still tells what it does.
        self._file = os.open(place / f"{name}.jsonl", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)

    def say(self, what: str, **more: Any) -> None:
        """Add a line."""
        line = json.dumps({"what": what, "at": time.monotonic(), **more}, default=str)
        os.write(self._file, line.encode() + b"\n")


class Reader:
    """Reads what all writers of a name have said, each line once."""

    def __init__(self, place: Path, name: str) -> None:
        self._place = place
        self._pattern = f"{name}-*.jsonl"
        self._read: dict[Path, int] = {}

    def news(self) -> Iterator[dict[str, Any]]:
        """What was written since the last time; a writer's lines in their order."""
        for path in sorted(self._place.glob(self._pattern)):
            with path.open("rb") as file:
                file.seek(self._read.get(path, 0))
                for line in file:
                    if not line.endswith(b"\n"):
                        break
                    self._read[path] = self._read.get(path, 0) + len(line)
                    yield json.loads(line)
