"""`python -m opsloop.worker`: the command `opsloop worker` under its other name."""

from __future__ import annotations

import sys

from opsloop.cli import run

sys.exit(run(["worker", *sys.argv[1:]]))
