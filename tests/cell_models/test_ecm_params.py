"""Loading, checking and laying out the equivalent-circuit parameters."""

from __future__ import annotations

import copy
import dataclasses
import json
import pickle
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cell_models.ecm_params import (
    DATA_FOLDER,
    MAX_TEMPERATURES,
    SOURCE_GROUPS,
    EcmParams,
    extended_ocv,
    kernel_tables,
    load_ecm_params,
    load_fit_record,
    parameter_names,
)


@pytest.fixture(scope="module")
def lg_m50() -> EcmParams:
    return load_ecm_params("lg_m50")


@pytest.fixture
def document() -> dict[str, Any]:
    return json.loads((DATA_FOLDER / "lg_m50.json").read_text(encoding="utf-8"))


def load(document: dict[str, Any], folder: Path) -> EcmParams:
    path = folder / "cell.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    return load_ecm_params(path)


def test_shipped_sets_load_and_name_a_source_for_every_group() -> None:
    assert "lg_m50" in parameter_names()
    for name in parameter_names():
        params = load_ecm_params(name)
        assert params.name == name
        assert set(params.sources) == set(SOURCE_GROUPS)
        for text in params.sources.values():
            assert len(text) > 20 and ("doi:" in text or "assumed" in text)


def test_shipped_files_are_small() -> None:
    for path in DATA_FOLDER.glob("*.json"):
        assert path.stat().st_size < 300_000  # the limit for package data


def test_ocv_ends_at_the_rated_voltages(lg_m50: EcmParams) -> None:
    # The file is written to 1 µV.
    assert lg_m50.ocv_V[0] == pytest.approx(lg_m50.voltage_min_V, abs=1e-6)
    assert lg_m50.ocv_V[-1] == pytest.approx(lg_m50.voltage_max_V, abs=1e-6)
    assert (lg_m50.voltage_min_V, lg_m50.voltage_max_V) == (2.5, 4.2)
    assert lg_m50.ocv_soc.size == 201


def test_resistance_falls_as_the_cell_warms(lg_m50: EcmParams) -> None:
    assert np.all(np.diff(lg_m50.r0_ohm, axis=1) < 0.0)


def test_fit_record_states_its_errors(lg_m50: EcmParams) -> None:
    record = load_fit_record("lg_m50")
    assert len(record["pulse_rms_mV"]) == lg_m50.table_temperature_K.size
    assert {drive["temperature_K"] for drive in record["drive"]} == {298.15, 273.15}


def test_capacity_in_the_file_is_in_ampere_hours(document: dict[str, Any], tmp_path: Path) -> None:
    assert load(document, tmp_path).capacity_As == pytest.approx(3600.0 * document["capacity_Ah"])


def test_params_survive_copy_and_pickle_and_their_arrays_are_read_only(lg_m50: EcmParams) -> None:
    for twin in (copy.deepcopy(lg_m50), pickle.loads(pickle.dumps(lg_m50))):
        assert np.array_equal(twin.r_ohm, lg_m50.r_ohm)
    with pytest.raises(ValueError, match="read-only"):
        lg_m50.ocv_V[0] = 0.0
    with pytest.raises(dataclasses.FrozenInstanceError):
        lg_m50.mass_kg = 1.0  # type: ignore[misc]


def spoil(document: dict[str, Any], change: str) -> None:
    """Apply one named defect."""
    ocv, taus = document["ocv_V"], document["tau_s"]
    defects: dict[str, tuple[str, Any]] = {
        "unknown key": ("colour", "blue"),
        "negative capacity": ("capacity_Ah", -1.0),
        "text capacity": ("capacity_Ah", "5 Ah"),
        "mass in grams": ("mass_kg", 68.5),
        "celsius": ("reference_temperature_K", 25.0),
        "swapped voltages": ("voltage_min_V", 4.3),
        "not a number": ("heat_capacity_J_per_K", None),
        "falling ocv": ("ocv_V", [*ocv[:100], ocv[98], *ocv[101:]]),
        "short ocv": ("ocv_V", ocv[:-1]),
        "uneven ocv axis": ("ocv_soc", [0.0, 0.001, *document["ocv_soc"][2:]]),
        "entropic in mV": ("entropic_V_per_K", [0.1] * len(ocv)),
        "repeated temperature": ("table_temperature_K", [263.15, 263.15]),
        "nine temperatures": ("table_temperature_K", [260.0 + k for k in range(9)]),
        "short r0": ("r0_ohm", document["r0_ohm"][:-1]),
        "zero r0": ("r0_ohm", (0.0 * np.array(document["r0_ohm"])).tolist()),
        "negative r": ("r_ohm", (-np.array(document["r_ohm"])).tolist()),
        "zero tau": ("tau_s", (0.0 * np.array(taus)).tolist()),
        "ragged r": ("r_ohm", [[[0.01]], [[0.01, 0.02]]]),
        "swapped tau": ("tau_s", taus[::-1]),
        "one tau layer": ("tau_s", taus[:1]),
        "infinite": ("r0_ohm", (np.inf * np.array(document["r0_ohm"])).tolist()),
        "no source": ("sources", {**document["sources"], "ocv": " "}),
        "odd source": ("sources", {**document["sources"], "price": "assumed"}),
        "no name": ("name", ""),
    }
    key, value = defects[change]
    document[key] = value


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ("unknown key", "unknown keys ['colour']"),
        ("negative capacity", "capacity_As must be a number from 360 to 3.6e+06, is -3600.0"),
        ("text capacity", "capacity_Ah must be a number, is '5 Ah'"),
        ("mass in grams", "mass_kg must be a number from 0.001 to 50, is 68.5"),
        ("celsius", "reference_temperature_K must be a number from 250 to 350, is 25.0"),
        ("swapped voltages", "voltage_min_V must be below voltage_max_V (4.2), is 4.3"),
        ("not a number", "heat_capacity_J_per_K must be a number from 1 to 100000, is None"),
        ("falling ocv", "ocv_V must increase strictly"),
        ("short ocv", "ocv_V must have shape (201,), has (200,)"),
        ("uneven ocv axis", "ocv_soc must be uniform from 0 to 1"),
        ("entropic in mV", "entropic_V_per_K must lie from -0.005 to 0.005, has 0.1"),
        ("repeated temperature", "table_temperature_K must increase strictly, has 263.15"),
        ("nine temperatures", f"must have 2 to {MAX_TEMPERATURES} points, has 9"),
        ("short r0", "r0_ohm must have shape (19, 8), has (18, 8)"),
        ("zero r0", "r0_ohm must lie from 1e-07 to 10, has 0"),
        ("negative r", "r_ohm must lie from 1e-07 to 10, has -"),
        ("zero tau", "tau_s must lie from 0.001 to 100000, has 0"),
        ("ragged r", "r_ohm must be a rectangular array of numbers"),
        ("swapped tau", "tau_s must increase from one RC pair to the next"),
        ("one tau layer", "tau_s must have shape (2, 19, 8), has (1, 19, 8)"),
        ("infinite", "r0_ohm must be finite everywhere, has 152 bad"),
        ("no source", "missing: ['ocv']"),
        ("odd source", "unknown groups ['price']"),
        ("no name", "name must be a non-empty text, is ''"),
    ],
)
def test_wrong_file_is_refused_with_field_value_and_range(
    document: dict[str, Any], tmp_path: Path, change: str, sentence: str
) -> None:
    spoil(document, change)
    with pytest.raises(ValueError, match=re.escape(sentence)):
        load(document, tmp_path)


def test_missing_key_and_unknown_name_are_refused(document: dict[str, Any], tmp_path: Path) -> None:
    del document["tau_s"]
    with pytest.raises(ValueError, match=r"missing keys \['tau_s'\]"):
        load(document, tmp_path)
    with pytest.raises(ValueError, match="no parameter set 'lg_m51'; shipped sets: .*lg_m50"):
        load_ecm_params("lg_m51")
    with pytest.raises(ValueError, match="cannot read parameter file"):
        load_ecm_params(tmp_path / "nothing.json")
    (tmp_path / "list.json").write_text("[1]", encoding="utf-8")
    with pytest.raises(ValueError, match="must hold one JSON object"):
        load_ecm_params(tmp_path / "list.json")


def test_a_cell_without_rc_pairs_is_allowed(document: dict[str, Any], tmp_path: Path) -> None:
    document["r_ohm"] = document["tau_s"] = []
    params = load(document, tmp_path)
    assert params.n_rc == 0
    assert kernel_tables(params).rc.shape == (101, 8, 1)


def test_extended_ocv_is_continuous_monotone_and_falls_to_zero(lg_m50: EcmParams) -> None:
    soc, ocv_V, entropic_V_per_K = extended_ocv(lg_m50)
    assert soc.size == 241
    assert np.allclose(np.diff(soc), 0.005, rtol=0.0, atol=1e-12)  # rounding of the axis
    assert (soc[0], soc[-1]) == (-0.1, 1.1)
    assert ocv_V[0] == 0.0
    rise_V = np.diff(ocv_V)
    assert np.all(rise_V > 0.0)
    # Continuous: no interval outside rises more than 25 V per unit soc, the stated straight line.
    assert rise_V[soc[1:] <= 0.0].max() == pytest.approx(0.005 * 2.5 / 0.1, rel=1e-9)
    assert np.allclose(rise_V[soc[1:] > 1.0], lg_m50.ocv_V[-1] - lg_m50.ocv_V[-2], rtol=1e-9)
    assert np.all(entropic_V_per_K[soc <= 0.0] == lg_m50.entropic_V_per_K[0])
    assert np.all(entropic_V_per_K[soc >= 1.0] == lg_m50.entropic_V_per_K[-1])


def test_extended_ocv_repeats_the_file_inside(lg_m50: EcmParams) -> None:
    soc, ocv_V, entropic_V_per_K = extended_ocv(lg_m50)
    inside = slice(20, 221)
    # Interpolating at a knot that is one rounding off: 1e-12 of a volt.
    assert np.allclose(soc[inside], lg_m50.ocv_soc, rtol=0.0, atol=1e-12)
    assert np.allclose(ocv_V[inside], lg_m50.ocv_V, rtol=0.0, atol=1e-9)
    assert np.allclose(entropic_V_per_K[inside], lg_m50.entropic_V_per_K, rtol=0.0, atol=1e-12)


def test_ocv_stays_monotone_over_the_temperature_window(lg_m50: EcmParams) -> None:
    _, ocv_V, entropic_V_per_K = extended_ocv(lg_m50)
    for temperature_K in (lg_m50.temperature_min_K, lg_m50.temperature_max_K):
        warming_K = temperature_K - lg_m50.reference_temperature_K
        assert np.all(np.diff(ocv_V + warming_K * entropic_V_per_K) > 0.0)


@pytest.mark.parametrize("rc_soc_step", [0.05, 0.01])
def test_kernel_tables_repeat_the_file_at_its_knots(lg_m50: EcmParams, rc_soc_step: float) -> None:
    tables = kernel_tables(lg_m50, rc_soc_step)
    rows = np.rint(lg_m50.table_soc / rc_soc_step).astype(int)
    layers = np.stack([lg_m50.r0_ohm, *lg_m50.r_ohm, *lg_m50.tau_s], axis=-1)
    # Interpolating at a knot that is one rounding off.
    assert np.allclose(tables.rc[rows], layers, rtol=1e-12)
    assert tables.rc.shape == (round(1.0 / rc_soc_step) + 1, 8, 5)
    assert tables.rc.flags.c_contiguous and tables.rc.dtype == np.float64
    assert tables.n_rc == 2
    assert np.array_equal(tables.rc_temperature_K, lg_m50.table_temperature_K)


def test_kernel_tables_hold_the_edge_and_lie_between_knots(lg_m50: EcmParams) -> None:
    rc = kernel_tables(lg_m50).rc
    first, last = round(lg_m50.table_soc[0] / 0.01), round(lg_m50.table_soc[-1] / 0.01)
    assert np.all(rc[:first] == rc[first])
    assert np.allclose(rc[last:], rc[last], rtol=1e-12)
    middle = 0.5 * (lg_m50.r0_ohm[0] + lg_m50.r0_ohm[1])
    at = 0.5 * (lg_m50.table_soc[0] + lg_m50.table_soc[1])
    r0 = [np.interp(at, np.linspace(0.0, 1.0, 101), rc[:, n, 0]) for n in range(rc.shape[1])]
    assert np.allclose(r0, middle, rtol=1e-12)


def test_uneven_soc_step_is_refused(lg_m50: EcmParams) -> None:
    with pytest.raises(ValueError, match="rc_soc_step must divide 1 evenly, is 0.03"):
        kernel_tables(lg_m50, 0.03)


def test_loading_parameters_imports_neither_pybamm_nor_scipy() -> None:
    code = (
        "import sys; from cell_models.ecm_params import kernel_tables, load_ecm_params; "
        "kernel_tables(load_ecm_params('lg_m50')); "
        "sys.exit(bool({'pybamm', 'scipy', 'numba', 'casadi'} & set(sys.modules)))"
    )
    root = Path(__file__).resolve().parents[2]
    assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False).returncode == 0
