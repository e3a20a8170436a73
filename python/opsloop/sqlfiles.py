r"""The SQL that opsloop installs: where the files are, which changes there are, and the exact text of each.

Both runners and `opsloop sql` go through the same files. psql reads them by way of `\ir`; here they are put
together into one string per change, so that what is printed is what runs.
"""

import hashlib
import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

from psycopg import sql

_CODE = re.compile(r"^\\ir (code/\S+)$", re.MULTILINE)
_SETTING = re.compile(r"^set (\w+) = '?(.*?)'?$", re.MULTILINE)
_INCLUDE = re.compile(r"^\\ir[ \t]+(\S+)[ \t]*$", re.MULTILINE)


@dataclass(frozen=True)
class Change:
    """A numbered script of sql/schema, such as 0002_policy, with the script that takes it back."""

    name: str
    script: Path
    rollback: Path

    @property
    def number(self) -> int:
        """The prefix of the name."""
        return int(self.name.split("_")[0])


@cache
def sql_root() -> Path:
    """The directory `sql`: inside the installed package, or beside `python` in a checkout."""
    packaged = Path(str(files("opsloop"))) / "sql"
    return packaged if packaged.is_dir() else Path(__file__).resolve().parents[2] / "sql"


def changes() -> list[Change]:
    """Every change, in the order in which they are installed."""
    scripts = sorted((sql_root() / "schema").glob("[0-9]*.sql"))
    return [
        Change(script.stem, script, script.with_suffix(".rollback.sql"))
        for script in scripts
        if not script.name.endswith(".rollback.sql")
    ]


def expand(path: Path) -> str:
    r"""The text of a file with every `\ir` line replaced by the file that it names, to any depth."""
    return _INCLUDE.sub(lambda m: expand(path.parent / m[1]).rstrip(), path.read_text(encoding="utf-8"))


def code_digest() -> str:
    """A sha256 over everything that loading the routines runs, in hex."""
    return hashlib.sha256(expand(sql_root() / "code.sql").encode()).hexdigest()


def routines() -> dict[str, tuple[str, bool, str, list[str]]]:
    """What the catalogue has of each routine once it is loaded: body, security definer, volatility, settings."""
    found = {}
    for path in _CODE.findall((sql_root() / "code.sql").read_text(encoding="utf-8")):
        head, rest = (sql_root() / path).read_text(encoding="utf-8").split("\nas $$", 1)
        volatility = re.search(r"^(immutable|stable)$", head, re.MULTILINE)
        found[Path(path).stem] = (
            rest.split("$$;", 1)[0],
            "\nsecurity definer\n" in head,
            volatility[1][0] if volatility else "v",
            [f"{name}={setting}" for name, setting in _SETTING.findall(head)],
        )
    return found


def install_text(change: Change, schema: str) -> str:
    """What installs `change` in `schema`, to be run in a transaction of its own."""
    settings = {"schema": schema, "change": change.name, "version": "", "code_digest": code_digest()}
    return _join(
        _settings(settings),
        expand(sql_root() / "loader/begin.sql"),
        expand(sql_root() / "loader/change_begin.sql"),
        expand(change.script),
        expand(sql_root() / "loader/change_end.sql"),
    )


def prepare_text(schema: str) -> str:
    """What creates `schema` if it is missing, and refuses one where others may create objects."""
    return _join(_settings({"schema": schema}), expand(sql_root() / "loader/begin.sql"))


def rollback_text(change: Change, schema: str) -> str:
    """What takes `change` back from `schema`, to be run in a transaction of its own."""
    return _join(
        _settings({"schema": schema, "change": change.name}),
        expand(sql_root() / "loader/begin.sql"),
        expand(change.rollback),
        expand(sql_root() / "loader/change_undo.sql"),
    )


def rights_text(schema: str) -> str:
    """What applies the rights again, to be run in a transaction of its own."""
    return _join(
        _settings({"schema": schema}),
        expand(sql_root() / "loader/begin.sql"),
        "set local lock_timeout = '5s';",
        expand(sql_root() / "grants.sql"),
    )


def layers() -> list[str]:
    """The names of the compatibility layers in sql/compat."""
    scripts = (sql_root() / "compat").glob("*.sql")
    return sorted(script.stem for script in scripts if not script.stem.endswith("_remove"))


def layer_text(script: str, schema: str) -> str:
    """What a script of sql/compat runs over the loop in `schema`, in a transaction of its own."""
    return _join(_settings({"schema": schema}), expand(sql_root() / f"compat/{script}.sql"))


def fleet_text(script: str, schema: str) -> str:
    """What a script of sql/fleet runs in `schema` of the front of a fleet, in a transaction of its own."""
    return _join(_settings({"schema": schema}), expand(sql_root() / f"fleet/{script}.sql"))


def reload_text(schema: str) -> str:
    """What loads the routines alone, between releases, with a ledger row of its own."""
    digest = code_digest()
    settings = {"schema": schema, "change": f"code_{digest[:12]}", "code_digest": digest}
    return _join(
        _settings(settings),
        expand(sql_root() / "loader/begin.sql"),
        "set local lock_timeout = '5s';",
        expand(sql_root() / "code.sql"),
        expand(sql_root() / "loader/reload_end.sql"),
    )


def _settings(values: dict[str, str]) -> str:
    """`set local opsloop.x = '…';` for each, by which the loader files get their arguments."""
    return "\n".join(
        sql.SQL("set local opsloop.{} = {};").format(sql.SQL(name), sql.Literal(value)).as_string(None)
        for name, value in values.items()
    )


def _join(*parts: str) -> str:
    return "\n\n".join(part.strip() for part in parts) + "\n"
