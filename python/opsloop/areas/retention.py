"""Area `retention`: what goes when."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from opsloop.areas.call import Caller
from opsloop.results import Purge, PurgedRow


class Retention(Caller):
    """Removes what has lain here long enough, in bounded parts."""

    def apply_retention(self, limit: int | None = None) -> dict[str, Any]:
        """Remove or archive what the document `retention` says, up to `limit` (10,000) rows in half a second.

        Returns `{"purged": {part: n}, "more"}`: call again while `more` is true. Heartbeats do the same. Raises
        InvalidArgument (OPS_018), ArchiveUnfit (OPS_084).
        """
        done: dict[str, Any] = self._value("fn_apply_retention", limit=limit)
        return done

    def purge(
        self,
        part: str,
        before: datetime,
        *,
        how: str | None = None,
        after: str | None = None,
        batch: str | None = None,
        limit: int | None = None,
    ) -> list[PurgedRow]:
        """Purge by hand what a part has from before a time, up to `limit` (1,000) rows in half a second.

        `how`: delete, archive, export (the rows are returned: keep them, then commit) or count. `after`: the `next`
        of the call before. Raises InvalidArgument (OPS_018), ArchiveUnfit (OPS_084).
        """
        return self._rows(
            PurgedRow, "fn_purge", part=part, before=before, how=how, after=after, batch=batch, limit=limit
        )

    def list_purges(self, limit: int | None = None, batch: str | None = None) -> list[Purge]:
        """List up to `limit` (50) calls that purged by hand, newest first; of `batch` alone when it is given."""
        return self._rows(Purge, "fn_list_purges", limit=limit, batch=batch)
