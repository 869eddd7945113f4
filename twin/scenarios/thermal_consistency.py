"""Checks between a scenario's heat paths and its layout, resolution and coolant."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from packs.absorption import wrong_shares
from twin.scenarios.enclosure_sections import Module
from twin.scenarios.parts import Inconsistency, KeyPath, Parts
from twin.scenarios.sections import Site, Thermal

CONTACT_KEY = "thermal.neighbour_conductance"
SHEET = ("thickness", "area", "contact_conductance")
"""What a barrier's conductance follows from, beside material or conductivity."""


def thermal_inconsistencies(parts: Parts) -> Iterator[Inconsistency]:
    """Yield every contradiction in and around `thermal`, as key path and text."""
    thermal, site, layout, resolution = parts.get("thermal", "site", "layout", "resolution")
    yield from _inside_modules(parts)
    yield from _layers(parts)
    if thermal is None:
        return
    yield from _radiation(thermal, layout)
    yield from _cooling(thermal)
    if resolution not in (None, "cell"):
        for name in ("busbar_conductance", "radiation", "housing"):
            if getattr(thermal, name):
                yield (
                    ("thermal", name),
                    f"lies between cells that are simulated as one with resolution: {resolution}; "
                    "set resolution: cell",
                )


def no_contact(thermal: Thermal, module: Module | None, site: Site) -> str:
    """Return what is left to carry a runaway where no cell warms the next directly, in a sentence.

    Empty where cells do. It is legal, as in a study of perfect sheets, but a margin or a run
    without spread then says little.
    """
    cells = site.groups_per_module * site.cells_per_group
    sheets = module is not None and bool(module.barrier)
    if cells == 1 or thermal.neighbour_conductance > 0.0 or thermal.radiation or sheets:
        return ""
    ways = {
        "the cold plate and its coolant": thermal.plate.cell_conductance > 0.0,
        "busbars": thermal.busbar_conductance > 0.0,
        "the housing": thermal.housing is not None,
        "ejecta": module is not None and module.ejecta is not None,
        "currents in parallel": site.cells_per_group > 1,
    }
    left = ", ".join(name for name, is_there in ways.items() if is_there) or "nothing"
    return (
        "0 W/K, without barriers and radiation: no cell warms the next directly, and a runaway "
        f"can spread by these alone: {left}"
    )


def _inside_modules(parts: Parts) -> Iterator[Inconsistency]:
    """Barriers fit between the cells; gas is that of cells that can vent."""
    module, cell, site, layout, resolution = parts.get(
        "module", "cell", "site", "layout", "resolution"
    )
    if module is None:
        return
    for index, barrier in enumerate(module.barrier):
        path: KeyPath = ("module", "barrier", index)
        yield from _shape(path, barrier)
        if layout is not None and (barrier.thickness or 0.0) >= layout.pitch:
            text = f"{1e3 * barrier.thickness:g} mm does not fit between cells that are "
            yield (*path, "thickness"), f"{text}{1e3 * layout.pitch:g} mm apart (layout.pitch)"
        if site is not None and layout is not None:
            yield from _neighbours(path, barrier.between, site, layout)
        if resolution not in (None, "cell"):
            yield (
                path,
                (
                    f"lies between cells that are simulated as one with resolution: {resolution}; "
                    "set resolution: cell"
                ),
            )
    if module.ejecta is not None and module.enclosure is None:
        yield (
            ("module", "ejecta"),
            "what stays on no cell goes to the gas, which is not described; add module.enclosure",
        )
    if module.enclosure is not None and cell is not None and cell.runaway is None:
        yield (
            ("module", "enclosure"),
            "gas comes from cells that react; add cell.runaway, or leave it out",
        )
    if module.ejecta is not None and module.ejecta.shares and site is not None:
        cells = site.groups_per_module * site.cells_per_group
        shares = [(s.from_ - 1, s.to - 1, s.share) for s in module.ejecta.shares]
        if text := wrong_shares(shares, cells):
            yield ("module", "ejecta", "shares"), text


def _layers(parts: Parts) -> Iterator[Inconsistency]:
    """Layers have neighbours that touch their faces, and nothing that reckons with cylinders."""
    cell, thermal, site, layout, resolution = parts.get(
        "cell", "thermal", "site", "layout", "resolution"
    )
    layers = None if cell is None else cell.layers
    if layers is None:
        return
    path: KeyPath = ("cell", "layers")
    if resolution not in (None, "cell"):
        yield (
            path,
            f"lie in cells that are simulated as one with resolution: {resolution}; set "
            "resolution: cell",
        )
    if thermal is not None and thermal.radiation is not None:
        text = "is that of cylinders, cells with layers are flat; remove one of the two"
        yield ("thermal", "radiation"), text
    if site is None or layout is None:
        return
    rows = -(-site.groups_per_module // layout.columns) * site.cells_per_group
    count = {"columns": layout.columns, "rows": rows}
    if count[layers.along] == 1 and max(count.values()) > 1:
        other = "rows" if layers.along == "columns" else "columns"
        yield (
            (*path, "along"),
            f"a module has one {layers.along[:-1]}, so no faces touch; expected {other}",
        )


def _shape(path: KeyPath, barrier: Any) -> Iterator[Inconsistency]:
    """A barrier has its conductance, or all that gives it."""
    given = [name for name in (*SHEET, "material", "conductivity") if getattr(barrier, name)]
    if barrier.conductance is not None:
        if given:
            yield path, f"conductance is given, so {', '.join(given)} would do nothing; remove them"
        return
    lacking = [name for name in SHEET if name not in given]
    if lacking:
        yield path, f"needs {', '.join(lacking)}; or give 'conductance' alone"
    elif (barrier.material is None) == (barrier.conductivity is None):
        yield path, "give exactly one of 'material' and 'conductivity'"


def _neighbours(path: KeyPath, between: str, site: Any, layout: Any) -> Iterator[Inconsistency]:
    """A barrier has something on both sides."""
    count = {
        "cells": ("cell", site.groups_per_module * site.cells_per_group),
        "groups": ("group", site.groups_per_module),
        "columns": ("column", layout.columns),
    }
    word, n = count[between]
    if n == 1:
        yield (*path, "between"), f"a module has one {word}: there is nothing between {between}"


def _radiation(thermal: Any, layout: Any) -> Iterator[Inconsistency]:
    seen = thermal.radiation
    if seen is not None and layout is not None and seen.diameter > layout.pitch:
        yield (
            ("thermal", "radiation", "diameter"),
            f"{1e3 * seen.diameter:g} mm is wider than the pitch of {1e3 * layout.pitch:g} mm",
        )


def _cooling(thermal: Any) -> Iterator[Inconsistency]:
    cooling = thermal.cooling
    if cooling is None:
        return
    fan = cooling.fan
    if fan is not None and fan.cell_conductance < thermal.ambient_conductance:
        yield (
            ("thermal", "cooling", "fan", "cell_conductance"),
            f"{fan.cell_conductance:g} W/K is less than in still air, "
            f"{thermal.ambient_conductance:g} W/K (thermal.ambient_conductance)",
        )
    for name in ("pump", "valve", "chiller", "heater"):
        if getattr(cooling, name) is not None and thermal.coolant.flow == 0.0:
            yield (
                ("thermal", "cooling", name),
                "works on the coolant, of which there is none: thermal.coolant.flow is 0",
            )
