"""Shared by the five programs: they read the directive from stdin, look at ../product, and print what they found."""

import ast
import json
import sys
from collections.abc import Iterable
from pathlib import Path

PRODUCT = Path(__file__).parents[1] / "product"


def modules() -> dict[str, ast.Module]:
    """The modules of the product by name."""
    return {path.stem: ast.parse(path.read_text(encoding="utf-8")) for path in sorted(PRODUCT.glob("*.py"))}


def conclude(faults: Iterable[str], *, bad: str = "FAIL") -> None:
    """Print the verdict as JSON: PASS without faults, else `bad`."""
    directive = json.load(sys.stdin)
    found = list(faults)
    answer = {
        "verdict": bad if found else "PASS",
        "confidence": 90,
        "faults": found,
        "of": directive["sd_id"],
    }
    print(json.dumps(answer))
