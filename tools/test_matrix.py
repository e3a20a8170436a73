"""Runs the tests on every PostgreSQL at hand: 15 where Debian's package is installed, 16 and 18 from the wheel.

Usage: python tools/test_matrix.py [arguments for pytest]. Exit code 1 when any of them fails.
"""

import os
import subprocess
import sys
from pathlib import Path

VERSIONS = ("15", "16", "18")


def run_tests(version: str) -> str:
    """Runs pytest on servers of that version; returns how it went."""
    if version == "15" and not Path("/usr/lib/postgresql/15/bin/postgres").exists():
        return "skipped, as it is not installed (apt-get install postgresql-15)"
    print(f"\n===== PostgreSQL {version} =====", flush=True)
    command = [sys.executable, "-m", "pytest", *sys.argv[1:]]
    environment = {name: value for name, value in os.environ.items() if name != "OPSLOOP_TEST_DSN"}
    done = subprocess.run(command, env={**environment, "OPSLOOP_TEST_PG_VERSION": version}, check=False)
    return "failed" if done.returncode else "passed"


def main() -> int:
    """Runs them all, one after the other; returns the exit code."""
    ends = {version: run_tests(version) for version in VERSIONS}
    print("\n" + "\n".join(f"PostgreSQL {version}: {end}" for version, end in ends.items()))
    return int("failed" in ends.values())


if __name__ == "__main__":
    sys.exit(main())
