"""Plug-ins by name: our own short names, entry points of installed packages, or `module:object`."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

BUILT_IN: dict[str, dict[str, str]] = {
    "bms": {
        "reference": "controllers.reference_bms:ReferenceBms",
        "unprotected": "controllers.null:NullBms",
    },
    "ems": {"simple": "controllers.ems:SimpleEms", "idle": "controllers.null:NullEms"},
    "pcs": {"reference": "packs.pcs:ReferencePcs"},
    "cell_models": {"ecm": "cell_models.ecm_model:EcmModel"},
}
"""Short names of what is shipped, per kind of plug-in."""


class PlugInError(ValueError):
    """A plug-in that cannot be found, imported or built: wrong input."""


@dataclass(frozen=True, slots=True)
class PlugIn:
    """One plug-in that could be used: kind, short name, target, and who ships it."""

    kind: str
    name: str
    target: str
    origin: str


def plug_ins() -> list[PlugIn]:
    """Return every plug-in that a scenario can name."""
    found = [
        PlugIn(kind, name, target, "packtwin")
        for kind, table in BUILT_IN.items()
        for name, target in table.items()
    ]
    installed = _installed(tuple(sys.path))
    for kind in BUILT_IN:
        for point in installed.select(group=f"packtwin.{kind}"):
            origin = point.dist.name if point.dist else "?"
            found.append(PlugIn(kind, point.name, point.value, origin))
    return found


@cache
def _installed(path: tuple[str, ...]) -> Any:
    """Return the entry points of all packages found on a path; looking costs 5 ms."""
    return entry_points()


def resolve(kind: str, name: str, folder: Path | None = None) -> Callable[..., Any]:
    """Return the factory of a plug-in.

    Parameters
    ----------
    kind : str
        ``bms``, ``ems``, ``pcs`` or ``cell_models``.
    name : str
        Short name, ``module:object``, or ``path/file.py:object``.
    folder : Path, optional
        Folder of the scenario: its modules are found first, then those of the working directory.

    Raises
    ------
    PlugInError
        One sentence with the name, the reason and the remedy.
    """
    target = name
    if ":" not in name:
        table = {p.name: p.target for p in plug_ins() if p.kind == kind}
        if name not in table:
            raise PlugInError(
                f"there is no {kind} plug-in named '{name}'; known are {', '.join(sorted(table))}, "
                "or name your own as 'module:object'"
            )
        target = table[name]
    return _import(target, folder)


def _import(target: str, folder: Path | None) -> Callable[..., Any]:
    module_name, _, attribute = target.rpartition(":")
    homes = [home for home in dict.fromkeys((folder, Path.cwd())) if home is not None]
    before = list(sys.path)
    sys.path[:0] = map(str, homes)
    try:
        if module_name.endswith(".py"):
            module = _load_file(homes[0] / module_name)
        else:
            _forget_namesake(module_name, homes)
            module = importlib.import_module(module_name)
            _BESIDE[module_name] = getattr(module, "__file__", None)
    except (Exception, SystemExit) as error:
        raise PlugInError(
            f"plug-in '{target}' cannot be imported: {type(error).__name__}: {error}; the module "
            "must be installed, or lie beside the scenario or in the working directory"
        ) from error
    finally:
        sys.path[:] = before
    factory = getattr(module, attribute, None)
    if not callable(factory):
        names = [n for n, value in vars(module).items() if _is_own(value, module.__name__)]
        raise PlugInError(
            f"module '{module_name}' has no class or function '{attribute}'; it has "
            f"{', '.join(names) or 'none'}"
        )
    return factory


_BESIDE: dict[str, str | None] = {}
"""Files of the plug-in modules that were imported, by module name."""


def _forget_namesake(module_name: str, homes: list[Path]) -> None:
    """Forget an earlier plug-in of the same name in another folder: it would be run in silence."""
    known = _BESIDE.get(module_name)
    files = [home / f"{module_name}.py" for home in homes]
    wanted = next((file for file in files if file.is_file()), None)
    if known is not None and wanted is not None and Path(known).resolve() != wanted.resolve():
        sys.modules.pop(module_name, None)


def _load_file(path: Path) -> ModuleType:
    """Run a file as a module of its own name, whatever else of that name is loaded."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _is_own(value: Any, module_name: str) -> bool:
    return callable(value) and getattr(value, "__module__", "") == module_name
