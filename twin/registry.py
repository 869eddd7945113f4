"""Plug-ins by name: our own short names, entry points of installed packages, or `module:object`."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
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
    for kind in BUILT_IN:
        for point in entry_points(group=f"packtwin.{kind}"):
            origin = point.dist.name if point.dist else "?"
            found.append(PlugIn(kind, point.name, point.value, origin))
    return found


def resolve(kind: str, name: str, folder: Path | None = None) -> Callable[..., Any]:
    """Return the factory of a plug-in.

    Parameters
    ----------
    kind : str
        ``bms``, ``ems``, ``pcs`` or ``cell_models``.
    name : str
        Short name, or ``module:object``.
    folder : Path, optional
        Folder of the scenario: its modules are found as well.

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
    module_name, _, attribute = target.partition(":")
    before = list(sys.path)
    if folder is not None:
        sys.path.insert(0, str(folder))
    try:
        module = importlib.import_module(module_name)
    except Exception as error:
        raise PlugInError(
            f"plug-in '{target}' cannot be imported: {type(error).__name__}: {error}; the module "
            "must be installed or lie beside the scenario file"
        ) from error
    finally:
        sys.path[:] = before
    factory = getattr(module, attribute, None)
    if not callable(factory):
        names = [n for n in vars(module) if not n.startswith("_") and callable(vars(module)[n])]
        raise PlugInError(
            f"module '{module_name}' has no class or function '{attribute}'; it has "
            f"{', '.join(names) or 'none'}"
        )
    return factory
