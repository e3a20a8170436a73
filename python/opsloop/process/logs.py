"""A program's log: one structured line for each thing worth knowing, on standard error.

A line that cannot be written is dropped; those after it say how many were, as log_lines_dropped. Lines of a worker
carry worker_id, and step_id, mission_id and code where they apply. They never carry params, results,
progress or the text of an exception, since these may hold secrets: the error of a step is in
`ops_mission_steps.last_error`.
"""

from __future__ import annotations

import logging
import sys
from typing import Any

import structlog

from opsloop.process.outlet import Outlet

Logger = structlog.typing.FilteringBoundLogger

LEVELS = ("debug", "info", "warning", "error")


def configure(level: str) -> None:
    """Log from `level` on: for people on a terminal, as JSON lines everywhere else."""
    on_terminal = sys.stderr.isatty()
    outlet: Any = sys.stderr if isinstance(sys.stderr, Outlet) else Outlet(sys.stderr)
    renderer: Any = structlog.dev.ConsoleRenderer() if on_terminal else structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[
            lambda _, __, event: {**event, **_dropped(outlet)},
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.PrintLoggerFactory(outlet),
        cache_logger_on_first_use=False,
    )


def _dropped(outlet: Outlet) -> dict[str, int]:
    """How many lines before this one could not be written, if any."""
    return {"log_lines_dropped": outlet.lost} if outlet.lost else {}


def get(**bound: Any) -> Logger:
    """A logger whose every line carries `bound`."""
    logger: Logger = structlog.get_logger(**bound)
    return logger
