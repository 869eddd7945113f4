"""Random numbers as a pure function of seed, channel and counter; and the cells drawn from them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from packs.rng import channel_key, channel_keys, hash64, normal, normals
from packs.spec import SpreadSpec
from packs.spread import LIMIT_SIGMA, draw_spread

U = np.uint64


def counted(key, n):
    """Return n normal numbers of one channel."""
    return np.array([normal(key, U(k)) for k in range(n)])


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_normal_numbers_pass_a_kolmogorov_smirnov_test(seed) -> None:
    by_counter = counted(channel_key(seed, "test"), 20_000)
    by_channel = normals(seed, "test", 20_000)
    for drawn in (by_counter, by_channel):
        # Fixed seeds: a correct generator fails at one seed in a thousand, these do not.
        assert stats.kstest(drawn, "norm").pvalue > 1e-3
        n = len(drawn)
        assert abs(drawn.mean()) < 4.0 / math.sqrt(n)
        assert drawn.std() == pytest.approx(1.0, rel=4.0 / math.sqrt(2.0 * n))
        assert abs(stats.kurtosis(drawn)) < 4.0 * math.sqrt(24.0 / n)
        assert abs(np.corrcoef(drawn[1:], drawn[:-1])[0, 1]) < 4.0 / math.sqrt(n)


def test_hash_is_splitmix64() -> None:
    """Against Vigna's C code (prng.di.unimi.it/splitmix64.c), in exact integers."""

    def splitmix64(seed, n):
        mask, out = (1 << 64) - 1, []
        for _ in range(n):
            seed = (seed + 0x9E3779B97F4A7C15) & mask
            z = seed
            z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
            z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
            out.append(z ^ (z >> 31))
        return out

    for seed in (0, 1234567, 2**64 - 1):
        found = [int(hash64(U(seed), U(k))) for k in range(50)]
        assert found == splitmix64(seed, 50)
    assert splitmix64(1234567, 1) == [6457827717110365317]  # the value that Rosetta Code lists


def test_bits_of_the_hash_are_even() -> None:
    key = channel_key(5, "bits")
    words = np.array([hash64(key, U(k)) for k in range(4096)], dtype=np.uint64)
    ones = np.unpackbits(words.view(np.uint8)).reshape(4096, 64).mean(axis=0)
    assert np.abs(ones - 0.5).max() < 5.0 * 0.5 / math.sqrt(4096)  # 5 sigma: 64 bits looked at


def test_keys_differ_by_seed_channel_and_index() -> None:
    keys = {
        int(channel_key(seed, channel, index))
        for seed in range(5)
        for channel in ("a", "b", "a/1")
        for index in range(20)
    }
    assert len(keys) == 300
    assert [int(k) for k in channel_keys(1, "a", 3)] == [
        int(channel_key(1, "a", index)) for index in range(3)
    ]


def test_more_components_leave_the_first_ones_as_they_were() -> None:
    assert np.array_equal(normals(1, "spread.capacity", 100)[:7], normals(1, "spread.capacity", 7))


def test_cells_differ_with_the_stated_sigma_and_never_by_more_than_three() -> None:
    spread = SpreadSpec(capacity=0.01, resistance=0.03, initial_soc=0.004)
    n = 20_000
    drawn = draw_spread(1, n, 0.8, spread)
    # With the tails held at three sigma the standard deviation is 0.9975 sigma.
    for values, mean, sigma in zip(drawn, (1.0, 1.0, 0.8), (0.01, 0.03, 0.004), strict=True):
        assert abs(values.mean() - mean) < 4.0 * sigma / math.sqrt(n)
        assert values.std() == pytest.approx(0.9975 * sigma, rel=4.0 / math.sqrt(2.0 * n))
        assert np.abs(values - mean).max() <= LIMIT_SIGMA * sigma * (1.0 + 1e-12)
    for a, b in ((0, 1), (0, 2), (1, 2)):
        assert abs(np.corrcoef(drawn[a], drawn[b])[0, 1]) < 4.0 / math.sqrt(n)


def test_without_spread_all_cells_are_equal() -> None:
    drawn = draw_spread(1, 10, 0.8, SpreadSpec(capacity=0.0, resistance=0.0, initial_soc=0.0))
    assert [np.unique(values).tolist() for values in drawn] == [[1.0], [1.0], [0.8]]


def test_the_normal_quantile_agrees_with_scipy() -> None:
    from scipy.special import ndtri

    from packs.rng import normal_quantile

    p = np.concatenate([np.linspace(1e-9, 1.0 - 1e-9, 2001), 10.0 ** -np.arange(1.0, 16.0)])
    ours = np.array([normal_quantile(x) for x in p])
    # Both are accurate to a few roundings; near p = 1/2 the quantile itself passes zero.
    np.testing.assert_allclose(ours, ndtri(p), rtol=4e-15, atol=1e-16)
