"""A tiny plant for the tests of the estimator: many 2-RC cells in numpy, own code, own parameters."""

from __future__ import annotations

import numpy as np

from cell_models.ecm_params import EcmParams, load_ecm_params


def drive_current_A(n_steps: int, step_s: float, seed: int = 3) -> np.ndarray:
    """Return a driving profile like US06: mean 2 A, peaks of 8 A both ways, per cell [A]."""
    rng = np.random.default_rng(seed)
    out: list[np.ndarray] = []
    total = 0
    while total < n_steps:
        for low, high, seconds in ((1.5, 3.5, 20.0), (5.0, 8.0, 7.0), (2.0, 4.0, 15.0)):
            n = round(seconds * rng.uniform(0.5, 1.5) / step_s)
            out.append(np.full(n, rng.uniform(low, high)))
        for low, high, seconds in ((-8.0, -3.0, 5.0), (0.0, 0.5, 12.0)):
            n = round(seconds * rng.uniform(0.5, 1.5) / step_s)
            out.append(np.full(n, rng.uniform(low, high)))
        total = sum(map(len, out))
    current = np.concatenate(out)[:n_steps]
    return np.clip(current + 2.0 - current.mean(), -8.0, 8.0)


class TwoRcCells:
    """Cells of a parameter set with individual capacity and resistance factors.

    `step` takes the current of the step that ends
    now and returns the terminal voltage [V].
    """

    def __init__(
        self,
        n: int,
        soc: float,
        temperature_K: float = 298.15,
        *,
        capacity: float = 1.0,
        resistance: float = 1.0,
        ocv_V: float = 0.0,
        seed: int = 1,
        params: EcmParams | None = None,
    ) -> None:
        rng = np.random.default_rng(seed)
        self.params = params or load_ecm_params("lg_m50")
        self.capacity_As = self.params.capacity_As * capacity * rng.normal(1.0, 0.01, n)
        self.factor = resistance * rng.normal(1.0, 0.03, n)
        self.soc = soc + rng.normal(0.0, 0.004, n)
        self.offset_V, self.temperature_K = ocv_V, temperature_K
        self.overpotential_V = np.zeros((2, n))
        tables = (self.params.r0_ohm, *self.params.r_ohm, *self.params.tau_s)
        axis = self.params.table_temperature_K
        self._maps = [[np.interp(temperature_K, axis, row) for row in table] for table in tables]

    def _map(self, which: int) -> np.ndarray:
        return np.interp(self.soc, self.params.table_soc, self._maps[which])

    def step(self, current_A: float, step_s: float) -> np.ndarray:
        p = self.params
        self.soc = self.soc - current_A * step_s / self.capacity_As
        voltage = np.interp(self.soc, p.ocv_soc, p.ocv_V) + self.offset_V
        voltage += (self.temperature_K - p.reference_temperature_K) * np.interp(
            self.soc, p.ocv_soc, p.entropic_V_per_K
        )
        for k in range(2):
            a = np.exp(-step_s / self._map(3 + k))
            r = self.factor * self._map(1 + k)
            self.overpotential_V[k] = a * self.overpotential_V[k] + (1.0 - a) * r * current_A
        return voltage - self.overpotential_V.sum(0) - self.factor * self._map(0) * current_A
