"""The name of one incarnation of a process."""

from __future__ import annotations

import os
import secrets
import socket


def incarnation(random_bytes: int = 4) -> str:
    """Host, process id and something random, since process ids come again."""
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(random_bytes)}"
