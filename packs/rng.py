"""Randomness as a pure function of (seed, channel name, tick): the same on any number of workers.

A channel's name and the seed make a 64-bit key, once; in the step a counter-based hash turns
(key, tick) into uniform and normal numbers. Nothing is remembered.
"""

from __future__ import annotations

import hashlib
import math

import numpy as np
from numpy.typing import NDArray

from cell_models.jit import kernel

_U = np.uint64
_GOLDEN = _U(0x9E3779B97F4A7C15)
_MIX_1 = _U(0xBF58476D1CE4E5B9)
_MIX_2 = _U(0x94D049BB133111EB)
TO_UNIT = 1.0 / 9007199254740992.0  # 2**-53
CENTRE = 0.425
"""AS 241: the quantile needs no logarithm this near to the median."""
FAR = 5.0
"""And another ratio of polynomials beyond this: one draw of 4e10."""


def channel_key(seed: int, channel: str, index: int = 0) -> np.uint64:
    """Return the key of one random channel.

    Parameters
    ----------
    seed : int
    channel : str
        Name, as in ``sensor.group_voltage``.
    index : int
        Of the component.
    """
    digest = hashlib.sha256(f"{seed}/{channel}/{index}".encode()).digest()
    return np.uint64(int.from_bytes(digest[:8], "little"))


def channel_keys(seed: int, channel: str, n: int) -> NDArray[np.uint64]:
    """Return the keys of components 0 to n-1 of a channel."""
    return np.array([channel_key(seed, channel, k) for k in range(n)], dtype=np.uint64)


def normals(seed: int, channel: str, n: int) -> NDArray[np.float64]:
    """Return one standard normal number per component, the same for the same arguments."""
    keys = channel_keys(seed, channel, n)
    with np.errstate(over="ignore"):
        return np.array([normal(key, _U(0)) for key in keys])


@kernel
def hash64(key: np.uint64, counter: np.uint64) -> np.uint64:
    """Mix a key and a counter to 64 random bits (finaliser of SplitMix64).

    References
    ----------
    Steele, Lea, Flood, OOPSLA 2014, doi:10.1145/2660193.2660195.
    """
    z = key + (counter + _U(1)) * _GOLDEN
    z = (z ^ (z >> _U(30))) * _MIX_1
    z = (z ^ (z >> _U(27))) * _MIX_2
    return z ^ (z >> _U(31))


@kernel
def normal(key: np.uint64, counter: np.uint64) -> float:
    """Give a standard normal number: the normal quantile of a uniform one."""
    return normal_quantile((float(hash64(key, counter) >> _U(11)) + 0.5) * TO_UNIT)


@kernel
def ratio(x, a0, a1, a2, a3, a4, a5, a6, a7, b1, b2, b3, b4, b5, b6, b7):
    """Give a ratio of two polynomials of degree 7; the denominator begins with 1."""
    up = ((((((a7 * x + a6) * x + a5) * x + a4) * x + a3) * x + a2) * x + a1) * x + a0
    down = ((((((b7 * x + b6) * x + b5) * x + b4) * x + b3) * x + b2) * x + b1) * x + 1.0
    return up / down


@kernel
def central_quantile(q: float) -> float:
    """Give the normal quantile of ``0.5 + q`` for abs(q) <= `CENTRE`: no branch, fit for lanes."""
    return q * ratio(
        0.180625 - q * q,
        3.3871328727963666080e0, 1.3314166789178437745e2, 1.9715909503065514427e3,
        1.3731693765509461125e4, 4.5921953931549871457e4, 6.7265770927008700853e4,
        3.3430575583588128105e4, 2.5090809287301226727e3,
        4.2313330701600911252e1, 6.8718700749205790830e2, 5.3941960214247511077e3,
        2.1213794301586595867e4, 3.9307895800092710610e4, 2.8729085735721942674e4,
        5.2264952788528545610e3,
    )  # fmt: skip


@kernel
def far_quantile(r: float) -> float:
    """Give the size of the normal quantile of p for ``r = sqrt(-log(min(p, 1 - p)))`` <= `FAR`.

    No branch, fit for lanes.
    """
    return ratio(
        r - 1.6,
        1.42343711074968357734e0, 4.63033784615654529590e0, 5.76949722146069140550e0,
        3.64784832476320460504e0, 1.27045825245236838258e0, 2.41780725177450611770e-1,
        2.27238449892691845833e-2, 7.74545014278341407640e-4,
        2.05319162663775882187e0, 1.67638483018380384940e0, 6.89767334985100004550e-1,
        1.48103976427480074590e-1, 1.51986665636164571966e-2, 5.47593808499534494600e-4,
        1.05075007164441684324e-9,
    )  # fmt: skip


@kernel
def normal_quantile(p: float) -> float:
    """Give the quantile of the standard normal distribution, to 1e-15 relative.

    References
    ----------
    M. J. Wichura, Algorithm AS 241 (PPND16), Applied Statistics 37 (1988) 477,
    doi:10.2307/2347330. Five of six draws need neither logarithm nor root.
    """
    q = p - 0.5
    if abs(q) <= CENTRE:
        return central_quantile(q)
    r = math.sqrt(-math.log(min(p, 1.0 - p)))
    if r <= FAR:
        x = far_quantile(r)
    else:
        x = ratio(
            r - 5.0,
            6.65790464350110377720e0, 5.46378491116411436990e0, 1.78482653991729133580e0,
            2.96560571828504891230e-1, 2.65321895265761230930e-2, 1.24266094738807843860e-3,
            2.71155556874348757815e-5, 2.01033439929228813265e-7,
            5.99832206555887937690e-1, 1.36929880922735805310e-1, 1.48753612908506148525e-2,
            7.86869131145613259100e-4, 1.84631831751005468180e-5, 1.42151175831644588870e-7,
            2.04426310338993978564e-15,
        )  # fmt: skip
    return -x if q < 0.0 else x
