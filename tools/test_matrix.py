"""Runs the tests on every PostgreSQL at hand: 15 where Debian's package is installed, 16 and 18 from the wheel.

Usage: python tools/test_matrix.py [arguments for pytest]. Exit code 1 when any of them fails.
"""

import os
import subprocess
import sys

from debian_server import BIN, debian_server


def run_tests(name: str, environment: dict[str, str]) -> int:
    """Runs pytest with `environment` on top of ours; returns its exit code."""
    print(f"\n===== PostgreSQL {name} =====", flush=True)
    command = [sys.executable, "-m", "pytest", *sys.argv[1:]]
    return subprocess.run(command, env={**os.environ, **environment}, check=False).returncode


def main() -> int:
    """Runs them all, one after the other; returns the exit code."""
    codes = {}
    if (BIN / "postgres").exists():
        with debian_server() as dsn:
            codes["15"] = run_tests("15", {"OPSLOOP_TEST_DSN": dsn})
    else:
        print("PostgreSQL 15 is not installed (apt-get install postgresql-15): skipped", file=sys.stderr)
    for version in ("16", "18"):
        codes[version] = run_tests(version, {"OPSLOOP_TEST_PG_VERSION": version})
    print(
        "\n"
        + "   ".join(f"PostgreSQL {name}: {'failed' if code else 'passed'}" for name, code in codes.items())
    )
    return int(any(codes.values()))


if __name__ == "__main__":
    sys.exit(main())
