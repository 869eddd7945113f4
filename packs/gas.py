"""The gas in the free volume of each module: what cells vent, burning, walls, relief to outside.

One well-mixed ideal gas per module, with constant heat capacities (`cell_models.gases`). A step is
a row of closed forms, each of which conserves moles and energy exactly and keeps both positive, so
any step length is stable: take in, burn, lose heat to the walls, condense on them or evaporate
(`packs.condensing`), let out, let air in. What is fast against a step ends within it: fuel that has
gathered burns at once, and pressure goes to where as much leaves as comes in.

Energy is ``U = T sum(n c_v)``, from 0 K, and that of the film on the walls; every flow is booked
once, in the order of `packs.enclosure.FLOWS`.
"""

from __future__ import annotations

import math

from cell_models.compensated import two_sum
from cell_models.gases import (
    AIR,
    ATOMS,
    BURN_J,
    CP,
    CV,
    FIRST_FUEL,
    FIRST_SOLVENT,
    LFL,
    MOLAR_MASS,
    N_SPECIES,
    O2_NEED,
    T0_K,
    R,
    Species,
)
from cell_models.jit import kernel
from cell_models.vent import (
    choked_flow,
    headspace_pressure,
    held_moles,
    outflow,
    sustained_pressure,
)
from packs.condensing import is_settled, onto_walls, out_of_gas

O2, CO2, H2O = int(Species.O2), int(Species.CO2), int(Species.H2O)
OK, BAD_INFLOW, NOT_FINITE = 0, 1, 2
"""Status of `gas_stage`: done; what flows in is negative or no number; so is the pressure then."""

REST_K = 0.02
"""Gas that differs from its walls by less is left alone: 7 Pa of the pressure."""

EJECTA, INFLOW, AIR_IN, BURNT, OUTFLOW, WALL = range(6)
"""Columns of `packs.enclosure.FLOWS`."""

AIR_KG = float(AIR @ MOLAR_MASS)
"""Molar mass of air [kg/mol]."""
AIR_CP = float(AIR @ CP)
"""[J/(mol K)]."""


@kernel
def fill_with_air(volume_m3, P, T, gas):
    """Fill every module with dry air, at P [Pa] and T [K], walls alike, and held there."""
    for m in range(len(gas.in_J)):
        gas.mol[m] = AIR * held_moles(P, T, volume_m3)
        gas.temperature_K[m] = gas.wall_K[m] = T
        gas.wall_J_per_K[m] = math.inf
        tell(m, volume_m3, gas)
        gas.surge_Pa[m] = gas.pressure_Pa[m]


@kernel
def content(m, gas):
    """Give moles [mol], heat capacity at constant volume [J/K] and mass [kg] of a module's gas."""
    n = C = kg = 0.0
    for s in range(N_SPECIES):
        amount = gas.mol[m, s]
        n += amount
        C += amount * CV[s]
        kg += amount * MOLAR_MASS[s]
    return n, C, kg


@kernel
def pressure(m, volume_m3, gas):
    """Give the pressure of a module's gas [Pa]."""
    n, _, _ = content(m, gas)
    return headspace_pressure(n, gas.temperature_K[m], volume_m3, 0.0)


@kernel
def fuel(m, gas):
    """Give what can burn of a module's gas [mol]."""
    amount = 0.0
    for s in range(FIRST_FUEL, N_SPECIES):
        amount += gas.mol[m, s]
    return amount


@kernel
def stored_J(m, gas):
    """Give the energy of a module's gas [J]: ``T sum(n c_v)``."""
    _, C, _ = content(m, gas)
    return C * gas.temperature_K[m]


@kernel
def book(k, m, amount, gas):
    """Add an amount to one flow of a module."""
    gas.flows[m, k], gas.flows_low[m, k] = two_sum(gas.flows[m, k], gas.flows_low[m, k], amount)


@kernel
def lfl_fraction(m, gas):
    """Give what there is over what would just burn in air: 1 at the lower flammability limit.

    Le Chatelier's rule, ``sum(x_i / LFL_i)`` over the fuels by mole fraction. It holds for LFL of
    25 degC and sees neither CO2 that makes a mixture inert nor a lack of oxygen.

    References
    ----------
    C. V. Mashuga and D. A. Crowl, Process Safety Progress 19 (2000) 112,
    doi:10.1002/prs.680190212.
    """
    n, _, _ = content(m, gas)
    total = 0.0
    for s in range(FIRST_FUEL, N_SPECIES):
        total += gas.mol[m, s] / LFL[s]
    return total / n


@kernel
def tell(m, volume_m3, gas):
    """Write what sensors and files see of a module."""
    n, _, _ = content(m, gas)
    gas.pressure_Pa[m] = pressure(m, volume_m3, gas)
    gas.gas_ppm[m] = 1e6 * fuel(m, gas) / n
    gas.lfl_percent[m] = 100.0 * lfl_fraction(m, gas)


@kernel
def take_in(m, gas):
    """Mix in what cells gave: ``U + sum(n_in c_p) T0 + in_J`` is the new energy."""
    C = carried = C_new = 0.0
    for s in range(N_SPECIES):
        amount = gas.in_mol[m, s]
        C += gas.mol[m, s] * CV[s]
        gas.mol[m, s] += amount
        gas.vented_mol[m, s] += amount
        carried += amount * CP[s]
        C_new += gas.mol[m, s] * CV[s]
        gas.in_mol[m, s] = 0.0
    gas.temperature_K[m] = (C * gas.temperature_K[m] + carried * T0_K + gas.in_J[m]) / C_new
    book(INFLOW, m, carried * T0_K, gas)
    book(EJECTA, m, gas.in_J[m], gas)
    gas.in_J[m] = 0.0


@kernel
def burn(m, ignition_K, volume_m3, gathered, gas):
    """Burn all fuel, or of each fuel the same part, until the oxygen is gone.

    Returns by how much the pressure jumps [Pa]: by the part of the fuel that had `gathered` before
    this step [mol]. What comes in and burns in the same step does so as it comes.

    It lights where the gas is hot enough by itself, or where something glows in a mixture above its
    lower flammability limit. To CO2 and H2O, at once: a flame crosses a module in tens of
    milliseconds. A rich mixture burns as far as its oxygen goes, as a flame at its edge would.
    Nothing dissociates, so flames near stoichiometric come out too hot: of H2 in air, at constant
    volume, 3570 K and 10.2 times the pressure, where equilibrium gives 2760 K and 8 times.
    """
    lights = gas.temperature_K[m] >= ignition_K
    if not lights and not (gas.sparks[m] != 0 and lfl_fraction(m, gas) >= 1.0):
        return 0.0
    at_once, before_Pa = gathered / max(fuel(m, gas), gathered), pressure(m, volume_m3, gas)
    wanted = C = heat = 0.0
    for s in range(N_SPECIES):
        wanted += gas.mol[m, s] * O2_NEED[s]
        C += gas.mol[m, s] * CV[s]
    if wanted <= 0.0:
        return 0.0
    part = min(1.0, gas.mol[m, O2] / wanted)
    for s in range(FIRST_FUEL, N_SPECIES):
        amount = part * gas.mol[m, s]
        gas.mol[m, s] -= amount
        gas.mol[m, CO2] += amount * ATOMS[s, 0]
        gas.mol[m, H2O] += 0.5 * amount * ATOMS[s, 1]
        heat += amount * BURN_J[s]
    gas.mol[m, O2] = 0.0 if part < 1.0 else max(0.0, gas.mol[m, O2] - wanted)
    _, C_new, _ = content(m, gas)
    gas.temperature_K[m] = (C * gas.temperature_K[m] + heat) / C_new
    gas.lit[m] = 1
    book(BURNT, m, heat, gas)
    return at_once * (pressure(m, volume_m3, gas) - before_Pa)


@kernel
def lose_to_walls(m, h, wall_W_per_K, gas):
    """Let the walls take heat: ``T - T_w`` falls by ``exp(-G h/C)``, exact at constant volume."""
    _, C, _ = content(m, gas)
    fall = (gas.temperature_K[m] - gas.wall_K[m]) * -math.expm1(-wall_W_per_K * h / C)
    gas.temperature_K[m] -= fall
    gas.wall_J[m] = C * fall
    book(WALL, m, C * fall, gas)


@kernel
def condense(m, h, numbers, gas):
    """Let solvents condense and evaporate, on the walls and out of the gas (`packs.condensing`)."""
    for s in range(FIRST_SOLVENT, N_SPECIES):
        if gas.mol[m, s] == 0.0 and gas.condensed_mol[m, s] == 0.0:
            continue
        n, C, _ = content(m, gas)
        heat = onto_walls(m, s, h, n, C, numbers, gas)
        _, C, _ = content(m, gas)
        heat += out_of_gas(m, s, C, numbers, gas)
        gas.wall_J[m] += heat
        book(WALL, m, heat, gas)


@kernel
def balanced(begin_Pa, P, T, M, gamma, outside_Pa, opening_m2, kg, h):
    """Give the pressure after h seconds in which gas comes in evenly and leaves, [Pa].

    From `begin_Pa`; P is what it would be, with kg of gas, if nothing left. Per mass, as much
    leaves all the while as at the pressure which prevails, of the beginning or where both flows
    balance; so ``dP/dt = a - gamma x P/h``, with a known answer. With nothing coming in, and the
    flow choked, the isentropic ``P(h) = P (1 + (gamma-1)/2 x)^(-2 gamma/(gamma-1))`` is exact.
    """
    rise, steady = P - begin_Pa, math.inf
    if h > 0.0:
        choked = choked_flow(P, T, M, gamma, opening_m2)
        steady = sustained_pressure(rise * kg / (gamma * h * choked), outside_Pa, gamma)
    prevails = max(begin_Pa, min(steady, P))
    x = h * outflow(prevails, outside_Pa, T, M, gamma, opening_m2) * P / (kg * prevails)
    falls = math.pow(1.0 + 0.5 * (gamma - 1.0) * x, -2.0 * gamma / (gamma - 1.0))
    stays = (1.0 - falls) / (gamma * x) if x > 1e-9 else 1.0
    end = begin_Pa * falls + rise * stays
    return min(P, max(end, steady) if begin_Pa > steady else end)


@kernel
def let_out(m, h, numbers, outside_Pa, start_Pa, gas):
    """Let gas out through an open relief vent while it comes in, without overshoot.

    The pressure begins the step at `start_Pa`, what flames made of it at once included. It rises to
    that of the relief if the vent is shut, and from there on towards where as much leaves as comes
    in (`balanced`). It never falls below that of the relief (a valve, which closes there) or of the
    outside (a burst disc). What stays expands adiabatically, ``T ~ n^(gamma-1)``.

    References
    ----------
    J. D. Anderson, Modern Compressible Flow, 3rd ed., ch. 5, isentropic choked discharge.
    """
    n, C, kg = content(m, gas)
    T = gas.temperature_K[m]
    P = headspace_pressure(n, T, numbers.volume_m3, 0.0)
    shut = gas.is_open[m] == 0
    if P > numbers.relief_Pa and not numbers.reseals:
        gas.is_open[m] = 1
    floor = outside_Pa if gas.is_open[m] != 0 else numbers.relief_Pa
    if floor >= P:
        gas.surge_Pa[m] = max(gas.surge_Pa[m], max(start_Pa, P))
        return
    gas.relieved[m] = 1
    gamma, begin_Pa, open_s = 1.0 + n * R / C, min(start_Pa, P), h
    if shut and begin_Pa < numbers.relief_Pa:
        open_s = h * (P - numbers.relief_Pa) / (P - begin_Pa)
        begin_Pa = numbers.relief_Pa
    end = balanced(
        begin_Pa, P, T, kg / n, gamma, outside_Pa, numbers.opening_m2, kg, open_s
    )  # fmt: skip
    end = max(end, floor)
    gas.surge_Pa[m] = max(gas.surge_Pa[m], max(start_Pa, max(begin_Pa, end)))
    keep = math.pow(end / P, 1.0 / gamma)
    for s in range(N_SPECIES):
        amount = gas.mol[m, s] * (1.0 - keep)
        gas.mol[m, s] -= amount
        gas.left_mol[m, s] += amount
    before = C * T
    gas.temperature_K[m] = T * math.pow(keep, gamma - 1.0)
    book(OUTFLOW, m, before - stored_J(m, gas), gas)


@kernel
def let_air_in(m, h, numbers, outside_Pa, outside_K, gas):
    """Let air in through a burst disc where the gas inside has cooled below the outside.

    As much as ends the difference, ``R T (n + x) = P_a V`` with ``T (C + x c_v) = U + x c_p T_a``:
    a quadratic in x, with one positive root; or as much as flows in h, if that is less.
    """
    n, C, _ = content(m, gas)
    T = gas.temperature_K[m]
    P = headspace_pressure(n, T, numbers.volume_m3, 0.0)
    if gas.is_open[m] == 0 or outside_Pa <= P:
        return
    K, warm = outside_Pa * numbers.volume_m3 / R, AIR_CP * outside_K
    b = C * T + n * warm - K * (AIR_CP - R)
    c = C * (n * T - K)
    x = 2.0 * c / (-b - math.sqrt(b * b - 4.0 * warm * c))
    if b < 0.0:
        x = (-b + math.sqrt(b * b - 4.0 * warm * c)) / (2.0 * warm)
    gamma = AIR_CP / (AIR_CP - R)
    flow = outflow(outside_Pa, P, outside_K, AIR_KG, gamma, numbers.opening_m2)
    x = min(x, h * flow / AIR_KG)
    for s in range(N_SPECIES):
        gas.mol[m, s] += x * AIR[s]
    gas.air_mol[m] += x
    gas.temperature_K[m] = (C * T + x * warm) / (C + x * (AIR_CP - R))
    book(AIR_IN, m, x * warm, gas)


@kernel
def is_wrong(m, gas):
    """Say whether what flows into a module is negative or no finite number."""
    total, least = gas.in_J[m], gas.in_J[m]
    for s in range(N_SPECIES):
        total += gas.in_mol[m, s]
        least = min(least, gas.in_mol[m, s])
    return not (math.isfinite(total) and least >= 0.0)


@kernel
def is_at_rest(m, numbers, gas):
    """Say whether a step would change next to nothing."""
    T = gas.temperature_K[m]
    still = gas.in_J[m] == 0.0 and gas.sparks[m] == 0 and gas.is_open[m] == 0
    if not still or abs(gas.wall_K[m] - T) > REST_K or numbers.ignition_K <= T:
        return False
    for s in range(N_SPECIES):
        if gas.in_mol[m, s] != 0.0:
            return False
    return gas.pressure_Pa[m] <= numbers.relief_Pa and is_settled(m, numbers, gas)


@kernel
def gas_stage(h, numbers, outside_Pa, outside_K, gas):
    """Move the gas of all modules by one step.

    Parameters
    ----------
    h : float
        [s], any.
    numbers : GasNumbers
    outside_Pa, outside_K : float
        Of the air around the housings.
    gas : GasArrays
        Read: `in_mol`, `in_J`, `sparks`, cleared after; `wall_K`, as of the beginning of the step.
        Else written.

    Returns
    -------
    int
        `OK`, or why it stopped: then modules from the first wrong one on are as before.
    """
    for m in range(len(gas.in_J)):
        gas.wall_J[m] = 0.0
        if is_at_rest(m, numbers, gas):
            continue
        if is_wrong(m, gas):
            return BAD_INFLOW
        start_Pa, gathered = pressure(m, numbers.volume_m3, gas), fuel(m, gas)
        take_in(m, gas)
        if numbers.burns:
            start_Pa += burn(m, numbers.ignition_K, numbers.volume_m3, gathered, gas)
        gas.sparks[m] = 0
        lose_to_walls(m, h, numbers.wall_W_per_K, gas)
        condense(m, h, numbers, gas)
        let_out(m, h, numbers, outside_Pa, start_Pa, gas)
        let_air_in(m, h, numbers, outside_Pa, outside_K, gas)
        tell(m, numbers.volume_m3, gas)
        if not (math.isfinite(gas.pressure_Pa[m]) and gas.pressure_Pa[m] > 0.0):
            return NOT_FINITE
    return OK
