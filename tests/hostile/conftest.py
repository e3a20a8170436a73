"""The command line for the tests of hostile surroundings."""

from cli.conftest import cli, offline, shell

__all__ = ["cli", "offline", "shell"]
