"""Starts processes that do not outlive this one, however it ends."""

import signal
import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

# The kernel sends the signal when the *thread* ends that has started the process, so it is one that stays.
_starter = ThreadPoolExecutor(1, thread_name_prefix="starter")


def spawn(
    command: Sequence[str], log: Path, *, death: signal.Signals = signal.SIGKILL, **given: Any
) -> subprocess.Popen[bytes]:
    """Start it, with its output at the end of `log`; it gets `death` when this process ends before it."""

    def start() -> subprocess.Popen[bytes]:
        with log.open("ab") as output:
            return subprocess.Popen(
                ["setpriv", "--pdeathsig", death.name.removeprefix("SIG"), "--", *command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                **given,
            )

    return _starter.submit(start).result()
