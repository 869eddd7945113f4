"""The tracing model follows a user's own curve, and a bad file is refused in one sentence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cell_models.runaway_curve import RateCurve, read_rate_curve
from cell_models.runaway_params import (
    Reaction,
    from_document,
    load_runaway_params,
    traced_params,
)
from validation.runaway.line import follow, lone_cell

HEADER = "temperature_degC,rate_K_per_min\n"
GOOD = HEADER + "# ARC of my cell\n90,0.02\n\n130,0.2\n170,3\n200,500\n"


def write(folder: Path, text: str) -> Path:
    path = folder / "arc.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_traced_cell_heats_itself_as_it_was_measured(tmp_path: Path) -> None:
    curve = read_rate_curve(write(tmp_path, GOOD))
    cell = load_runaway_params("nmc_21700_arc").cell
    params = traced_params("mine", curve, cell, 30e3)
    line = lone_cell(params, 363.15)
    history = follow(line, 86400.0, 5.0)
    time_s, T = history.time_s, history.temperature_K[:, 0]
    rate, middle = np.diff(T) / np.diff(time_s), 0.5 * (T[1:] + T[:-1])
    measured = np.exp(np.interp(middle, curve.temperature_K, np.log(curve.rate_K_per_s)))
    is_under_way = (middle > 364.0) & (T[1:] < 400.0)
    # A secant over a step of 5 s; the knots of the curve add a part in a thousand.
    np.testing.assert_allclose(rate[is_under_way], measured[is_under_way], rtol=2e-3)
    assert T[-1] == pytest.approx(363.15 + 30e3 / cell.heat_capacity_J_per_K, abs=1e-3)
    assert line.closure() <= 2e-14


def test_the_calorimeters_inertia_makes_the_cell_alone_faster(tmp_path: Path) -> None:
    curve = read_rate_curve(write(tmp_path, GOOD))
    cell = load_runaway_params("nmc_21700_arc").cell
    alone = traced_params("mine", curve, cell, 30e3, inertia=1.2)
    assert alone.curve is not None
    np.testing.assert_allclose(alone.curve.rate_K_per_s, 1.2 * np.array(curve.rate_K_per_s))
    for bad in ({"store_J": 0.0}, {"store_J": 1.0, "inertia": 0.5}):
        with pytest.raises(ValueError, match="must be"):
            traced_params("mine", curve, cell, **bad)


def test_the_shipped_60_Ah_cell_stores_650_kJ_and_jumps_at_180_degC() -> None:
    params = load_runaway_params("traced_60ah")
    assert params.heat_J() == pytest.approx(650e3)
    line = lone_cell(params, 451.15)
    history = follow(line, 600.0, 0.1)
    rate = np.diff(history.temperature_K[:, 0]) / np.diff(history.time_s)
    assert rate[0] == pytest.approx(10**-0.763, rel=0.02)
    assert history.temperature_K[-1, 0] == pytest.approx(451.15 + 650.0, abs=1e-3)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ("first row", "nothing")),
        ("T,rate\n90,1\n", ("first row", "'T,rate'", "name the columns")),
        (HEADER + "90,1\n", ("1 points", "at least 2")),
        (HEADER + "90,1\n80,2\n", ("row 3", "80 after 90", "sort")),
        (HEADER + "90,1\n90,2\n", ("row 3", "90 after 90", "one rate")),
        (HEADER + "90,1\n95,\n99,2\n", ("row 3", "rate_K_per_min", "''", "leave the row out")),
        (HEADER + "90,1\n95,nan\n99,2\n", ("row 3", "'nan'")),
        (HEADER + "90,1\n# c\n95,-0.5\n", ("row 4", "-0.5", "leave out")),
        (HEADER + "90,1\n95,0\n", ("row 3", "is 0", "self-heating")),
        (HEADER + "90,1\n95,1,4\n", ("row 3", "3 values", "'95,1,4'", "give 2")),
        (HEADER + "90,1\n250,4\n", ("row 3", "250 after 90", "gap", "add points")),
        (HEADER + "90,1\n4000,4\n", ("row 3", "4000", "degrees Celsius")),
    ],
)
def test_a_bad_file_is_refused_in_one_sentence(
    tmp_path: Path, text: str, words: tuple[str, ...]
) -> None:
    path = write(tmp_path, text)
    with pytest.raises(ValueError) as caught:
        read_rate_curve(path)
    told = str(caught.value)
    assert all(word in told for word in (str(path), *words)), told
    assert "\n" not in told


def test_a_missing_file_and_one_in_another_code_are_told(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="check the name"):
        read_rate_curve(tmp_path / "none.csv")
    (tmp_path / "latin.csv").write_bytes("Temperatur [°C],x\n".encode("latin-1"))
    with pytest.raises(ValueError, match="UTF-8"):
        read_rate_curve(tmp_path / "latin.csv")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"mass_kg": -1.0}, "mass_kg must be a number from 0 to 50"),
        ({"mass_kg": "1"}, "mass_kg must be a number"),
        ({"law": "fast"}, "law must be one of first_order"),
        ({"film": "sei"}, "film must be named for the passivated law"),
        ({"latches": True, "start": 0.5}, "start must be 1"),
    ],
)
def test_a_reaction_that_cannot_be_is_refused(change: dict[str, object], words: str) -> None:
    good: dict[str, object] = {
        "name": "a", "law": "first_order", "mass_kg": 1.0, "heat_J_per_kg": 1e5,
        "frequency_per_s": 1e9, "activation_J_per_mol": 1e5, "start": 1.0, "soc_scaling": "none",
        "standing": "verified", "source": "test",
    }  # fmt: skip
    Reaction(**good)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=words):
        Reaction(**(good | change))  # type: ignore[arg-type]


def test_a_document_with_unknown_or_missing_keys_is_refused() -> None:
    with pytest.raises(ValueError, match="no runaway parameters 'wood'; shipped sets: lco_18650"):
        load_runaway_params("wood")
    with pytest.raises(ValueError, match="unknown keys \\['colour'\\]"):
        from_document({"cell": {"colour": 1}})
    with pytest.raises(ValueError, match="missing"):
        from_document({"cell": {}})
    with pytest.raises(ValueError, match="must increase"):
        RateCurve(temperature_K=(300.0, 300.0), rate_K_per_s=(1.0, 1.0))
