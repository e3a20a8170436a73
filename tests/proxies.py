"""A proxy between a process and the server, on a Unix socket of its own."""

import contextlib
import threading
import time
from collections.abc import Callable
from pathlib import Path
from socket import AF_UNIX, SHUT_RDWR, socket

from psycopg.conninfo import conninfo_to_dict, make_conninfo


class Proxy:
    """Stands between a worker and the server; frozen, it takes and gives nothing more, and closes nothing either."""

    def __init__(self, dsn: str, home: Path) -> None:
        said = conninfo_to_dict(dsn)
        self._server = f"{said['host']}/.s.PGSQL.{said['port']}"
        self._thawed = threading.Event()
        self._thawed.set()
        self._open: list[socket] = []
        self._losing: bytes | None = None
        self._delaying: tuple[bytes, float] | None = None
        self._slow = 0.0
        self.lost = 0
        """How many answers were lost."""
        self._listener = socket(AF_UNIX)
        self._listener.bind(str(home / ".s.PGSQL.5432"))
        self._listener.listen(100)
        self.dsn = make_conninfo(dsn, host=str(home), port=5432)
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    def freeze(self) -> None:
        """From now on nothing goes through."""
        self._thawed.clear()

    def thaw(self) -> None:
        """What waited goes through, and all that comes."""
        self._thawed.set()

    def lose(self, mark: bytes) -> None:
        """The next answer with `mark` in it does not come, and its connection ends: the server has done its work."""
        self._losing = mark

    def delay(self, mark: bytes, seconds: float) -> None:
        """The next answer with `mark` in it comes so much later."""
        self._delaying = mark, seconds

    def slow(self, seconds: float) -> None:
        """Every answer comes so much later, from now on."""
        self._slow = seconds

    def cut(self) -> None:
        """End all connections to the clients; what the server is at goes on."""
        for client in self._open[::2]:
            with contextlib.suppress(OSError):
                client.shutdown(SHUT_RDWR)

    def close(self) -> None:
        """End all connections."""
        self.thaw()
        self._listener.shutdown(SHUT_RDWR)
        # A connection that came a moment ago is in the list only when this thread has ended.
        self._accepting.join()
        for one in (self._listener, *self._open):
            with contextlib.suppress(OSError):
                one.shutdown(SHUT_RDWR)
            one.close()

    @staticmethod
    def _start(work: Callable[..., None], *args: socket) -> None:
        threading.Thread(target=work, args=args, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket(AF_UNIX)
            server.connect(self._server)
            self._open += [client, server]
            self._start(self._pass_on, client, server)
            self._start(self._answer, server, client)

    def _pass_on(self, source: socket, target: socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                self._thawed.wait()
                target.sendall(data)
            target.shutdown(SHUT_RDWR)

    def _answer(self, server: socket, client: socket) -> None:
        with contextlib.suppress(OSError):
            while data := server.recv(65536):
                if self._losing is not None and self._losing in data:
                    self._losing = None
                    self.lost += 1
                    break
                if self._delaying is not None and self._delaying[0] in data:
                    seconds, self._delaying = self._delaying[1], None
                    time.sleep(seconds)
                time.sleep(self._slow)
                self._thawed.wait()
                client.sendall(data)
            client.shutdown(SHUT_RDWR)
