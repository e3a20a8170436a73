"""`python3 -m postgres_care add|remove FILE`: a policy document on stdin, the changed one on stdout."""

import json
import sys
from pathlib import Path

from postgres_care.policies import add, remove


def main(arguments: list[str]) -> int:
    """Print the document of stdin with the one of FILE added to it, or taken from it."""
    if len(arguments) != 2 or arguments[0] not in ("add", "remove"):
        sys.stderr.write("usage: opsloop policy get KEY | python3 -m postgres_care add|remove FILE\n")
        return 2
    change = {"add": add, "remove": remove}[arguments[0]]
    document = change(json.load(sys.stdin), json.loads(Path(arguments[1]).read_text(encoding="utf-8")))
    sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
