"""All heat of a cell over its charge, shared between its circuit and its reactions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cell_models.ecm_params import load_ecm_params
from cell_models.runaway_params import load_runaway_params
from cell_models.runaway_tables import amounts, kernel_tables
from cell_models.runaway_total import TotalHeat
from twin.runaway_fit import charge_J, rated_Wh

CELL = load_ecm_params("lg_m50")
NMC = load_runaway_params("nmc_21700_arc")
HELD_J = charge_J(CELL)
SOC = np.linspace(0.0, 1.0, len(HELD_J))


def total(**changes: object) -> TotalHeat:
    fields = {"soc": (0.0, 1.0), "heat_J_per_Wh": (0.0, 5000.0), "standing": "verified"}
    return TotalHeat(**{**fields, "source": "a test", **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize("soc", [0.0, 0.1, 0.2, 0.3, 0.4, 0.6, 0.8, 1.0])
def test_reactions_and_charge_that_goes_through_are_what_was_measured(soc: float) -> None:
    own = NMC.without_charge(SOC, HELD_J)
    extents, energy_J = amounts(kernel_tables(own, electrical=False), np.array([soc]))
    through = np.interp(soc, own.over_soc.soc, own.over_soc.charge)
    measured = np.interp(soc, NMC.total.soc, NMC.total.heat_J_per_Wh) * rated_Wh(CELL)
    given_J = through * np.interp(soc, SOC, HELD_J)
    reactions_J = float(extents @ energy_J)
    if soc in (0.6, 0.8):  # more than a full cell's reactions give: charge taken out makes no fuel
        assert reactions_J == pytest.approx(own.heat_J(), rel=1e-12)
        assert reactions_J + given_J < measured
    else:
        assert reactions_J + given_J == pytest.approx(measured, rel=2e-3, abs=1.0)
    assert 0.0 <= through <= 1.0
    # of the heat the charge's part is never above that of a full cell
    assert given_J <= measured * 3600.0 / 5050.0 * (1.0 + 2e-3) + 1.0


def test_a_drained_cell_never_holds_more_than_before() -> None:
    over_soc = NMC.without_charge(SOC, HELD_J).over_soc
    assert (np.diff(over_soc.reactions) >= 0.0).all()
    assert over_soc.reactions[-1] == 1.0


def test_less_heat_does_not_slow_what_was_fitted() -> None:
    """The heating of a fresh full cell at a given temperature is that of the calorimeter."""
    own = NMC.without_charge(SOC, HELD_J)
    for params in (NMC, own):
        assert params.reactions[0].energy_J * params.reactions[0].frequency_per_s == pytest.approx(
            NMC.reactions[0].energy_J * NMC.reactions[0].frequency_per_s, rel=1e-12
        )
    assert own.heat_J() == pytest.approx(1450.0 * rated_Wh(CELL), rel=1e-9)
    assert own.total is None and own.without_charge(SOC, HELD_J) is own


def test_a_total_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match=r"soc must rise from 0 to 1, is \(0.0, 0.9\)"):
        total(soc=(0.0, 0.9))
    with pytest.raises(ValueError, match="heat_J_per_Wh must be 2 numbers from 0"):
        total(heat_J_per_Wh=(0.0, -1.0))
    less = replace(NMC, total=total(heat_J_per_Wh=(0.0, 3500.0)))
    with pytest.raises(ValueError, match="must be above the 3600 J/Wh of its charge, is 3500"):
        less.without_charge(SOC, HELD_J)
    with pytest.raises(ValueError, match="total must be given with one first-order reaction"):
        replace(load_runaway_params("lco_18650"), total=total())
