"""What the tests of the benchmark share."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="module")
def command() -> ModuleType:
    """`python bench` as a module."""
    spec = importlib.util.spec_from_file_location(
        "bench_command", Path(__file__).parents[2] / "bench/__main__.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
