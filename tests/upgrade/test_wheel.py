"""The wheel carries everything that installs opsloop, and no more than that."""

import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_wheel_carries_every_sql_file(tmp_path):
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", tmp_path],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())

    sql = {
        f"opsloop/sql/{path.relative_to(ROOT / 'sql').as_posix()}" for path in (ROOT / "sql").rglob("*.sql")
    }
    assert {name for name in names if name.endswith(".sql")} == sql
    assert "opsloop/sql/sqitch/sqitch.plan" in names
    assert "opsloop/py.typed" in names
    project = {f"opsloop/project/{path.name}" for path in (ROOT / "python/opsloop/project").glob("*.*")}
    assert {name for name in names if name.startswith("opsloop/project/")} == project
    served = {
        f"opsloop/serve/{path.relative_to(ROOT / 'python/opsloop/serve').as_posix()}"
        for part in ("static", "templates")
        for path in (ROOT / "python/opsloop/serve" / part).rglob("*")
        if path.is_file()
    }
    assert {
        name for name in names if name.startswith(("opsloop/serve/static/", "opsloop/serve/templates/"))
    } == served
    assert {name.split("/")[0] for name in names} == {"opsloop", "opsloop-0.1.0.dist-info"}


def test_an_installed_wheel_finds_its_own_sql(tmp_path):
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", tmp_path],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")

    done = subprocess.run(
        [sys.executable, "-c", "from opsloop import migrate; print(migrate.render_sql('acme_ops'))"],
        env={"PYTHONPATH": str(tmp_path / "site")},
        cwd=tmp_path,
        check=True,
        capture_output=True,
        text=True,
    )

    from opsloop import migrate

    assert done.stdout.rstrip("\n") == migrate.render_sql("acme_ops").rstrip("\n")
