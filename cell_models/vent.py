"""A can that opens: pressure of its headspace, and what flows out through the vent.

Pure functions of one phenomenon each, for an ideal gas. After opening, a can of millilitres is
empty within milliseconds: in a pack's step outflow equals generation.

Symbols: P pressure inside [Pa], P_a outside, T temperature [K], V volume [m3], M molar mass
[kg/mol], gamma ratio of specific heats, A area of the vent [m2], C_d its discharge coefficient.
"""

from __future__ import annotations

import math

from cell_models.jit import kernel

R = 8.314462618
"""Gas constant [J/(mol K)], CODATA 2018."""


@kernel
def headspace_pressure(moles: float, T: float, V: float, vapour_Pa: float) -> float:
    """Give the pressure of a headspace [Pa]: ``n R T/V + p_sat(T)``; `vapour_Pa` is p_sat."""
    return moles * R * T / V + vapour_Pa


@kernel
def critical_ratio(gamma: float) -> float:
    """Give P/P_a above which the flow is choked: ``((gamma+1)/2)^(gamma/(gamma-1))``."""
    return math.pow(0.5 * (gamma + 1.0), gamma / (gamma - 1.0))


@kernel
def choked_flow(P: float, T: float, M: float, gamma: float, discharge_area: float) -> float:
    """Give the choked mass flow [kg/s] through ``C_d A``: at the speed of sound, whatever P_a.

    ``C_d A P sqrt(gamma M/(R T)) (2/(gamma+1))^((gamma+1)/(2 (gamma-1)))``.
    """
    power = 0.5 * (gamma + 1.0) / (gamma - 1.0)
    shape = math.sqrt(gamma * M / (R * T)) * math.pow(2.0 / (gamma + 1.0), power)
    return discharge_area * P * shape


@kernel
def subsonic_flow(
    P: float, P_a: float, T: float, M: float, gamma: float, discharge_area: float
) -> float:
    """Give the isentropic mass flow [kg/s] below the critical ratio; with r = P_a/P,

    ``C_d A P sqrt(2 gamma M/((gamma-1) R T) (r^(2/gamma) - r^((gamma+1)/gamma)))``.
    """
    r = P_a / P
    if r >= 1.0:
        return 0.0
    shape = math.pow(r, 2.0 / gamma) - math.pow(r, (gamma + 1.0) / gamma)
    return discharge_area * P * math.sqrt(2.0 * gamma * M / ((gamma - 1.0) * R * T) * shape)


@kernel
def outflow(P: float, P_a: float, T: float, M: float, gamma: float, discharge_area: float) -> float:
    """Give the mass flow out of a can at P [kg/s], choked or not; none flows back."""
    if critical_ratio(gamma) * P_a <= P:
        return choked_flow(P, T, M, gamma, discharge_area)
    return subsonic_flow(P, P_a, T, M, gamma, discharge_area)


@kernel
def blowdown_time(V: float, T: float, M: float, gamma: float, discharge_area: float) -> float:
    """Give the time constant [s] with which the pressure falls while choked: mass / mass flow."""
    return V * M / (R * T) / choked_flow(1.0, T, M, gamma, discharge_area)
