"""`init`: a small project to start from."""

from __future__ import annotations

import re
import shlex
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer

from opsloop.cli import output
from opsloop.cli.session import INSTALLATION
from opsloop.errors import ForeignObject, InvalidArgument

#: What is written, and the template in opsloop/project that it is made of.
_FILES = {
    "README.md": "README.md",
    "executors.py": "executors.py",
    "test_executors.py": "test_executors.py",
    "policy.toml": "policy.toml",
    "policy.schema.json": "policy.schema.json",
    "pytest.ini": "pytest.ini",
    ".env.example": "env.example",
    "opsloop-@name@.service": "opsloop.service",
}


def init(
    directory: Annotated[
        Path, typer.Argument(metavar="[DIRECTORY]", help="Where; made if it is not there.", show_default=".")
    ] = Path(),
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Write a small commented project: policy, an executor, its test, .env.example and a systemd unit.

    Never overwrites: when one of the files is there already, nothing is written (OPS_013, exit code 1).
    """
    try:
        name = re.sub(r"[^a-z0-9]+", "-", directory.resolve().name.lower()).strip("-") or "loop"
        texts = _texts(name)
        in_the_way = [
            file for file in texts if (directory / file).exists() or (directory / file).is_symlink()
        ]
        if in_the_way:
            raise ForeignObject(
                f"files are in the way in {directory}: {', '.join(in_the_way)}",
                detail={"files": in_the_way},
                hint="Nothing was written. Move them, or choose another directory.",
            )
        directory.mkdir(parents=True, exist_ok=True)
        for file, text in texts.items():
            with (directory / file).open("x", encoding="utf-8") as new:
                new.write(text)
    except (OSError, RuntimeError) as error:
        # A RuntimeError is that of links which lead to each other.
        reason = error.strerror if isinstance(error, OSError) else error
        raise InvalidArgument(
            f"cannot write to {directory}: {reason}", hint="Choose another directory."
        ) from error

    if json:
        output.print_json({"directory": str(directory), "files": list(texts)})
        return
    where = "" if directory == Path() else f"cd {shlex.quote(str(directory))} && "
    lines = [f"written: {directory / file}" for file in texts]
    lines.append(f"next: {where}opsloop up --app executors --policy policy.toml")
    output.print_text("\n".join(lines))


def _texts(name: str) -> dict[str, str]:
    """The content of each file."""
    project = files("opsloop") / "project"
    return {
        file.replace("@name@", name): (project / template).read_text(encoding="utf-8").replace("@name@", name)
        for file, template in _FILES.items()
    }


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command("init", rich_help_panel=INSTALLATION)(init)
