import importlib.metadata
import sys
from pathlib import Path
from typing import Any

import pytest

from opsloop.executors import Context, Executor, Registry, builtin, executor
from opsloop.worker.capacity import Capacity


@executor("plain", idempotent=True, concurrency=3)
def plain(ctx: Context) -> Any:
    return None


@executor("waiting")
async def waiting(ctx: Context) -> Any:
    return None


class Callable:
    async def __call__(self, ctx: Context) -> Any:
        return None


def test_decorated_functions_stay_functions_and_are_found_in_modules() -> None:
    registry = Registry()

    assert sorted(registry.add(sys.modules[__name__])) == ["plain", "waiting"]
    assert plain(Context("0")) is None
    found = registry.get("plain")
    assert found is not None
    assert (found.idempotent, found.concurrency, found.is_async) == (True, 3, False)


def test_coroutine_functions_and_objects_called_like_them_are_told_from_plain_ones() -> None:
    assert Executor("a", waiting).is_async
    assert Executor("a", Callable()).is_async
    assert not Executor("a", plain).is_async


def test_the_executor_added_last_wins() -> None:
    registry = builtin(None)
    own = Executor("noop", plain)
    registry.add(own)

    assert registry.get("noop") is own


def test_an_app_is_a_module_or_an_attribute_of_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = "from opsloop.executors import executor\n@executor('mine')\ndef run(ctx): ...\nmany = [run]\nnone = 1\n"
    (tmp_path / "an_app.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)

    for target in ("an_app", "an_app:run", "an_app:many"):
        registry = Registry()
        assert registry.load_app(target) == ["mine"]
    with pytest.raises(TypeError, match="holds no executor"):
        Registry().load_app("an_app:none")
    with pytest.raises(AttributeError):
        Registry().load_app("an_app:missing")
    with pytest.raises(ImportError):
        Registry().load_app("no_such_app")


def test_installed_packages_offer_executors_by_entry_points(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def entry_points(*, group: str) -> list[importlib.metadata.EntryPoint]:
        asked.append(group)
        return [importlib.metadata.EntryPoint("any", f"{__name__}:plain", group)]

    monkeypatch.setattr(importlib.metadata, "entry_points", entry_points)
    registry = Registry()

    assert registry.load_entry_points() == ["plain"]
    assert asked == ["opsloop.executors"]


@pytest.mark.parametrize("name", ["", " padded"])
def test_a_name_must_be_usable(name: str) -> None:
    with pytest.raises(ValueError, match="name"):
        executor(name)
    with pytest.raises(ValueError, match="concurrency"):
        executor("ok", concurrency=0)


def test_sql_is_offered_only_with_a_login_of_its_own() -> None:
    assert "sql" not in builtin(None)
    assert "sql" in builtin("dbname=x")


def test_claims_never_bring_more_than_any_executor_has_room_for() -> None:
    capacity = Capacity(100, {"a": None, "b": 5, "c": 50, "d": 2})

    assert capacity.claims(20) == [(["a", "c"], 20), (["b", "d"], 2)]
    for _ in range(2):
        capacity.take("d")
    assert capacity.claims(20) == [(["a", "c"], 20), (["b"], 5)]
    for _ in range(95):
        capacity.take("a")
    assert capacity.claims(20) == [(["a", "b", "c"], 3)]
    for _ in range(3):
        capacity.take("a")
    assert capacity.claims(20) == []
    capacity.give_back("d")
    assert capacity.claims(20) == [(["a", "b", "c", "d"], 1)]


def test_one_claim_for_all_brings_no_more_than_the_tightest_has_room_for() -> None:
    capacity = Capacity(100, {"a": None, "b": 5, "c": 2})

    assert capacity.probe(20) == (["a", "b", "c"], 2)
    capacity.take("c")
    assert capacity.probe(20) == (["a", "b", "c"], 1)
    capacity.take("c")
    assert capacity.probe(20) == (["a", "b"], 5)
    assert capacity.probe(3) == (["a", "b"], 3)
    for _ in range(98):
        capacity.take("a")
    assert capacity.probe(20)[0] == []


def test_a_withdrawn_executor_is_claimed_no_more() -> None:
    capacity = Capacity(10, {"a": None, "b": None})
    capacity.withdraw("b")

    assert capacity.claims(5) == [(["a"], 5)]
