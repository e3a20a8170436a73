"""`opsloop demo`: the loop looks after a real PostgreSQL, for a minute, on a server of its own.

`shop` is the database with its troubles and its load; `care` points the loop at it, with the executors and policies
of examples/postgres-care; `watch` reads what the loop does, `screen` shows it, `report` sums it up, `play` is the
order of events. Every figure shown is read from the database or from pgbench's own report.
"""

from opsloop.demo.play import main

__all__ = ["main"]
