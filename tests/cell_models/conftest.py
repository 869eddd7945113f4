"""For the tests of cell models: a cell with a closed-form solution, and a bench to drive cells."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from cell_models.contract import LANES, blocks_for
from cell_models.ecm_lanes import SUM_NAMES
from cell_models.ecm_model import EcmModel
from cell_models.ecm_params import EcmParams, load_ecm_params

Floats = NDArray[np.float64]
T0_K = 298.15
R_OHM, TAU_S = (0.012, 0.02, 0.03), (4.0, 30.0, 300.0)


def linear_cell(
    n_rc: int = 1,
    *,
    ocv_slope_V: float = 1.2,
    entropic_V_per_K: float = 0.0,
    hysteresis_V: float = 0.0,
    hysteresis_rate: float = 0.0,
    r0_ohm: float = 0.03,
) -> EcmParams:
    """Return a 5 Ah cell of constant R and tau whose OCV is ``3 V + slope z``: solvable by hand."""
    knots = np.ones((2, 2))
    return replace(
        load_ecm_params("lg_m50"),
        capacity_As=18_000.0,
        reference_temperature_K=T0_K,
        ocv_V=3.0 + ocv_slope_V * np.linspace(0.0, 1.0, 201),
        ocv_soc=np.linspace(0.0, 1.0, 201),
        entropic_V_per_K=np.full(201, entropic_V_per_K),
        table_soc=np.array([0.0, 1.0]),
        table_temperature_K=np.array([250.0, 350.0]),
        r0_ohm=r0_ohm * knots,
        r_ohm=np.array([r * knots for r in R_OHM[:n_rc]]).reshape(n_rc, 2, 2),
        tau_s=np.array([tau * knots for tau in TAU_S[:n_rc]]).reshape(n_rc, 2, 2),
        hysteresis_V=hysteresis_V,
        hysteresis_rate=hysteresis_rate,
    )


class Bench:
    """A population of cells, each at its own imposed current: port, then advance."""

    def __init__(
        self,
        params: EcmParams,
        soc: float | Floats = 0.5,
        *,
        step_s: float = 1.0,
        temperature_K: float | Floats = T0_K,
        capacity: float | Floats = 1.0,
        resistance: float | Floats = 1.0,
    ) -> None:
        soc, capacity, resistance = np.atleast_1d(*np.broadcast_arrays(soc, capacity, resistance))
        self.n = len(soc)
        padded = blocks_for(self.n) * LANES
        self.model = EcmModel(params, self.n)
        self.lanes = np.zeros(self.model.buffer_size)
        self.temperature_K = np.full(padded, T0_K)
        self.temperature_K[: self.n] = temperature_K
        self.step_s = step_s
        self.emf_V, self.resistance_ohm = np.zeros(padded), np.zeros(padded)
        self.current_A, self.voltage_V = np.zeros(padded), np.zeros(padded)
        self.heat_W = np.zeros(padded)
        self.status = 0
        self.model.init(self.lanes, soc, capacity, resistance, self.temperature_K, step_s)

    def step(self, current_A: float | Floats) -> Floats:
        """Do one step at constant current; return the voltages at its end."""
        arguments = self.lanes, self.temperature_K, self.step_s
        self.current_A[: self.n] = current_A
        self.model.port(*arguments, self.current_A, self.emf_V, self.resistance_ohm)
        self.voltage_V[: self.n] = (self.emf_V - self.resistance_ohm * self.current_A)[: self.n]
        self.status = self.model.advance(*arguments, self.current_A, self.voltage_V, self.heat_W)
        return self.voltage_V[: self.n].copy()

    def refresh(self, step_s: float | None = None) -> int:
        """Read the tables, perhaps for another step."""
        self.step_s = step_s or self.step_s
        return self.model.refresh(self.lanes, self.temperature_K, self.step_s)

    def field(self, name: str) -> Floats:
        """Return one field of every cell."""
        return self.model.field(self.lanes, name)

    def total(self, name: str) -> float:
        """Return one running sum of the population, as ``heat_J``."""
        sums_J, charge_As = np.zeros(len(SUM_NAMES)), np.zeros((2, len(self.temperature_K)))
        self.model.audit(self.lanes, sums_J, *charge_As)
        return float(sums_J[SUM_NAMES.index(name)])

    def observe(self) -> tuple[Floats, Floats, Floats, NDArray[np.int64]]:
        """Return soc, OCV [V], stored energy [J] and validity of every cell."""
        soc, ocv_V, stored_J = np.zeros((3, len(self.emf_V)))
        validity = np.zeros(len(self.emf_V), dtype=np.int64)
        self.model.observe(self.lanes, soc, ocv_V, stored_J, validity)
        n = self.n
        return soc[:n], ocv_V[:n], stored_J[:n], validity[:n]


@pytest.fixture(scope="session")
def make_linear_cell() -> Callable[..., EcmParams]:
    return linear_cell


@pytest.fixture(scope="session")
def bench() -> type[Bench]:
    return Bench


@pytest.fixture(scope="session")
def lg_m50() -> EcmParams:
    return load_ecm_params("lg_m50")
