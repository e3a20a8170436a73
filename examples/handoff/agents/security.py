"""SECURITY: nothing in the product runs text as code or starts a shell."""

import ast

from checking import conclude, modules

RISKY = {"eval", "exec", "compile", "system", "popen"}


def called(node: ast.Call) -> str:
    """The last part of the name of what is called."""
    return getattr(node.func, "attr", getattr(node.func, "id", ""))


conclude(
    f"{name}.py:{node.lineno}: calls {called(node)}"
    for name, tree in modules().items()
    for node in ast.walk(tree)
    if isinstance(node, ast.Call) and called(node) in RISKY
)
