"""The laws that a runaway reaction may follow, and how one node is cooled: pure scalar functions.

Symbols: x amount of a reactant left, y the same after h, k rate constant [1/s], kh its product with
the step h [s], z film that passivates, z0 its scale, T temperature [K], C heat capacity [J/K],
G conductance to a sink [W/K], T_a temperature of the sink [K].

Each law gives y exactly at constant T, or, where that has no closed form, to second order.
"""

from __future__ import annotations

import math

from cell_models.jit import kernel


@kernel
def arrhenius(A: float, E_over_R: float, T: float) -> float:
    """Give the rate constant ``A exp(-E/(R T))`` [1/s]."""
    return A * math.exp(-E_over_R / T)


@kernel
def activation(T: float, on_K: float, smooth_K: float) -> float:
    """Give how far a reaction is on, 0 to 1: a step at `on_K`, or an edge of half width `smooth_K`.

    An edge is ``(1 + tanh((T - on)/smooth)) / 2``. A step is an event: no piece of the integration
    is longer than `rise_K`, so it is met within that.
    """
    if smooth_K > 0.0:
        return 0.5 * (1.0 + math.tanh((T - on_K) / smooth_K))
    return 1.0 if T >= on_K else 0.0


@kernel
def decay(x: float, kh: float) -> float:
    """Give what is left of a first-order reactant: ``dx/dt = -k x``, ``x exp(-k h)``."""
    return x * math.exp(-kh)


@kernel
def logistic(x: float, kh: float) -> float:
    """Give what is left under ``dx/dt = -k x (1 - x)``: the odds x/(1-x) fall by ``exp(-k h)``.

    With alpha = 1 - x this is the cathode's ``k alpha (1 - alpha)``.

    References
    ----------
    T. D. Hatchard et al., J. Electrochem. Soc. 148 (2001) A755, doi:10.1149/1.1377592.
    """
    fallen = x * math.exp(-kh)
    return fallen / ((1.0 - x) + fallen)


@kernel
def passivated(x: float, kh: float, z_mid: float, growth: float, z0: float) -> float:
    """Give what is left under ``dx/dt = -k x exp(-z/z0)``, where what reacts makes film.

    The film of the middle of the step is ``z_mid + growth (x - y)``, so that
    ``y = x exp(-k h exp(-(z_mid + growth (x - y))/z0))``: one equation for ``u = ln(y/x)``, whose
    two sides move against each other, so it has one root. Newton, kept in a bracket.

    References
    ----------
    M. N. Richard and J. R. Dahn, J. Electrochem. Soc. 146 (1999) 2068, doi:10.1149/1.1391893.
    """
    if x <= 0.0 or kh <= 0.0:
        return x
    low, high = -kh * math.exp(-z_mid / z0), 0.0  # no growth at all; no reaction at all
    u = low
    for _ in range(100):
        y = x * math.exp(u)
        pace = kh * math.exp(-(z_mid + growth * (x - y)) / z0)
        missing = u + pace
        if missing > 0.0:
            high = u
        else:
            low = u
        step = -missing / (1.0 + pace * growth * y / z0)
        u_next = u + step
        if not low <= u_next <= high:
            u_next = 0.5 * (low + high)
        if abs(u_next - u) <= 1e-15 * abs(u):
            u = u_next
            break
        u = u_next
    return x * math.exp(u)


@kernel
def saturating_rate(x: float, sharpness: float, slope: float) -> float:
    """Give ``(tanh(s x) + c x)/(1 + c)``: a short's rate, nearly constant until little is left.

    References
    ----------
    LIM1TR (Sandia), input of the short-circuit reaction with power 1.
    """
    return (math.tanh(sharpness * x) + slope * x) / (1.0 + slope)


@kernel
def saturating(x: float, kh: float, sharpness: float, slope: float) -> float:
    """Give what is left under ``dx/dt = -k g(x)``, g as `saturating_rate`: exponential midpoint."""
    if x <= 0.0:
        return x
    middle = x * math.exp(-0.5 * kh * saturating_rate(x, sharpness, slope) / x)
    if middle <= 0.0:
        return 0.0
    return x * math.exp(-kh * saturating_rate(middle, sharpness, slope) / middle)


@kernel
def traced_rate(curve_K, curve_log10, T: float) -> float:
    """Give a measured self-heating rate [K/s] at T: its logarithm runs straight between points.

    Below the first point nothing is known to react: 0. Above the last its rate holds.
    """
    n = len(curve_K)
    rate = 0.0
    if not curve_K[0] > T:
        log10 = curve_log10[n - 1]
        if not curve_K[n - 1] <= T:
            low, high = 0, n - 1
            while high - low > 1:
                middle = (low + high) // 2
                if curve_K[middle] <= T:
                    low = middle
                else:
                    high = middle
            part = (T - curve_K[low]) / (curve_K[high] - curve_K[low])
            log10 = curve_log10[low] + part * (curve_log10[high] - curve_log10[low])
        rate = math.exp(math.log(10.0) * log10)
    return rate


@kernel
def relaxed(T: float, C: float, h: float, given_J: float, G: float, T_a: float):
    """Give the temperature after h, with heat given evenly, and the heat lost meanwhile [J].

    ``C dT/dt = given/h - G (T - T_a)``, exact: with ``p = (1 - exp(-G h/C))/(G h/C)``,
    ``T+ = T + p (given - G h (T - T_a))/C`` and loss = ``(1 - p) given + p G h (T - T_a)``.
    """
    through = G * h / C
    p = -math.expm1(-through) / through if through > 1e-12 else 1.0
    excess = G * h * (T - T_a)
    return T + p * (given_J - excess) / C, (1.0 - p) * given_J + p * excess


@kernel
def sink_conductance(G: float, emission: float, T: float, T_a: float) -> float:
    """Give conductance and radiation in one [W/K]: ``G + eps sigma A (T^2 + T_a^2)(T + T_a)``."""
    return G + emission * (T * T + T_a * T_a) * (T + T_a)
