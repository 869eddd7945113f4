"""One population of equivalent-circuit cells: the thin layer between packs and the sweeps."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cell_models.contract import LANES, blocks_for
from cell_models.ecm import (
    scale_lane,
    sweep_advance,
    sweep_audit,
    sweep_observe,
    sweep_port,
)
from cell_models.ecm_lanes import SCRATCH, TAIL, field_names
from cell_models.ecm_params import EcmParams, KernelTables, kernel_tables
from cell_models.ecm_tables import sweep_refresh

Floats = NDArray[np.float64]


class EcmModel:
    """Cells of one `EcmParams`; see `cell_models.contract.CellModel` for the methods.

    Parameters
    ----------
    params : EcmParams
    n_cells : int
    series, parallel : int, optional
        How many cells in series, and in parallel, each one stands for: voltages times `series`,
        capacity times `parallel`, resistances by both, heat capacity times all. Time constants and
        everything per unit of soc are those of one cell.

    Attributes
    ----------
    buffer_size : int
        Numbers of the flat lane buffer.
    ocv_V : float64 (n,)
        Open-circuit voltage at the reference temperature on the extended soc axis [V].
    capacity_As, heat_capacity_J_per_K : float
        Of one of them, at factor 1.
    """

    forkable = True
    energy_closure = "state"

    def __init__(
        self, params: EcmParams, n_cells: int, *, series: int = 1, parallel: int = 1
    ) -> None:
        for name, count in (("n_cells", n_cells), ("series", series), ("parallel", parallel)):
            if count < 1:
                raise ValueError(f"{name} must be at least 1, is {count}")
        self.params = params
        self.n_cells = n_cells
        self.capacity_As = params.capacity_As * parallel
        self.heat_capacity_J_per_K = params.heat_capacity_J_per_K * (series * parallel)
        tables = _in_series_and_parallel(kernel_tables(params), series, parallel)
        self._names = field_names(tables.n_rc)
        self.n_fields = len(self._names)
        self._n_blocks = np.uint64(blocks_for(n_cells))
        self._stride = np.uint64(self.n_fields * LANES)
        self._n_rc = np.uint64(tables.n_rc)
        self.buffer_size = int(self._n_blocks * self._stride) + TAIL
        self._sums = np.zeros(SCRATCH)
        self._hysteresis_V = params.hysteresis_V * series
        self._hysteresis_rate = rate = params.hysteresis_rate
        self._elastic_V = self._hysteresis_V / (2.0 * rate) if rate > 0.0 else 0.0
        t0 = tables.reference_temperature_K
        self._tables = (
            t0,
            tables.ocv_soc_start,
            tables.ocv_soc_step,
            tables.ocv_V,
            tables.entropic_V_per_K,
            stored_integral(
                tables.ocv_V - t0 * tables.entropic_V_per_K,
                tables.ocv_soc_start,
                tables.ocv_soc_step,
            ),
            tables.rc_soc_start,
            tables.rc_soc_step,
            float(params.table_soc[0]),
            float(params.table_soc[-1]),
            tables.rc_temperature_K,
            tables.rc.ravel(),
            len(tables.rc),
            self._n_rc,
            self._sums,
        )
        self.ocv_V = tables.ocv_V

    def init(
        self,
        lanes: Floats,
        soc: Floats,
        capacity_factor: Floats,
        resistance_factor: Floats,
        temperature_K: Floats,
        step_s: float,
    ) -> None:
        """Fill the buffer with cells at rest, tables read; padding lanes repeat the last cell.

        Parameters
        ----------
        lanes : float64 (buffer,), written
        soc, capacity_factor, resistance_factor : float64 (n_cells,)
        temperature_K : float64 (padded,), [K]
        step_s : float, [s]
        """
        lanes[:] = 0.0
        fields = self._fields(lanes)
        padded = np.minimum(np.arange(fields.shape[0] * LANES), self.n_cells - 1)
        capacity = self.capacity_As * capacity_factor[padded]
        values = {
            "capacity_As": capacity,
            "charge_As": soc[padded] * capacity,
            "resistance_factor": resistance_factor[padded],
            "soc_ref": soc[padded],
            "inverse_capacity_per_As": 1.0 / capacity,
        }
        for name, value in values.items():
            fields[:, self._names.index(name), :] = value.reshape(-1, LANES)
        self.refresh(lanes, temperature_K, step_s)
        fields[:, self._names.index("pending_J"), :] = 0.0  # the first reading books nothing
        lanes[-TAIL:] = 0.0

    def _fields(self, lanes: Floats) -> Floats:
        """Return the blocks as a view, shape (blocks, fields, 32)."""
        return lanes[:-TAIL].reshape(int(self._n_blocks), self.n_fields, LANES)

    def field(self, lanes: Floats, name: str) -> Floats:
        """Return a copy of one field of every cell, shape (n_cells,)."""
        return self._fields(lanes)[:, self._names.index(name), :].reshape(-1)[: self.n_cells].copy()

    def scale_resistance(self, lanes: Floats, cell: int, factor: float) -> None:
        """Multiply all resistances of one cell, from its next reading of tables on."""
        scale_lane(lanes, self._stride, cell, factor)

    def audit(
        self, lanes: Floats, sums_J: Floats, charge_As: Floats, charge_low_As: Floats
    ) -> None:
        """Write the population's running sums, in their order in the buffer, and every charge."""
        sweep_audit(lanes, self._n_blocks, self._stride, sums_J, charge_As, charge_low_As)

    def refresh(
        self, lanes: Floats, temperature_K: Floats, step_s: float, whole: bool = True
    ) -> int:
        """Read the tables at each cell's state, or where a cell has moved."""
        return sweep_refresh(
            lanes, self._n_blocks, self._stride, step_s, self._elastic_V, whole, temperature_K,
            *self._tables,
        )  # fmt: skip

    def port(
        self,
        lanes: Floats,
        temperature_K: Floats,
        step_s: float,
        current_guess_A: Floats,
        emf_V: Floats,
        resistance_ohm: Floats,
    ) -> int:
        """Write the end-of-step line of every cell; exact, so the guess is not needed."""
        sweep_port(
            lanes, self._n_blocks, self._stride, self._n_rc, self._hysteresis_V, emf_V,
            resistance_ohm,
        )  # fmt: skip
        return 0

    def advance(
        self,
        lanes: Floats,
        temperature_K: Floats,
        step_s: float,
        current_A: Floats,
        voltage_V: Floats,
        heat_W: Floats,
    ) -> int:
        """Move every cell by one step."""
        return sweep_advance(
            lanes, self._n_blocks, self._stride, self._n_rc, step_s, self._hysteresis_V,
            self._hysteresis_rate, self._elastic_V, current_A, voltage_V, heat_W, self._sums,
        )  # fmt: skip

    def compiled_form(self) -> dict[str, Any]:
        """Return what compiled code needs to move this population itself.

        Returns
        -------
        dict
            ``numbers`` by name, ``tables`` as `sweep_refresh` takes them, and the scratch ``sums``.
        """
        return {
            "numbers": {
                "stride": self._stride,
                "n_rc": self._n_rc,
                "hysteresis_V": float(self._hysteresis_V),
                "hysteresis_rate": float(self._hysteresis_rate),
                "elastic_V": float(self._elastic_V),
            },
            "tables": self._tables,
            "sums": self._sums,
        }

    def observe(
        self, lanes: Floats, soc: Floats, ocv_V: Floats, stored_J: Floats, validity: NDArray[Any]
    ) -> None:
        """Write soc, OCV, stored energy and validity of every lane, shape (padded,) each."""
        sweep_observe(
            lanes, self._n_blocks, self._stride, self._n_rc, self._elastic_V, soc, ocv_V, stored_J,
            validity,
        )  # fmt: skip


def _in_series_and_parallel(tables: KernelTables, series: int, parallel: int) -> KernelTables:
    """Return the tables of so many like cells taken as one; those of one cell as they are."""
    rc = tables.rc.copy()
    rc[:, :, : 1 + tables.n_rc] *= series / parallel  # R0 and R1 ... Rn; behind them the taus
    return replace(
        tables,
        ocv_V=tables.ocv_V * series,
        entropic_V_per_K=tables.entropic_V_per_K * series,
        rc=rc,
    )


def stored_integral(potential_V: Floats, soc_start: float, soc_step: float) -> Floats:
    """Integrate a piecewise linear potential exactly, from soc 0.

    Parameters
    ----------
    potential_V : float64 (n,)
        ``OCV(z, T0) - T0 s(z)`` on the uniform axis [V].
    soc_start, soc_step : float

    Returns
    -------
    float64 (n,)
        ``int_0^z potential dz`` at every knot [V]; times the capacity in A s it is joules.
    """
    pieces = 0.5 * (potential_V[1:] + potential_V[:-1]) * soc_step
    integral = np.concatenate(([0.0], np.cumsum(pieces)))
    zero = np.interp(0.0, soc_start + soc_step * np.arange(len(potential_V)), integral)
    return integral - zero
