"""The wheel holds the five packages with their data files, and nothing else of the checkout."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("cell_models", "packs", "controllers", "twin", "validation")
LEFT_OUT = ("__pycache__", ".pyc", ".nbi", ".nbc", ".DS_Store")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    folder = tmp_path_factory.mktemp("wheel")
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (path,) = folder.glob("packtwin-*.whl")
    return zipfile.ZipFile(path)


def test_every_file_of_the_five_packages_is_in_the_wheel(wheel: zipfile.ZipFile) -> None:
    files = {
        path.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file()
    }
    wanted = {name for name in files if not any(part in name for part in LEFT_OUT)}
    assert wanted <= set(wheel.namelist()), sorted(wanted - set(wheel.namelist()))


def test_data_files_are_in_the_wheel(wheel: zipfile.ZipFile) -> None:
    names = wheel.namelist()
    assert any(n.startswith("cell_models/") and n.endswith(".json") for n in names)
    assert any(n.startswith("twin/examples/") and n.endswith(".yaml") for n in names)


def test_nothing_but_the_five_packages_is_in_the_wheel(wheel: zipfile.ZipFile) -> None:
    tops = {name.split("/")[0] for name in wheel.namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == set(PACKAGES)


def test_the_command_twin_and_the_python_range_are_declared(wheel: zipfile.ZipFile) -> None:
    (info,) = {n.split("/")[0] for n in wheel.namelist() if ".dist-info/" in n}
    entry_points = wheel.read(f"{info}/entry_points.txt").decode()
    metadata = Parser().parsestr(wheel.read(f"{info}/METADATA").decode())
    assert "twin = twin.__main__:main" in entry_points
    assert metadata["Requires-Python"] == "<3.15,>=3.11"
