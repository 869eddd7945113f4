"""What the kernels of thermal runaway read, and what a cell holds at a state of charge.

`kernel_tables` lays a set's reactions out as plain arrays for `cell_models/runaway.py`; `amounts`
fills cells: how much of each reactant, and the heat in each.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cell_models import runaway
from cell_models.contents import AMOUNT, HEAT, NOTHING, Contents, fill_nodes
from cell_models.runaway_curve import RateCurve
from cell_models.runaway_params import GAS_CONSTANT, Law, Reaction, RunawayParams, SocScaling

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True)
class KernelTables:
    """The reactions as `cell_models/runaway.py` reads them.

    Attributes
    ----------
    rows : float64 (n_reactions, N_ROWS), marks : int64 (n_reactions, N_MARKS)
    curve_K, curve_log10 : float64 (m,), [K], log10 of [K/s]
    names : tuple of str, one per slot: reactants, then films of their own
    contents : Contents, what a full cell holds
    """

    rows: Floats
    marks: NDArray[np.int64]
    curve_K: Floats
    curve_log10: Floats
    names: tuple[str, ...]
    contents: Contents

    @property
    def reactions(self) -> tuple[Floats, NDArray[np.int64], Floats, Floats]:
        """What `react` takes first."""
        return self.rows, self.marks, self.curve_K, self.curve_log10


def kernel_tables(params: RunawayParams, electrical: bool = True) -> KernelTables:
    """Lay the reactions of a set out for the kernels.

    Parameters
    ----------
    params : RunawayParams
    electrical : bool
        With the set's own release of electrical energy; without for a cell whose circuit has it.
    """
    chosen = [r for r in params.reactions if electrical or not r.is_electrical]
    names = [r.name for r in chosen]
    films = {r.film: r.film_start for r in chosen if r.film and r.film not in names}
    slots = [*names, *films]
    rows = np.zeros((len(chosen), runaway.N_ROWS))
    marks = np.full((len(chosen), runaway.N_MARKS), -1, dtype=np.int64)
    for at, r in enumerate(chosen):
        frequency, hot = r.frequency_per_s, r.hot_frequency_per_s
        if r.law is Law.TRACED:  # the curve is in K/s, an extent's rate in 1/s
            frequency = params.cell.heat_capacity_J_per_K / (r.energy_J * r.start)
        rows[at] = (
            frequency, r.activation_J_per_mol / GAS_CONSTANT, r.on_K, r.smooth_K, hot, r.hot_K,
            r.film_scale, r.film_yield,
        )  # fmt: skip
        film_slot = slots.index(r.film) if r.film else -1
        film_row = names.index(r.film) if r.film in names else -1
        marks[at] = (list(Law).index(r.law), at, film_slot, film_row, int(r.latches))
    curve = params.curve or RateCurve(temperature_K=(0.0, 1.0), rate_K_per_s=(1.0, 1.0))
    return KernelTables(
        rows=rows, marks=marks, curve_K=np.array(curve.temperature_K),
        curve_log10=np.log10(np.array(curve.rate_K_per_s)), names=tuple(slots),
        contents=_contents(params, chosen, list(films.values())),
    )  # fmt: skip


def _contents(params: RunawayParams, chosen: list[Reaction], films: list[float]) -> Contents:
    """Return what a full cell holds: of its reactions, then films of their own."""
    over = params.over_soc
    measured = ((), (), ()) if over is None else (over.soc, over.reactions, over.charge)
    kinds = {SocScaling.NONE: NOTHING, SocScaling.AMOUNT: AMOUNT, SocScaling.HEAT: HEAT}
    return Contents(
        np.array([r.start for r in chosen] + films),
        np.array([r.energy_J for r in chosen] + [0.0] * len(films)),
        np.array([kinds[r.soc_scaling] for r in chosen] + [NOTHING] * len(films)),
        *(np.array(values, dtype=np.float64) for values in measured),
    )


def amounts(tables: KernelTables, soc: Floats) -> tuple[Floats, Floats]:
    """Return what cells at `soc` hold, before anything has reacted.

    Parameters
    ----------
    tables : KernelTables
    soc : float64 (n,)
        Above 1 in overcharge. Below 0 there is no lithium left to react: as 0.

    Returns
    -------
    extents : float64 (n * n_slots,)
    energy_J : float64 (n * n_slots,), [J] per unit of extent

    Notes
    -----
    Lithium in the anode is a reactant: its amount follows the charge. A cathode gives off oxygen
    in proportion to the lithium it has lost, and the electrical energy goes with the charge: their
    heat follows it. SEI, electrolyte and separator do not care. Linear by assumption, unless
    `over_soc` says what was measured. Scaling the anode alone moves the critical temperature of an
    oven by only 3 K from 100 to 10 %.
    """
    charges = np.asarray(soc, dtype=np.float64)
    extents = np.empty(len(charges) * len(tables.names))
    energy_J = np.empty_like(extents)
    fill_nodes(charges, tables.contents, extents, energy_J)
    return extents, energy_J
