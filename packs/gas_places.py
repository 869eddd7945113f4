"""Where the numbers and arrays of venting and gas lie among a plant's: declared, placed, opened."""

from __future__ import annotations

from typing import Any, NamedTuple

from cell_models.gases import N_SPECIES
from cell_models.jit import inlined
from packs.arrays import nth
from packs.enclosure import FLOWS as GAS_FLOWS
from packs.enclosure import GasArrays, GasNumbers, declare_gas
from packs.spec import PackSpec
from packs.state import Schema
from packs.topology import Topology
from packs.venting import VentArrays, VentNumbers, declare_vents

N_VENT_NUMBERS = len(VentNumbers._fields) - 2
"""Of `VentNumbers`, those that are no arrays."""


class Housed(NamedTuple):
    """Whether modules have gas; where their numbers begin among the plant's floats, the places of
    their arrays among its ints; where heat that leaves a cell counts from [K]."""

    fitted: bool
    numbers_at: int
    places_at: int
    reference_K: float


class Ejecta(NamedTuple):
    """Arrays that hang between cells and gas, of cell slots unless stated.

    `first`, `target`, `share` are an `Absorption`; `module` int64, negative in spare slots;
    `out_J`, `out_kg`, `progress`, `soc`, `capacity_J_per_K`, `phase`, `news` are those of the
    reactions; `caught_J`, `to_gas_J` of one step; `all_caught_J`, `all_vented_kg`
    since the start; `told` int64 (n_modules,); `house_K`, `house_J_per_K` (n_modules,), or
    empty.
    """

    first: Any
    target: Any
    share: Any
    module: Any
    out_J: Any
    out_kg: Any
    progress: Any
    soc: Any
    capacity_J_per_K: Any
    phase: Any
    news: Any
    caught_J: Any
    to_gas_J: Any
    all_caught_J: Any
    all_vented_kg: Any
    told: Any
    house_K: Any
    house_J_per_K: Any


def declare_module_gas(schema: Schema, spec: PackSpec, topology: Topology) -> None:
    """Declare cans, gas and what lies between them, where modules have a housing for gas."""
    module, reacting = spec.module, spec.runaway
    if module is None or reacting is None or reacting.params.vent is None:
        return
    n, scratch = topology.n_cell_slots, schema.scratch
    declare_vents(schema, n, reacting.params.vent)
    declare_gas(schema, topology.n_modules)
    for name, unit in (("caught_J", "J"), ("vented_kg", "kg")):
        schema.add("ejecta", name, (n,), unit=unit)
    schema.add("ejecta", "told", (topology.n_modules,), integer=True)
    entries = 0 if module.absorption is None else len(module.absorption.share)
    scratch("of_ejecta", "first", n + 1, integer=True)
    scratch("of_ejecta", "target", entries, integer=True)
    scratch("of_ejecta", "share", entries)
    scratch("of_ejecta", "module", n, integer=True)
    for name in ("caught_J", "to_gas_J"):
        scratch("of_ejecta", name, n)
    rows = len(reacting.params.vent.gas)
    scratch("of_ejecta", "numbers", N_VENT_NUMBERS + len(GasNumbers._fields))
    scratch("of_ejecta", "gas_soc", rows)
    scratch("of_ejecta", "gas_mol", rows * N_SPECIES)
    scratch("of_ejecta", "places", 2 * N_PLACES, integer=True)


N_VENT, N_GAS, N_EJECTA = len(VentArrays._fields), len(GasArrays._fields), len(Ejecta._fields)
N_PLACES = N_VENT + N_GAS + N_EJECTA + 2
"""Arrays whose places are kept: those three, and how much gas cells make over their charge."""


@inlined
def open_vents(where, f, i):
    """Open numbers and arrays of the cans."""
    at, b, s, k = i[where.places_at :], where.numbers_at, N_PLACES - 2, 0
    soc = nth(f, at, s)
    numbers = VentNumbers(
        f[b], f[b + 1], f[b + 2], f[b + 3], int(f[b + 4]), f[b + 5], f[b + 6], f[b + 7],
        f[b + 8], f[b + 9], soc, nth(f, at, s + 1).reshape(len(soc), N_SPECIES),
    )  # fmt: skip
    return numbers, VentArrays(
        nth(f, at, k), nth(f, at, k + 1), nth(f, at, k + 2), nth(f, at, k + 3), nth(i, at, k + 4),
        nth(f, at, k + 5), nth(f, at, k + 6), nth(f, at, k + 7), nth(f, at, k + 8),
        nth(f, at, k + 9), nth(i, at, k + 10),
    )  # fmt: skip


@inlined
def table(buffer, at, k, columns):
    """Return array number k of a buffer, in rows of so many columns."""
    flat = nth(buffer, at, k)
    return flat.reshape(len(flat) // columns, columns)


@inlined
def open_gas(where, f, i):
    """Open numbers and arrays of the gas."""
    at, b, k = i[where.places_at :], where.numbers_at + N_VENT_NUMBERS, N_VENT
    numbers = GasNumbers(
        f[b], f[b + 1], f[b + 2], f[b + 3] != 0.0, f[b + 4], f[b + 5] != 0.0, f[b + 6], f[b + 7],
        f[b + 8],
    )  # fmt: skip
    s, n = N_SPECIES, len(GAS_FLOWS)
    return numbers, GasArrays(
        table(f, at, k, s), nth(f, at, k + 1), nth(i, at, k + 2), table(f, at, k + 3, s),
        table(f, at, k + 4, s), nth(f, at, k + 5), table(f, at, k + 6, n), table(f, at, k + 7, n),
        table(f, at, k + 8, s), nth(f, at, k + 9), nth(i, at, k + 10), nth(f, at, k + 11),
        nth(f, at, k + 12), nth(f, at, k + 13), nth(f, at, k + 14), nth(f, at, k + 15),
        nth(i, at, k + 16), nth(i, at, k + 17), nth(f, at, k + 18), table(f, at, k + 19, s),
        nth(f, at, k + 20),
    )  # fmt: skip


@inlined
def open_ejecta(where, f, i):
    """Open what hangs between cells and gas."""
    at, k = i[where.places_at :], N_VENT + N_GAS
    return Ejecta(
        nth(i, at, k), nth(i, at, k + 1), nth(f, at, k + 2), nth(i, at, k + 3), nth(f, at, k + 4),
        nth(f, at, k + 5), nth(f, at, k + 6), nth(f, at, k + 7), nth(f, at, k + 8),
        nth(i, at, k + 9), nth(i, at, k + 10), nth(f, at, k + 11), nth(f, at, k + 12),
        nth(f, at, k + 13), nth(f, at, k + 14), nth(i, at, k + 15), nth(f, at, k + 16),
        nth(f, at, k + 17),
    )  # fmt: skip
