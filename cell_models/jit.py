"""The one way to compile: `@kernel`, and where the compiled code is kept.

Numba's disk cache goes stale when a *called* file changes (measured: an edited callee leaves its
cached callers as they were). So the cache folder is named by a digest of every source file that can
hold a kernel: touch one and everything is compiled anew, once. Kernels release the GIL, never use
fastmath (bit-equal results on every run), and work unchanged under ``NUMBA_DISABLE_JIT=1``.
"""

from __future__ import annotations

import hashlib
import os
import sys
import sysconfig
import tempfile
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

import numba
from numba.core import config as numba_config
from numba.extending import intrinsic, overload
from numba.np import linalg as numba_linalg

_KERNEL_FOLDERS = ("cell_models", "packs", "controllers")
_ROOT = Path(__file__).resolve().parent.parent


def kernel_digest() -> str:
    """Return the digest that names the cache folder.

    Returns
    -------
    str
        16 hexadecimal digits over the name and content of every Python file in the folders that
        may hold kernels, so that no compiled caller can outlive its callee's source.
    """
    digest = hashlib.sha256(sys.version.encode())
    for folder in _KERNEL_FOLDERS:
        for path in sorted((_ROOT / folder).rglob("*.py")):
            digest.update(str(path.relative_to(_ROOT)).encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def cache_folder() -> Path:
    """Return the folder of compiled kernels: beside the package, else in the user's cache."""
    base = os.environ.get("PACKTWIN_CACHE")
    if base is None:
        home = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
        base = os.path.join(home, "packtwin")
    folder = Path(base) / f"kernels-{sysconfig.get_platform()}-{kernel_digest()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        folder = Path(tempfile.gettempdir()) / "packtwin" / folder.name
        folder.mkdir(parents=True, exist_ok=True)
    return folder


if "NUMBA_CACHE_DIR" not in os.environ:  # not handed on: a child may have other sources
    numba_config.CACHE_DIR = str(cache_folder())  # type: ignore[attr-defined]


def _answer_for_blas() -> None:
    """Let numba take BLAS for granted where it asks for it, instead of importing `scipy.linalg`.

    It asks once, before the first call of anything compiled (measured: 0.2 s of CPU, most of it for
    what that module imports). SciPy is there, for packtwin depends on it. Where a product of
    matrices is compiled numba asks again, and then looks.
    """
    looks = numba_linalg.ensure_blas
    numba_linalg.ensure_blas = lambda: None
    try:
        import_module("numba.np.arraymath")
    finally:
        numba_linalg.ensure_blas = looks


if not numba_config.DISABLE_JIT:  # type: ignore[attr-defined]
    _answer_for_blas()

_F = TypeVar("_F", bound=Callable[..., Any])


def kernel(function: _F) -> _F:
    """Compile a module-level function: nopython, no GIL, cached on disk, no fastmath.

    Parameters
    ----------
    function : callable
        Plain scalar or array code at module level. Closures over compiled functions never hit the
        disk cache, so there are none.
    """
    compiled: Any = numba.njit(function, nogil=True, cache=True, error_model="numpy")
    return compiled


def inlined(function: _F) -> _F:
    """Compile as `kernel` does, and put the code into every caller.

    For loops over the 32 lanes of one block: a call with its arrays costs as much as such a loop
    (measured: 2.4 instead of 1.3 ns a cell).

    No array that such a function writes may overlap another of its arguments. The compiler is told
    so, as numba tells it for its own ufuncs: else every loop first compares the addresses of all
    its arrays (measured: 35 instead of 27 ns for a cell and step), and takes the scalar way where
    one is read and written.
    """
    compiled: Any = numba.njit(
        function, nogil=True, cache=True, error_model="numpy", forceinline=True
    )
    if not numba_config.DISABLE_JIT:  # type: ignore[attr-defined]
        compiled._compiler._customize_flags = _apart
    return compiled


def _apart(flags: Any) -> Any:
    """Mark all arrays that a function is handed as lying apart."""
    flags.noalias = True
    return flags


def _lent(context: Any, builder: Any, signature: Any, values: Any) -> Any:
    """Make the array of `lent`: the same one without an owner."""
    array = context.make_array(signature.args[0])(context, builder, values[0])
    array.meminfo = array.meminfo.type(None)
    return array._getvalue()


@intrinsic
def _lend(_: Any, array: Any) -> Any:
    return array(array), _lent


def lent(array: Any) -> Any:
    """Return the same array, of which compiled code does not count who holds it.

    Counting is an atomic addition whenever a function is handed a tuple of arrays and whenever it
    takes one out (measured: a tenth of a step of 1,000 cells). For arrays that outlive the call.
    """
    return array


@overload(lent)
def _lent_compiled(array: Any) -> Any:
    def lend(array: Any) -> Any:
        return _lend(array)  # type: ignore[call-arg]

    return lend


def bound(compiled: Callable[..., Any], *arguments: Any) -> Callable[..., Any]:
    """Return a kernel compiled for the types of these arguments, to be called with such alone.

    An ordinary call looks up the types of its arguments each time, which for a tuple of arrays
    takes longer than a step of a thousand cells (measured: 15 us).

    Parameters
    ----------
    compiled : callable
        As `kernel` returned it.
    *arguments
        Examples of what it will be called with.
    """
    if numba_config.DISABLE_JIT:  # type: ignore[attr-defined]
        return compiled
    types = tuple(numba.typeof(argument) for argument in arguments)
    entry: list[Callable[..., Any]] = []

    def call(*actual: Any) -> Any:
        if not entry:  # not before it is needed
            compiled.compile(types)  # type: ignore[attr-defined]
            entry.append(compiled.get_overload(types))  # type: ignore[attr-defined]
        return entry[0](*actual)

    return call
