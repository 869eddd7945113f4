"""The filter against a small 2-RC plant: cells, currents, seeds that its tuning never saw."""

from __future__ import annotations

import numpy as np
import pytest

from cell_models.ecm_params import EcmParams, load_ecm_params
from controllers.contract_rig import channel, make_measurements, make_pack, make_view
from controllers.filter_params import filter_names, load_filter_params
from controllers.reference_bms import ReferenceBms

WORN = {"capacity": 0.96, "resistance": 1.18, "ocv_V": -0.006}  # the default mismatch
OPPOSITE = {"capacity": 1.04, "resistance": 0.84, "ocv_V": 0.006}


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


def estimate(
    options: dict, *, minutes: float, step_s: float, soc: float, temperature_K: float, n: int = 12
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Drive `n` groups of 2 cells; return time [s], error and claimed deviation of soc."""
    pack = make_pack((n,))
    bms = ReferenceBms(pack, {"step_s": step_s, **options})
    view = make_view(bms.fields)
    cells = TwoRcCells(n, soc, temperature_K, seed=21)
    rng = np.random.default_rng(99)
    offset_V = rng.uniform(-0.002, 0.002, n)
    n_steps = round(60.0 * minutes / step_s)
    current_A = drive_current_A(n_steps, step_s, seed=11)
    current_A[0] = 0.0
    message = make_measurements(pack, temperature_K=temperature_K)
    times, errors, deviations = [], [], []
    for k in range(n_steps):
        voltage_V = cells.step(current_A[k], step_s)
        message.group_voltage_V.value[:] = voltage_V + offset_V + rng.normal(0.0, 0.001, n)
        message.rack_voltage_V.value[:] = voltage_V.sum()
        measured_A = 2.0 * current_A[k] * 1.005 + 0.05
        message.rack_current_A.value[:] = message.rack_current_b_A.value[:] = measured_A
        command = bms.step(k * step_s, message, view)
        times.append(k * step_s)
        errors.append(command.group_soc - cells.soc)
        deviations.append(command.group_soc_std.copy())
    return np.array(times), np.array(errors), np.array(deviations)


@pytest.mark.parametrize(
    ("mismatch", "step_s", "soc", "temperature_K", "offset"),
    [
        (WORN, 0.1, 0.85, 298.15, -0.20),
        (OPPOSITE, 0.1, 0.85, 298.15, -0.20),
        (WORN, 1.0, 0.50, 298.15, -0.20),
        (OPPOSITE, 1.0, 0.50, 308.15, 0.20),
        (WORN, 1.0, 0.80, 278.15, -0.20),
    ],
)
def test_filter_converges_from_20_points_and_claims_honestly(
    mismatch: dict, step_s: float, soc: float, temperature_K: float, offset: float
) -> None:
    time_s, error, deviation = estimate(
        {"mismatch": mismatch, "initial_soc_offset": offset},
        minutes=9.0 if step_s < 1.0 else 20.0,
        step_s=step_s,
        soc=soc,
        temperature_K=temperature_K,
    )
    assert abs(abs(error[0]).mean() - 0.20) < 0.02  # it did start 20 points off
    late = time_s >= 300.0
    assert np.abs(error[late][0]).max() < 0.03
    assert np.sqrt(np.mean(error[late] ** 2)) < 0.015
    assert np.mean(np.abs(error) < 3.0 * deviation) > 0.95
    assert deviation[late].max() < 0.04  # honest, but not by claiming nothing


def test_answer_hardly_depends_on_the_period_of_the_bms() -> None:
    kind = {"minutes": 8.0, "soc": 0.7, "temperature_K": 298.15}
    _, fast, _ = estimate({"initial_soc_offset": -0.2}, step_s=0.2, **kind)
    _, slow, _ = estimate({"initial_soc_offset": -0.2}, step_s=1.0, **kind)
    # The two currents are other draws of the same profile, so they agree as two runs do.
    assert abs(fast[-1] - slow[-1]).max() < 0.01


def test_without_voltage_the_filter_counts_on_and_its_deviation_grows() -> None:
    pack = make_pack((4,))
    bms = ReferenceBms(pack, {"step_s": 1.0})
    view = make_view(bms.fields)
    message = make_measurements(pack, current_A=5.0)
    for k in range(120):
        command = bms.step(float(k), message, view)
    soc, std = command.group_soc.copy(), command.group_soc_std.copy()
    message.group_voltage_V.valid[1] = False
    message.group_voltage_V.value[1] = np.nan
    for k in range(120, 420):
        command = bms.step(float(k), message, view)
    assert command.group_soc_std[1] > std[1]
    assert command.group_soc_std[1] > command.group_soc_std[0]
    counted = 300.0 * 2.5 / bms.describe()["filter_capacity_As"]
    # The first two seconds still use the held voltage, hence the tolerance.
    assert soc[1] - command.group_soc[1] == pytest.approx(counted, rel=0.03)


def test_start_is_read_from_the_open_circuit_voltage() -> None:
    params = load_filter_params("lg_m50")
    wanted = np.array([0.1, 0.35, 0.6, 0.93])
    ocv_V = np.interp(wanted, np.linspace(0.0, 1.0, len(params.ocv_V)), params.ocv_V)
    exact = {"capacity": 1.0, "resistance": 1.0, "ocv_V": 0.0}
    bms = ReferenceBms(make_pack((4,)), {"mismatch": exact})
    message = make_measurements(make_pack((4,)), voltage_V=ocv_V, temperature_K=298.15)
    command = bms.step(0.0, message, make_view(bms.fields))
    assert command.group_soc == pytest.approx(wanted, abs=1e-6)


def test_each_group_uses_its_nearest_thermistor_else_the_mean_of_its_rack() -> None:
    pack = make_pack((4, 4))  # thermistors at groups 0, 2, 4, 6
    bms = ReferenceBms(pack, {})
    message = make_measurements(pack, temperature_K=[280.0, 290.0, 300.0, 310.0])
    view = make_view(bms.fields)
    bms.step(0.0, message, view)
    used = bms._conditioning.group_temperature_K
    assert used.tolist() == [280.0, 280.0, 290.0, 290.0, 300.0, 300.0, 310.0, 310.0]
    message.temperature_K = channel([np.nan, 290.0, 300.0, np.nan], 4)
    bms.step(30.0, message, view)  # past the bridging of short gaps
    assert used.tolist() == [290.0] * 4 + [300.0] * 4


def test_filter_never_shares_the_parameters_of_the_plant() -> None:
    described = ReferenceBms(make_pack(), {}).describe()["filter_mismatch"]
    assert abs(described["capacity"] - 1.0) >= 0.03
    assert abs(described["resistance"] - 1.0) >= 0.15
    assert abs(described["ocv_V"]) >= 0.005


def test_calibrations_load_and_wrong_ones_are_refused(tmp_path) -> None:  # noqa: ANN001
    for name in filter_names():
        assert load_filter_params(name).capacity_As > 0.0
    with pytest.raises(ValueError, match="shipped: .*lg_m50"):
        load_filter_params("no_such_cell")
    text = (load_filter_params.__globals__["DATA_FOLDER"] / "lg_m50.json").read_text()
    broken = tmp_path / "broken.json"
    broken.write_text(text.replace('"ocv_V": [\n  2.5', '"ocv_V": [\n  3.9'))
    with pytest.raises(ValueError, match="ocv_V must increase"):
        load_filter_params(broken)
