"""DOCMON: modules, classes and functions of the product say what they are for."""

import ast

from checking import conclude, modules

conclude(
    (
        f"{name}.py: {getattr(node, 'name', 'the module')} has no docstring"
        for name, tree in modules().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and not ast.get_docstring(node)
    ),
    bad="WARNING",
)
