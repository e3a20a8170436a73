"""The output of the demo while it runs: lines as things happen and, on a terminal, a live panel below them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from opsloop.cli.output import plain, status_text

STYLES = {
    "demo": "bold", "setup": "dim", "load": "blue", "event": "magenta", "decision": "bold yellow", "step": "cyan",
    "mission": "bold green", "repeat": "dim", "fault": "bold red", "result": "bold",
}  # fmt: skip
_BAR = 20


class Screen:
    """Lines with the seconds since the start; the panel shows the missions at work, where there is a terminal."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.started = time.monotonic()
        self._live: Live | None = None
        self._doing = ""
        self._missions: list[dict[str, Any]] = []
        self._spinner = Spinner("dots")

    @contextmanager
    def live(self) -> Iterator[None]:
        """Show the panel while the block runs; nothing on what is not a terminal."""
        if not self.console.is_terminal:
            yield
            return
        with Live(
            get_renderable=self._panel, console=self.console, refresh_per_second=10, transient=True
        ) as live:
            self._live = live
            yield
        self._live = None

    @property
    def seconds(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self.started

    def say(self, kind: str, text: str) -> None:
        """A line: when, what kind of thing, and what."""
        style = STYLES.get(kind, "")
        line = Text(f"{self.seconds:5.1f} s  ")
        line.append(f"{kind:<9}", style)
        line.append(plain(text), "dim" if style == "dim" else "")
        if self.console.is_terminal:
            table = Table.grid(padding=0)
            table.add_column(width=18, no_wrap=True)
            table.add_column(overflow="fold")
            table.add_row(line[:18], line[18:])
            self.console.print(table)
        else:
            self.console.print(line)

    def doing(self, text: str) -> None:
        """What the demo is at, for the panel; elsewhere a line."""
        self._doing = text
        if self._live is None:
            self.say("demo", text)

    def show(self, missions: list[dict[str, Any]]) -> None:
        """The missions that the panel shows."""
        self._missions = missions

    def _panel(self) -> RenderableType:
        rows = Table.grid(padding=(0, 2))
        for mission in self._missions[-8:]:
            done, total = mission["steps_total"] - mission["steps_open"], mission["steps_total"]
            rows.add_row(
                status_text(mission["status"]),
                ProgressBar(total=total, completed=done, width=_BAR),
                f"{done}/{total}",
                plain(mission["title"]),
            )
        self._spinner.update(text=Text(f"{self._doing} · {self.seconds:.0f} s"))
        return Panel(
            Group(self._spinner, rows), title="the loop at work", title_align="left", border_style="dim"
        )
