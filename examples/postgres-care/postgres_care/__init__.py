"""Looks after a PostgreSQL database: samples its statistics, and does what a person or policy allows.

Executors that only read: `pg_sample`, `pg_measure`. Executors that change something: `pg_analyze`, `pg_vacuum`,
`pg_drop_index`, `pg_end_session`. Offer them with `opsloop worker --app postgres_care`.
"""

from postgres_care.changing import analyze, drop_index, end_session, vacuum
from postgres_care.reading import measure, sample

__all__ = ["analyze", "drop_index", "end_session", "measure", "sample", "vacuum"]
