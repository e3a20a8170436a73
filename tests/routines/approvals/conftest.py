"""The team of a test."""

import pytest

from approving import Team


@pytest.fixture
def team(loop) -> Team:
    """A team on the loop of the test."""
    return Team(loop)
