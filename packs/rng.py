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
_TO_UNIT = 1.0 / 9007199254740992.0  # 2**-53


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
    """Give a standard normal number (Box-Muller, doi:10.1214/aoms/1177706645)."""
    a = hash64(key, counter * _U(2))
    b = hash64(key, counter * _U(2) + _U(1))
    radius = math.sqrt(-2.0 * math.log((float(a >> _U(11)) + 1.0) * _TO_UNIT))
    return radius * math.cos(2.0 * math.pi * float(b >> _U(11)) * _TO_UNIT)
