"""`python -m opsloop.relay`: the command `opsloop relay` under its other name."""

from __future__ import annotations

import sys

from opsloop.cli import run

sys.exit(run(["relay", *sys.argv[1:]]))
