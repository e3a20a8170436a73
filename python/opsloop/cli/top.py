"""`top`: the loop live, with keys to decide; needs the extra `top` (textual)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Any, ClassVar

from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import DataTable, Footer, Static

from opsloop.cli import output
from opsloop.cli.inbox import describe
from opsloop.cli.session import Session
from opsloop.client import OwningClient
from opsloop.errors import NotFound, OpsError

_PAUSE = 1.0
#: Of each kind of thing that waits.
_SHOWN = 50


class Question(ModalScreen[bool]):
    """Shows what a key would do, and asks."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer(True)", "yes"),
        Binding("n,escape,q", "answer(False)", "no"),
    ]
    CSS = """
    Question { align: center middle; }
    Question > VerticalScroll { width: 90%; max-height: 80%; height: auto; border: round $accent; padding: 0 1; }
    """

    def __init__(self, text: str) -> None:
        super().__init__()
        self._text = text

    def compose(self) -> ComposeResult:
        """See textual."""
        with VerticalScroll():
            yield Static(Text(output.plain(self._text)))
            yield Static(Text("[y]es  [n]o", style="bold"))

    def action_answer(self, yes: bool) -> None:
        """Close, with the answer."""
        self.dismiss(yes)


class Top(App[None]):
    """The screen: counts, executors, and what waits for somebody."""

    TITLE = "opsloop"
    ENABLE_COMMAND_PALETTE = False
    CSS = """
    #counts { height: auto; }
    #executors { height: auto; max-height: 40%; }
    #rows { height: 1fr; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("a", "act('approve')", "approve"),
        Binding("r", "act('retry')", "retry"),
        Binding("c", "act('cancel')", "cancel"),
        Binding("p", "pause", "pause/resume"),
        Binding("tab", "focus_next", "other table", show=False),
        Binding("q", "quit", "quit"),
    ]

    def __init__(self, session: Session, client: OwningClient, actor: str) -> None:
        super().__init__()
        self._session, self._client, self._actor = session, client, actor
        self._busy = asyncio.Lock()
        self._rows: dict[str, dict[str, Any]] = {}
        self._executors: dict[str, dict[str, Any]] = {}

    def compose(self) -> ComposeResult:
        """See textual."""
        yield Static(id="counts")
        yield DataTable[Text](id="executors", cursor_type="row")
        yield DataTable[Text](id="rows", cursor_type="row")
        yield Footer()

    async def on_mount(self) -> None:
        """Draw for the first time, and then again each second."""
        executors = self.query_one("#executors", DataTable)
        for name in ("executor", "ready", "running", "workers", "oldest", "done/min", "failed/min"):
            executors.add_column(name)
        rows = self.query_one("#rows", DataTable)
        for name in ("what", "id", "age", "title", "why"):
            rows.add_column(name)
        rows.focus()
        await self._look()
        self.set_interval(_PAUSE, self._look)

    async def _call(self, call: Callable[[], Any]) -> Any:
        """Call the database in a thread; there is one connection."""
        async with self._busy:
            return await asyncio.to_thread(call)

    async def _look(self) -> None:
        if self._busy.locked():
            return
        try:
            seen = await self._call(lambda: self._client.overview(_SHOWN))
        except OpsError as error:
            self.query_one("#counts", Static).update(Text(output.one_line(str(error)), style="red"))
            return
        self.query_one("#counts", Static).update(_counts(seen))
        self._executors = {one["executor"]: one for one in seen["executors"]}
        self._fill("#executors", {name: _executor(one) for name, one in self._executors.items()})
        self._rows = _waiting(seen)
        self._fill("#rows", {key: _row(one) for key, one in self._rows.items()})

    def _fill(self, which: str, rows: dict[str, list[Text]]) -> None:
        """Put rows into a table; the cursor stays on the row that it was on."""
        table: DataTable[Text] = self.query_one(which, DataTable)
        on = self._selected(which)
        table.clear()
        for key, cells in rows.items():
            table.add_row(*cells, key=key)
        if on in rows:
            table.move_cursor(row=list(rows).index(on))

    def _selected(self, which: str) -> str:
        table: DataTable[Text] = self.query_one(which, DataTable)
        if not table.row_count:
            return ""
        return str(table.coordinate_to_cell_key(table.cursor_coordinate).row_key.value)

    def action_act(self, verb: str) -> None:
        """Decide on the row under the cursor, once it has been confirmed."""
        self.run_worker(self._act(verb), exclusive=True)

    async def _act(self, verb: str) -> None:
        row = self._rows.get(self._selected("#rows"))
        if row is None or verb not in row["keys"]:
            self.notify("not this row", severity="warning")
            return
        try:
            text, act = await self._call(lambda: self._prepared(verb, row))
        except OpsError as error:
            self.notify(str(error), severity="error")
            return
        await self._confirmed(text, act)

    def _prepared(self, verb: str, row: dict[str, Any]) -> tuple[str, Callable[[], Any]]:
        client, actor = self._client, self._actor
        if verb == "cancel":
            mission = row["mission"]
            return f"cancel mission {mission}: {row['title']}", lambda: client.cancel_mission(
                mission, actor=actor
            )
        entry = next((e for e in client.inbox(1000) if str(e.id) == row["id"]), None)
        if entry is None:
            if verb == "approve":
                raise NotFound(f"{row['id']} does not wait any more")
            return f"retry step {row['id']}: {row['why']}", lambda: client.retry_step(row["id"], actor=actor)

        def decide() -> Any:
            with client.conn.transaction():
                client.as_shown(entry.id, entry.digest)
                if verb == "approve":
                    return client.approve_proposal(entry.id, actor=actor).status
                return client.retry_step(entry.id, actor=actor)

        return f"{verb}:\n{describe(self._session, entry, whole=True)}", decide

    def action_pause(self) -> None:
        """Pause the executor under the cursor, or let it go on."""
        self.run_worker(self._pause(), exclusive=True)

    async def _pause(self) -> None:
        name = self._selected("#executors")
        if name not in self._executors:
            return
        client, actor = self._client, self._actor
        if self._executors[name]["paused"]:
            await self._confirmed(
                f"resume executor {name}", lambda: client.resume("executor", name, actor=actor)["changed"]
            )
        else:
            await self._confirmed(
                f"pause executor {name}: nothing of it starts any more",
                lambda: client.pause("executor", name, actor=actor, reason="opsloop top")["changed"],
            )

    async def _confirmed(self, text: str, act: Callable[[], Any]) -> None:
        if not await self.push_screen_wait(Question(text)):
            return
        try:
            done = await self._call(act)
        except OpsError as error:
            self.notify(output.one_line(str(error)), severity="error", timeout=10)
        else:
            self.notify(f"done: {done}")
        await self._look()


def _counts(seen: dict[str, Any]) -> Text:
    counts = seen["counts"]
    lines = []
    if counts["killed"]:
        lines.append(Text("killed: nothing runs", style="red"))
    if seen["stuck"]:
        said = ", ".join(f"{one['missions']} {one['reason']}" for one in seen["stuck"])
        lines.append(Text(f"stuck missions: {said}", style="yellow"))
    lines.append(
        Text(
            f"{counts['queued_steps']} queued, {counts['running_steps']} running, {counts['failed_missions']} failed "
            f"today; for a person {counts['waiting_proposals']} + {counts['waiting_steps']}; "
            f"{counts['live_workers']} workers"
        )
    )
    return Text("\n").join(lines)


def _executor(one: dict[str, Any]) -> list[Text]:
    style = "yellow" if one["paused"] or (one["ready"] and not one["live_workers"]) else ""
    name = f"{one['executor']} (paused)" if one["paused"] else one["executor"]
    cells = [
        name, one["ready"], one["running"], one["live_workers"], _age(one["oldest"]), one["succeeded"], one["failed"],
    ]  # fmt: skip
    return [Text(output.one_line(cell), style=style) for cell in cells]


def _waiting(seen: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """What waits for somebody, what is wrong first; keys: what may be done with it."""
    found: dict[str, dict[str, Any]] = {}
    for one in seen["held"]:
        title = f"{one['key']} ({one['executor']})"
        _put(found, "step", one, title, ("retry", "approve", "cancel"), one["mission_id"])
    for one in seen["missions"]:
        _put(found, "mission", one, one["title"], ("cancel",), one["id"])
    for one in seen["proposals"]:
        _put(found, "proposal", one, f"{one['risk']}: {one['title']}", ("approve",), None)
    for one in seen["errors"]:
        _put(found, one["what"], one, one["letter"], ("retry",) if one["what"] == "step" else (), None)
    return found


def _put(
    found: dict[str, dict[str, Any]],
    what: str,
    one: dict[str, Any],
    title: str | None,
    keys: tuple[str, ...],
    mission: str | None,
) -> None:
    row = {**one, "what": what, "title": title or "", "keys": keys, "mission": mission}
    found.setdefault(f"{what} {one['id']}", row)


def _row(one: dict[str, Any]) -> list[Text]:
    style = {"step": "yellow", "mission": "yellow"}.get(one["what"], "")
    cells = [one["what"], str(one["id"])[-8:], _age(one["since"]), one["title"], one["why"]]
    return [Text(output.one_line("" if cell is None else cell), style=style) for cell in cells]


def _age(moment: str | None) -> str:
    try:
        return output.age(datetime.fromisoformat(moment)) if moment else ""
    except ValueError:
        return ""


def run(session: Session, actor: str) -> None:
    """Show the screen until it is left."""
    with session.client() as client:
        client.overview(1)  # what cannot be reached or used is said in the terminal, not on the screen
        Top(session, client, actor).run()
