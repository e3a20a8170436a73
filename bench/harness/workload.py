"""What a workload is, and what it is given to work with."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import ClassVar

from harness.figures import Entrant, Figure
from harness.host import Host
from harness.stage import Stage
from peers import Peers

#: Runs an entrant once; gives its figures.
Turn = Callable[[Entrant], list[Figure]]


@dataclass(frozen=True)
class Bench:
    """The circumstances of a run."""

    stage: Stage
    peers: Peers
    quick: bool = False
    #: Of this tree and of another commit, where opsloop's turns are taken if two commits are compared.
    hosts: tuple[Host, Host] | None = None

    def size(self, full: int, quick: int) -> int:
        """One of two sizes, by how thorough the run is."""
        return quick if self.quick else full


class Workload(ABC):
    """One thing that is measured. Its entrants take turns, once in each round."""

    name: ClassVar[str]
    #: The thing that is measured, in one sentence.
    measures: ClassVar[str]
    #: Rounds of a full and of a quick run.
    rounds: ClassVar[tuple[int, int]] = (3, 1)
    #: Whether the higher figure is the better one.
    higher_is_better: ClassVar[bool] = True
    #: Variants of opsloop's in which it does nothing itself: another commit has no turn with them.
    controls: ClassVar[frozenset[str]] = frozenset()

    @abstractmethod
    def entrants(self, quick: bool = False) -> Sequence[Entrant]:
        """The entrants; in a quick run some may be left out."""

    @abstractmethod
    def prepared(self, bench: Bench) -> AbstractContextManager[Turn]:
        """Gives what runs one entrant once; what all rounds share is set up before and torn down after."""


class Fresh(Workload):
    """A workload whose turns share nothing."""

    @contextmanager
    def prepared(self, bench: Bench) -> Iterator[Turn]:
        """Nothing is shared."""
        yield lambda entrant: self.turn(bench, entrant)

    @abstractmethod
    def turn(self, bench: Bench, entrant: Entrant) -> list[Figure]:
        """Run an entrant once."""
