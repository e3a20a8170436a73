"""What a command line did, and how the tests run one."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Done:
    """What a command line did."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The document on stdout."""
        return json.loads(self.out)

    @property
    def error(self) -> dict[str, Any]:
        """The error that --json printed on stderr."""
        found: dict[str, Any] = json.loads(self.err)["error"]
        return found


Cli = Callable[..., Done]
