"""`opsloop up` in a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

from support import wait_until


class Up:
    """An `opsloop up` in a process of its own; what it says is in a file."""

    def __init__(
        self, dsn: str, home: Path, *arguments: str, cwd: Path | None = None, **environ: str
    ) -> None:
        self.said_in = home / f"up-{len(list(home.glob('up-*')))}"
        with self.said_in.open("w") as said:
            self.popen = subprocess.Popen(
                [sys.executable, "-m", "opsloop", "up", *arguments],
                env={**os.environ, "DATABASE_URL": dsn, "USER": "ann", **environ},
                cwd=cwd or home,
                stdout=subprocess.PIPE,
                stderr=said,
                text=True,
            )

    def said(self) -> str:
        """What it has said so far."""
        return self.said_in.read_text()

    def runs(self) -> "Up":
        """Returns when it says that the loop runs."""
        wait_until(
            lambda: "the loop runs" in self.said() or self.popen.poll() is not None, "it is up", seconds=60
        )
        assert "the loop runs" in self.said(), self.said()
        return self

    def end(self) -> int:
        """Its exit code, once it has ended."""
        return self.popen.wait(timeout=60)
