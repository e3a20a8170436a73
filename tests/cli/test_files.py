"""JSON from files and stdin of other systems: with a BOM, with any line ends, in no encoding but UTF-8."""

import subprocess
import sys
from pathlib import Path

import pytest

from opsloop.cli.jsonin import read_text
from opsloop.errors import InvalidArgument

READ = "from opsloop.cli.jsonin import read_text; print(ascii(read_text('-', 'X')))"


@pytest.mark.parametrize("end", ["\r\n", "\n"])
def test_a_bom_and_any_line_ends_are_no_part_of_the_document(tmp_path: Path, end: str) -> None:
    file = tmp_path / "template.json"
    file.write_bytes(f'\ufeff{{{end}"a": "é"}}{end}'.encode())
    assert read_text(f"@{file}", "X").split() == ["{", '"a":', '"é"}']


def test_stdin_is_utf_8_with_or_without_a_bom_whatever_the_locale() -> None:
    done = subprocess.run(
        [sys.executable, "-c", READ],
        input="\ufeffé".encode(),
        env={"LC_ALL": "C", "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        check=True,
    )
    assert done.stdout == b"'\\xe9'\n"


def test_a_closed_stdin_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(InvalidArgument, match="stdin is closed"):
        read_text("-", "X")
