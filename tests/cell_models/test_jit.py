"""Where compiled kernels are kept: a changed callee may never leave an old caller in force."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cell_models import jit

ROOT = Path(jit.__file__).resolve().parents[1]
# `draw` (packs/sensing.py) calls `hash64` (packs/rng.py): a file apart. Chance of a lost sample.
SCRIPT = """
import numpy as np
from packs.sensing import SHEET_ROWS, draw
from packs.overlay import AIR
scratch = np.zeros((5, 1))
keys, sheet, faults = np.ones(1, dtype=np.uint64), np.zeros((SHEET_ROWS, 1)), np.zeros((AIR + 1, 1))
draw(0, 1, np.uint64(2), keys, sheet, faults, scratch)
print(repr(float(scratch[3, 0])))
"""
OLD, NEW = "_GOLDEN = _U(0x9E3779B97F4A7C15)", "_GOLDEN = _U(0x9E3779B97F4A7C17)"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Return a copy of the sources of all kernels."""
    for folder in ("cell_models", "packs", "controllers"):
        for path in (ROOT / folder).rglob("*.py"):
            target = tmp_path / "tree" / path.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)
    return tmp_path / "tree"


def edit(tree: Path, old: str, new: str) -> None:
    path = tree / "packs" / "rng.py"
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1
    path.write_text(text.replace(old, new), encoding="utf-8")


def run(tree: Path, script: str, **environment: str) -> str:
    """Run a script on the copied tree with a cache of its own, and no inherited cache folder."""
    inherited = {k: v for k, v in os.environ.items() if k != "NUMBA_CACHE_DIR"}
    own = {"PYTHONPATH": str(tree), "PACKTWIN_CACHE": str(tree / "cache")}
    done = subprocess.run(
        [sys.executable, "-B", "-c", script],
        env=inherited | own | environment,
        cwd=tree,
        check=True,
        capture_output=True,
        text=True,
        timeout=300,
    )
    return done.stdout.strip()


def test_an_edited_callee_is_in_force_in_the_next_process(tree: Path) -> None:
    first = run(tree, SCRIPT)
    edit(tree, OLD, NEW)
    edited = run(tree, SCRIPT)
    assert edited == run(tree, SCRIPT, NUMBA_DISABLE_JIT="1")  # what the source now says
    assert edited != first
    edit(tree, NEW, OLD)
    assert run(tree, SCRIPT) == first
    assert len(list((tree / "cache").iterdir())) == 2  # one folder per source, found again


def test_a_callee_edited_in_mid_session_is_in_force_in_a_child_process(tree: Path) -> None:
    """A notebook that has imported us, an edit, then `!twin run`: the child inherits variables."""
    parent = f"""
import pathlib, subprocess, sys
script = {SCRIPT!r}
exec(script)
path = pathlib.Path("packs/rng.py")
path.write_text(path.read_text().replace({OLD!r}, {NEW!r}))
subprocess.run([sys.executable, "-B", "-c", script], check=True)
"""
    before, after = run(tree, parent).split()
    assert before != after


def test_the_digest_names_every_source_and_the_interpreter(tree: Path) -> None:
    def digest() -> str:
        return run(tree, "from cell_models.jit import kernel_digest; print(kernel_digest())")

    plain = digest()
    assert len(plain) == 16 and int(plain, 16) >= 0
    assert plain == jit.kernel_digest()  # by content, not by place
    (tree / "controllers" / "new_kernel.py").write_text("X = 1\n", encoding="utf-8")
    added = digest()
    (tree / "controllers" / "new_kernel.py").rename(tree / "controllers" / "renamed.py")
    assert len({plain, added, digest()}) == 3


def test_the_cache_goes_where_it_is_told_or_to_a_writable_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PACKTWIN_CACHE", str(tmp_path / "here"))
    assert jit.cache_folder().parent == tmp_path / "here"
    assert jit.cache_folder().is_dir()
    (tmp_path / "file").write_text("", encoding="utf-8")
    monkeypatch.setenv("PACKTWIN_CACHE", str(tmp_path / "file"))  # no folder can be made in it
    monkeypatch.setattr(jit.tempfile, "gettempdir", lambda: str(tmp_path / "temporary"))
    assert jit.cache_folder().is_relative_to(tmp_path / "temporary")


def test_kernels_have_no_fastmath_and_release_the_lock() -> None:
    from cell_models.ecm import sweep_advance

    options = sweep_advance.targetoptions
    assert options.get("fastmath", False) is False
    assert options["nogil"] and options["nopython"]
    assert options["error_model"] == "numpy"


FIRST_CALL = """
import sys
import numpy as np
from cell_models.jit import kernel

@kernel
def total(x):
    return x.sum()

@kernel
def product(a, b):
    return a @ b

assert total(np.ones(3)) == 3.0
assert "scipy.linalg" not in sys.modules
assert product(np.eye(2), np.full((2, 2), 3.0)).tolist() == [[3.0, 3.0], [3.0, 3.0]]
"""


def test_the_first_call_imports_no_linear_algebra_and_a_product_of_matrices_still_does(
    tmp_path: Path,
) -> None:
    (tmp_path / "first_call.py").write_text(FIRST_CALL, encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PACKTWIN_CACHE": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, str(tmp_path / "first_call.py")],
        env=environment, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
