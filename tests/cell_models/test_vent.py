"""Vents of single cells: vapour, boiling, opening, and what the shipped sets say of their gas."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from cell_models import gases
from cell_models.gases import ANTOINE, ATOMS, BURN_J, CP, FORMATION, MOLAR_MASS, O2_NEED, Species
from cell_models.runaway_params import DATA_FOLDER, from_document, load_runaway_params
from cell_models.runaway_params import parameter_names as sets
from cell_models.vent import (
    R,
    boiled,
    boiling_temperature,
    choked_flow,
    critical_ratio,
    headspace_pressure,
    held_moles,
    latent_heat,
    opens,
    outflow,
    sustained_pressure,
    vapour_pressure,
)

DMC, EMC, DEC = (ANTOINE[s] for s in (Species.DMC, Species.EMC, Species.DEC))

# Y. Zhou, J. Wu, E. W. Lemmon, J. Phys. Chem. Ref. Data 40 (2011) 043106, evaluated by CoolProp:
# temperature [K], vapour pressure [Pa], enthalpy of evaporation [J/mol].
DMC_TABLE = (
    (283.15, 3202.245, 38664.2), (298.15, 7265.418, 37763.2), (313.15, 15005.31, 36870.4),
    (333.15, 34950.28, 35678.5), (353.15, 72621.39, 34465.5), (373.15, 137509.9, 33209.1),
    (413.15, 397593.2, 30467.8), (433.15, 621918.4, 28926.6), (473.15, 1346376.0, 25281.6),
)  # fmt: skip


@pytest.mark.parametrize(("T", "p", "latent"), DMC_TABLE)
def test_vapour_of_dmc_is_that_of_its_equation_of_state(T, p, latent) -> None:
    assert vapour_pressure(1.0, *DMC, T) == pytest.approx(p, rel=0.005)  # of the fit: 0.42 %
    if T < 373.0:  # above, its vapour is no ideal gas any more
        assert latent_heat(DMC[1], DMC[2], T) == pytest.approx(latent, rel=0.045)


def test_emc_boils_at_107_degC_between_its_neighbours() -> None:
    # boiling points: 363.26 K (Zhou 2011), 380.65 K (suppliers' data sheets), 399.95 K (ChemSep)
    for numbers, boils_K in ((DMC, 363.26), (EMC, 380.65), (DEC, 399.95)):
        assert boiling_temperature(1.0, *numbers, 101325.0) == pytest.approx(boils_K, abs=0.1)
    for T in (298.15, 350.0, 400.0):
        mean = math.sqrt(vapour_pressure(1.0, *DMC, T) * vapour_pressure(1.0, *DEC, T))
        # 27 mmHg at 25 degC in data sheets; the rule of the mean of homologues to 5 %
        assert vapour_pressure(1.0, *EMC, T) == pytest.approx(mean, rel=0.05)
    assert vapour_pressure(1.0, *EMC, 298.15) == pytest.approx(3600.0, rel=0.10)


def test_boiling_inverts_vapour_pressure_and_vapour_ends_in_the_cold() -> None:
    for T in (280.0, 350.0, 470.0):
        at = boiling_temperature(0.66, *EMC, vapour_pressure(0.66, *EMC, T))
        assert at == pytest.approx(T, rel=1e-12)
    assert vapour_pressure(1.0, *DMC, 10.0) == 0.0


def test_latent_heat_is_the_slope_of_vapour_pressure() -> None:
    T, step = 340.0, 1e-3
    slope = math.log(vapour_pressure(1.0, *EMC, T + step) / vapour_pressure(1.0, *EMC, T - step))
    assert latent_heat(EMC[1], EMC[2], T) == pytest.approx(
        R * T * T * slope / (2.0 * step), rel=1e-6
    )


def test_boiling_neither_empties_the_cell_below_zero_nor_cools_it_below_its_point() -> None:
    assert boiled(1.0, 370.0, 380.0, 40.0, 38e3, 1.0, 10.0) == 0.0
    assert boiled(0.01, 900.0, 380.0, 40.0, 38e3, 1e6, 10.0) == 0.01
    forever = boiled(1.0, 400.0, 380.0, 40.0, 38e3, 1e9, 10.0)
    assert forever * 38e3 == pytest.approx(40.0 * 20.0, rel=1e-12)
    # ten steps of a tenth boil what one does, but for the cooling that each has seen: same order
    T, total = 400.0, 0.0
    for _ in range(10):
        part = boiled(1.0, T, 380.0, 40.0, 38e3, 1.0, 10.0)
        T, total = T - part * 38e3 / 40.0, total + part
    assert total == pytest.approx(boiled(1.0, 400.0, 380.0, 40.0, 38e3, 10.0, 10.0), rel=1e-12)


def test_a_full_headspace_opens_at_its_burst_pressure_or_its_temperature() -> None:
    moles = held_moles(101325.0, 298.15, 2e-6)
    assert headspace_pressure(moles, 298.15, 2e-6, 0.0) == pytest.approx(101325.0, rel=1e-15)
    assert not opens(101325.0 + 1.9e6, 101325.0, 2e6, 400.0, math.inf)
    assert opens(101325.0 + 2e6, 101325.0, 2e6, 400.0, math.inf)
    assert opens(101325.0, 101325.0, 2e6, 400.0, 399.0)


def test_flow_is_continuous_where_it_stops_being_choked() -> None:
    limit = critical_ratio(1.3) * 101325.0
    above, below = (outflow(f * limit, 101325.0, 400.0, 0.03, 1.3, 1e-5) for f in (1.0, 1 - 1e-9))
    assert below == pytest.approx(above, rel=1e-6)
    assert outflow(101325.0, 101325.0, 400.0, 0.03, 1.3, 1e-5) == 0.0


def test_burning_keeps_atoms_and_frees_the_lower_heating_value() -> None:
    # lower heating values at 25 degC [kJ/mol]: CRC Handbook of Chemistry and Physics
    for name, kJ in (("H2", 241.8), ("CO", 283.0), ("CH4", 802.6), ("C2H4", 1323.1),
                     ("C2H6", 1428.6), ("C3H8", 2044.0)):  # fmt: skip
        s = Species[name]
        made = ATOMS[s, 0] * ATOMS[Species.CO2] + 0.5 * ATOMS[s, 1] * ATOMS[Species.H2O]
        assert ATOMS[s] + O2_NEED[s] * ATOMS[Species.O2] == pytest.approx(made, abs=1e-12)
        used = CP[s] + O2_NEED[s] * CP[Species.O2]
        gained = ATOMS[s, 0] * CP[Species.CO2] + 0.5 * ATOMS[s, 1] * CP[Species.H2O]
        heat = BURN_J[s] + (used - gained) * gases.T0_K  # from 0 K to 298.15 K
        assert heat == pytest.approx(1e3 * kJ, rel=2e-3)
    assert FORMATION[Species.N2] == BURN_J[Species.CO2] == 0.0
    assert MOLAR_MASS[Species.CO2] == pytest.approx(0.04401, rel=1e-4)


@pytest.mark.parametrize("name", sets())
def test_gas_per_ampere_hour_lies_in_the_band_of_its_chemistry(name: str) -> None:
    params = load_runaway_params(name)
    assert params.vent is not None
    at_25_degC = R * 298.15 / 101325.0 * 1e3  # L/mol
    litres = params.vent.gas_at(1.0).sum() * at_25_degC / params.cell.capacity_Ah
    # published spread at 100 %: oxides 1.2 to 2.6 L/Ah, LFP 0.4 to 1.2 (Golubkov 2014, 2015)
    low, high = (0.4, 1.2) if "LFP" in params.cell.chemistry else (1.2, 2.6)
    assert low <= litres <= high
    half, over = (params.vent.gas_at(soc).sum() for soc in (0.5, 1.5))
    assert half / params.vent.gas_at(1.0).sum() == pytest.approx(0.31, rel=1e-3)
    assert over / params.vent.gas_at(1.0).sum() == pytest.approx(2.41, rel=1e-3)
    # what leaves as gas and vapour is a part of what such cells eject, 30 to 82 % of their mass
    lost = params.vent.gas_at(1.0) @ MOLAR_MASS + params.vent.solvent_kg
    assert lost < 0.5 * params.cell.mass_kg


@pytest.mark.parametrize(
    ("name", "capacity_Ah", "mmol"),
    [("lco_18650", 2.6, 265.0), ("nmc_21700_arc", 1.5, 149.0), ("lfp_18650", 1.1, 50.0)],
)
def test_moles_are_those_of_the_18650_cells_that_were_measured(name, capacity_Ah, mmol) -> None:
    params = load_runaway_params(name)
    assert params.vent is not None
    per_Ah = params.vent.gas_at(1.0).sum() / params.cell.capacity_Ah
    assert 1e3 * per_Ah * capacity_Ah == pytest.approx(mmol, rel=0.01)  # two digits per Ah


def test_gas_runs_straight_between_states_of_charge_and_holds_beyond() -> None:
    vent = load_runaway_params("nca_21700_arc").vent
    assert vent is not None
    middle = 0.5 * (vent.gas_at(0.5) + vent.gas_at(1.0))
    assert vent.gas_at(0.75) == pytest.approx(middle, rel=1e-12)
    assert np.array_equal(vent.gas_at(2.0), vent.gas_at(1.5))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"headspace_m3": -1e-6}, "vent: headspace_m3 must be a number from"),
        ({"burst_Pa": "20 bar"}, "vent: burst_Pa must be a number from"),
        ({"solvent": "EC"}, "vent: solvent must be one of DMC, EMC, DEC, is 'EC'"),
        ({"colour": 1}, "vent has unknown keys"),
        ({"gas": []}, "rising states of charge"),
        ({"standing": "sure"}, "vent: standing must be one of verified, to confirm"),
    ],
)
def test_wrong_vent_data_are_refused_by_name(change, said) -> None:
    document = json.loads((DATA_FOLDER / "lco_18650.json").read_text(encoding="utf-8"))
    document["vent"] |= change
    with pytest.raises(ValueError, match=said):
        from_document(document)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"parts": {"H2": 0.7, "CO": 0.4}}, "add up to 1, give 1.1"),
        ({"parts": {"H2": 1.2, "CO": -0.2}}, "must not be negative"),
        ({"parts": {"HF": 1.0}}, "unknown species"),
        ({"gas_mol": -1.0}, "gas_mol must be a number from"),
    ],
)
def test_a_wrong_row_of_gas_is_refused_by_name(change, said) -> None:
    document = json.loads((DATA_FOLDER / "lco_18650.json").read_text(encoding="utf-8"))
    document["vent"]["gas"][0] |= change
    with pytest.raises(ValueError, match=said):
        from_document(document)


@pytest.mark.parametrize("gamma", [1.15, 1.3, 1.4])
@pytest.mark.parametrize("P", [1.02e5, 1.2e5, 1.6e5, 3e5])
def test_what_flows_out_at_the_sustained_pressure_is_what_was_asked_for(gamma, P) -> None:
    """Within 1 %, choked or not."""
    Pa, T, M, area = 101325.0, 700.0, 0.028, 7e-4
    flow = outflow(P, Pa, T, M, gamma, area)
    as_choked_Pa = flow / choked_flow(1.0, T, M, gamma, area)
    assert sustained_pressure(as_choked_Pa, Pa, gamma) == pytest.approx(P, rel=0.01)
    assert sustained_pressure(0.0, Pa, gamma) == pytest.approx(Pa, rel=1e-12)
