"""The order of events: a database in trouble, the loop at work, the figures."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable

from rich.console import Console

import opsloop
from opsloop import database, embedded
from opsloop.cli.output import as_json, plain
from opsloop.demo import care, page, report, shop, words
from opsloop.demo.screen import Screen
from opsloop.demo.watch import ShopWatch

#: The demo gives up after so many seconds.
LONGEST = 55.0
#: Where the dashboard is, if nobody else has that port.
_PORT = 8484
_LOOK_AGAIN = 0.1


def main(*, json: bool = False, stay: bool = False, load_seconds: int = 6) -> int:
    """Run the demo; returns its exit code: 0 when every mission succeeded and everything else waits for a person.

    `json`: the result as JSON on stdout, everything else on stderr. `stay`: at the end, leave server and worker
    running until Ctrl-C, with the dashboard. `load_seconds`: how long pgbench works before the loop is called.
    """
    stream = sys.stderr if json else sys.stdout
    console = Console(file=stream, highlight=False, markup=False, emoji=False, soft_wrap=not stream.isatty())
    # Whatever ends the demo ends all that it started, too.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    screen = Screen(console)
    with contextlib.ExitStack() as stack:
        play = _Play(stack, screen)
        with screen.live():
            try:
                play.set_the_scene(load_seconds)
                play.let_the_loop_work()
            except TimeoutError as error:
                screen.say("fault", str(error))
        result = play.result()
        report.show(result, console, stay=stay)
        if not result["ok"]:
            console.print(f"the worker's last words:\n{play.last_words()}")
        if json:
            sys.stdout.write(as_json(result) + "\n")
            sys.stdout.flush()
        if stay:
            play.stay()
    return 0 if result["ok"] else 1


class _Play:
    """One run. What it starts ends with the stack."""

    def __init__(self, stack: contextlib.ExitStack, screen: Screen) -> None:
        self.stack = stack
        self.screen = screen

    def set_the_scene(self, load_seconds: int) -> None:
        """A server, a shop, opsloop in it, load on it, and a session that somebody forgot."""
        say = self.screen.say
        self.screen.doing("starting a PostgreSQL of its own")
        # No throwaway settings: fsync stays on.
        server = self.stack.enter_context(embedded.server())
        self.server = self.stack.enter_context(database.connect(server.dsn()))
        say("setup", f"PostgreSQL {self._setting('server_version')} runs, fsync {self._setting('fsync')}")
        self.shop = shop.open_shop(server)
        say("setup", "database shop: stock and orders, autovacuum off for them so that the effect shows")
        changes = care.install(self.shop)
        say("setup", f"opsloop installed ({len(changes)} changes) and seeded, as the database's owner")
        versions = care.set_policies(self.shop)
        said = ", ".join(f"{key} version {version}" for key, version in versions.items())
        say("setup", f"policies of examples/postgres-care, analyze and vacuum opted in: {said}")
        say(
            "setup",
            f"in haste: idle for {care.HASTE['idle_seconds']} s counts (there: 5 min), unused at once (there: 7 days)",
        )
        self.log = self.stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 - the stack closes it
        self.loop = self.stack.enter_context(opsloop.connect(self.shop.dsn("loop"), "opsloop"))
        self.watch = ShopWatch(self.stack.enter_context(database.connect(self.shop.dsn("loop"))))
        self.worker = self.stack.enter_context(care.worker(self.shop, self.log))
        say(
            "setup",
            f"a worker runs (pid {self.worker.pid}), heartbeat included; it reads and acts as the login care",
        )
        self.screen.doing(
            f"pgbench works for {load_seconds} s: {shop.CLIENTS} clerks update stock, insert orders"
        )
        self.done = shop.load(self.shop, load_seconds, lambda line: say("load", line))
        self.pid = self.stack.enter_context(shop.forgotten_transaction(self.shop))
        say("load", f"pid {self.pid} has inserted a refund and forgotten to commit")
        self.stack.enter_context(shop.quiet_load(self.shop))
        say("load", "pgbench goes on with 10 transactions a second")

    def let_the_loop_work(self) -> None:
        """Call it twice: once to find and mend, once to see what is left."""
        self.screen.doing(f"waiting until pid {self.pid} has been idle for {care.HASTE['idle_seconds']} s")
        self._until(self._is_idle, "the forgotten transaction counts as idle")
        runs, waits = report.expected(self.pid)
        self.loop.emit_event("pg:look")
        self.screen.doing("the loop looks after the database")
        self._until(
            lambda: (
                all(self.watch.finished(title) for title in runs)
                and waits <= {p["title"] for p in self.watch.proposals}
                and not self._at_work()
            ),
            "the missions end",
        )
        looks = self.watch.finished(report.LOOK)
        self.loop.emit_event("pg:look")
        self.screen.doing("it looks once more, to see what is left")
        self._until(
            lambda: self.watch.finished(report.LOOK) > looks and not self._at_work(), "it has looked again"
        )

    def result(self) -> dict[str, object]:
        """Sum up what the database says now."""
        self.watch.look()
        return report.summary(self.watch, self.shop, self.pid, self.done, self.screen.seconds)

    def stay(self) -> None:
        """Go on showing what happens, until Ctrl-C."""
        with contextlib.suppress(KeyboardInterrupt), page.page(self.shop, _PORT) as found:
            if found is not None:
                address, key = found
                self.screen.console.print(f"\nThe dashboard: {address}", style="bold")
                self.screen.console.print(f"  sign in with the key {key}", soft_wrap=True)
            self.screen.console.print("Server and worker stay until Ctrl-C.", style="bold")
            while True:
                self._look()
                time.sleep(_LOOK_AGAIN)

    def last_words(self) -> str:
        """The end of the worker's log."""
        # The worker writes at the file's own position, so that must not move.
        text = os.pread(self.log.fileno(), os.fstat(self.log.fileno()).st_size, 0).decode(errors="replace")
        return plain("\n".join(text.splitlines()[-10:]))

    def _is_idle(self) -> bool:
        idle = database.value(
            self.server,
            "select state_change <= clock_timestamp() - make_interval(secs => %s) from pg_stat_activity where pid = %s",
            (care.HASTE["idle_seconds"], self.pid),
        )
        return bool(idle)

    def _at_work(self) -> bool:
        """Whether an event, a reaction or a mission has not come to its end."""
        at_work = database.value(
            self.watch.conn,
            "select exists (select from opsloop.ops_agent_events where processed_at is null)"
            " or exists (select from opsloop.ops_agent_reactions where status in ('queued', 'processing'))"
            " or exists (select from opsloop.ops_missions where completed_at is null)",
        )
        return bool(at_work)

    def _until(self, condition: Callable[[], bool], what: str) -> None:
        """Show what happens until `condition` holds; TimeoutError when that takes too long or the worker ends."""
        while True:
            self._look()
            if condition():
                self._look()
                return
            if self.screen.seconds > LONGEST:
                raise TimeoutError(f"not within {LONGEST:.0f} s: {what}")
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.worker.wait(_LOOK_AGAIN)
                raise TimeoutError(f"the worker ended with exit code {self.worker.returncode}, before {what}")

    def _look(self) -> None:
        for kind, row in self.watch.look():
            self.screen.say(kind, getattr(words, kind)(row))
        self.screen.show(self.watch.missions)

    def _setting(self, name: str) -> str:
        return str(database.value(self.server, "select current_setting(%s)", (name,)))
