"""REGRESSION: the product offers the same as before."""

import ast
import json

from checking import PRODUCT, conclude, modules

before = set(json.loads((PRODUCT / "api.json").read_text(encoding="utf-8")))
now = {node.name for node in modules()["keys"].body if isinstance(node, ast.FunctionDef)}
conclude(f"{name} is gone" for name in sorted(before - now))
