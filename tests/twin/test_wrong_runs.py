"""What a stranger gives by mistake is refused in one sentence with place, value and remedy."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.twin.runaway_file import write_run


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "300")
    return write_run(tmp_path / "run.h5")


def refused(twin: Callable[..., Any], *arguments: str) -> str:
    return " ".join(twin(*arguments, code=2).stderr.split())


@pytest.mark.parametrize("at", ["alram", "ten min"])
def test_a_misspelt_moment_is_told_what_there_is(at: str, made: Path, twin: Any) -> None:
    said = refused(twin, "fork", str(made), "--at", at, "-o", "new.h5")
    assert said == f"--at '{at}': expected alarm, or a duration such as '10 min'"
    assert not Path("new.h5").exists()


@pytest.mark.parametrize("command", ["report", "results", "inspect"])
def test_a_folder_is_no_run(command: str, made: Path, twin: Any) -> None:
    assert refused(twin, command, ".") == ".: is a folder; name a run file in it, as run.h5"


def test_a_run_that_was_copied_in_part_says_how_much_is_there(made: Path, twin: Any) -> None:
    size = made.stat().st_size
    cut = made.with_name("cut.h5")
    cut.write_bytes(made.read_bytes()[: size // 2])
    said = refused(twin, "results", "cut.h5")
    assert said.startswith(f"cut.h5 is cut short: {size // 2:,} of ")
    assert said.endswith(" bytes are here; copy it whole, or run again")
