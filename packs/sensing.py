"""One sample of many sensors, as a chain of short lane loops over flat arrays.

    feel     the sensor's element: skew of the scan, contact, lag
    draw     a standard normal number and two chances for each
    digitise swap, gain, offset, drift, noise, spike, quantiser, stuck
    deliver  the delay line, lost samples, lost messages

`sample` runs the chain for every kind that is due. The loops have no branch in them where the
compiler can use lanes, and their indices are unsigned for the same reason (DESIGN.md section 4).
Rows of `sheet` are the constants of each sensor; `faults` and `switches` are the overlay's.
"""

from __future__ import annotations

import math

import numpy as np

from cell_models.jit import kernel
from packs.overlay import (
    AIR,
    DELAY,
    GAIN,
    KEEP,
    LOST,
    NOISE,
    OFFSET,
    RESOLUTION,
    SILENT,
    SPIKE,
    SPIKE_CHANCE,
    STUCK,
    SWAP,
)
from packs.rng import CENTRE, FAR, TO_UNIT, central_quantile, far_quantile, hash64, normal_quantile

_U = np.uint64
_HALF_TO_UNIT = 1.0 / 4294967296.0  # 2**-32
_LOW = _U(0xFFFFFFFF)
_OTHER = _U(0xD1B54A32D192ED03)  # any odd constant: another channel's key from this one's

OWN_KEEP, OWN_GAIN, OWN_OFFSET, OWN_NOISE, OWN_RESOLUTION, SKEW, LEAST = range(7)
SHEET_ROWS = 7
"""Rows of `sheet`: lag factor of a period, relative gain error, offset, sigma, quantiser step, the
share of the last plant step by which a channel is sampled before the end of the scan, and the least
reading that an instrument gives."""
FIRST, PERIOD, WAIT = range(3)
"""Rows of `plan`, a column for each kind: where its sensors begin (and, behind the last kind, the
number of all), sampling period [ms], samples under way."""


@kernel
def draw(lo, hi, counter, keys, sheet, faults, scratch):
    """Draw for sensors ``lo : hi``: a normal number, and two chances in (0, 1).

    The normal number is bit for bit `packs.rng.normal` of key and counter: five draws of six need
    no logarithm, the others are drawn only where there is noise at all. The chances come from the
    halves of another hash, so that they depend neither on the noise nor on each other; they are
    drawn only where something has a chance.

    Parameters
    ----------
    lo, hi : int
    counter : uint64
        The tick.
    keys : uint64 (n,)
    sheet : float64 (SHEET_ROWS, n)
    faults : float64 (9, n)
    scratch : float64 (5, n), written
        Normal number, chances of a lost sample and of a spike, two more.
    """
    normal, drop, spike, uniform, rare = scratch[0], scratch[1], scratch[2], scratch[3], scratch[4]
    for k in range(_U(lo), _U(hi)):
        uniform[k] = (float(np.int64(hash64(keys[k], counter) >> _U(11))) + 0.5) * TO_UNIT
    chance = 0.0
    for k in range(_U(lo), _U(hi)):
        chance += faults[LOST, k] + faults[SPIKE_CHANCE, k]
    if chance > 0.0:
        for k in range(_U(lo), _U(hi)):
            bits = hash64(keys[k] ^ _OTHER, counter)
            drop[k] = (float(np.int64(bits >> _U(32))) + 0.5) * _HALF_TO_UNIT
            spike[k] = (float(np.int64(bits & _LOW)) + 0.5) * _HALF_TO_UNIT
    for k in range(_U(lo), _U(hi)):
        q = uniform[k] - 0.5
        q = q if q < CENTRE else CENTRE
        normal[k] = q if q > -CENTRE else -CENTRE
    for k in range(_U(lo), _U(hi)):
        normal[k] = central_quantile(normal[k])
    far = _U(0)
    for k in range(_U(lo), _U(hi)):
        rare[far] = float(np.int64(k))
        noisy = sheet[OWN_NOISE, k] + faults[NOISE, k] > 0.0
        far += _U(1) if noisy and abs(uniform[k] - 0.5) > CENTRE else _U(0)
    draw_far(far, uniform[_U(lo) : _U(hi)], uniform, rare, normal)


@kernel
def draw_far(far, root, uniform, rare, normal):
    """Draw the normal numbers that need a logarithm: these one by one, the rest in lanes.

    Parameters
    ----------
    far : int
    root : float64 (n,), written
        The uniform numbers themselves, from the first of this draw: no number is read after the
        root in its place was written, for the places of the rare ones rise.
    uniform, rare : float64 (n,), written
        Uniform numbers by place, and `far` places.
    normal : float64 (n,), written
    """
    left = _U(0)
    for j in range(far):
        k = _U(rare[j])
        p = uniform[k]
        r = math.sqrt(-math.log(min(p, 1.0 - p)))
        if r > FAR:
            normal[k] = normal_quantile(p)
            continue
        root[left], rare[left] = r if p > 0.5 else -r, rare[j]
        left += _U(1)
    for j in range(left):
        r = root[j]
        x = far_quantile(abs(r))
        root[j] = -x if r < 0.0 else x
    for j in range(left):
        normal[_U(rare[j])] = root[j]


@kernel
def feel(lo, hi, truth, before, sheet, faults, lagged):
    """Move the sensing elements ``lo : hi`` by one sample towards what they feel.

    A channel that is scanned before the others feels the truth of its own moment: between two plant
    states the truth is taken to be a straight line. A detached thermistor feels the air by the
    share `AIR`, with the longer one of its own lag and that of the fault.

    Parameters
    ----------
    truth : float64 (n + 1,)
        Now; the last entry is the air temperature [K].
    before : float64 (n,)
        One plant step ago.
    sheet, faults : float64 (SHEET_ROWS, n), (9, n)
    lagged : float64 (n,), written
    """
    air_K = truth[_U(len(lagged))]
    for k in range(_U(lo), _U(hi)):
        felt = truth[k] - sheet[SKEW, k] * (truth[k] - before[k])
        felt = felt + faults[AIR, k] * (air_K - felt)
        keep = max(sheet[OWN_KEEP, k], faults[KEEP, k])
        lagged[k] = felt + (lagged[k] - felt) * keep


@kernel
def digitise(lo, hi, sheet, faults, switches, lagged, scratch):
    """Turn what sensors ``lo : hi`` feel into readings.

    ``((felt (1 + gain) + offset) + sigma z) + spike``, then the quantiser. Noise of the data sheet
    and of a fault are independent: their variances add. Swapped channels exchange their elements;
    gain, offset, noise and quantiser belong to the channel and stay. No reading is below `LEAST`.

    Parameters
    ----------
    sheet, faults : float64 (SHEET_ROWS, n), (9, n)
    switches : int64 (4, n)
    lagged : float64 (n,)
    scratch : float64 (5, n)
        As `draw` left it; the last row, the readings, is written.
    """
    normal, spike, seen = scratch[0], scratch[2], scratch[4]
    for k in range(_U(lo), _U(hi)):
        seen[k] = lagged[k + _U(switches[SWAP, k])]  # wraps around for a negative step
    for k in range(_U(lo), _U(hi)):
        own, fault = sheet[OWN_NOISE, k], faults[NOISE, k]
        value = seen[k] * (1.0 + (sheet[OWN_GAIN, k] + faults[GAIN, k]))
        value = value + (sheet[OWN_OFFSET, k] + faults[OFFSET, k])
        value = value + math.sqrt(own * own + fault * fault) * normal[k]
        value = value + (faults[SPIKE, k] if spike[k] < faults[SPIKE_CHANCE, k] else 0.0)
        step = max(sheet[OWN_RESOLUTION, k], faults[RESOLUTION, k])
        rounded = np.floor(value / (step if step > 0.0 else 1.0) + 0.5) * step
        value = rounded if step > 0.0 else value
        seen[k] = sheet[LEAST, k] if value < sheet[LEAST, k] else value


@kernel
def deliver(
    lo, hi, tick, period, wait, taken, scratch, line, faults, switches, value, valid, sampled_at
):
    """Put the readings ``lo : hi`` of one rhythm on their delay lines, and hand out what is due.

    A stuck sensor repeats the last sample on its line. A lost sample is invalid, no number, and its
    age grows. A silent one leaves the receiver with the last message: a valid value, growing old.

    Parameters
    ----------
    tick, period : int
        [ms].
    wait, taken : int
        Delay of the data sheet in samples; samples taken before this one.
    scratch : float64 (5, n), written
        As `digitise` left it.
    line : float64 (depth, n), written
        Deeper than the longest delay, that of the faults included.
    faults : float64 (9, n)
    switches : int64 (4, n)
    value : float64 (n,), written
    valid, sampled_at : int64 (n,), written
        `sampled_at` is the tick at which the delivered value was taken.
    """
    old, drop, seen, depth = scratch[0], scratch[1], scratch[4], len(line)
    slot = taken % depth
    now, last = line[slot], line[slot - 1 if slot > 0 else depth - 1]
    for k in range(_U(lo), _U(hi)):
        now[k] = last[k] if switches[STUCK, k] == 1 and taken > 0 else seen[k]
    for k in range(_U(lo), _U(hi)):
        late = wait + switches[DELAY, k]
        seen[k] = line[_U(slot - late if slot >= late else slot - late + depth), k]
    for k in range(_U(lo), _U(hi)):
        old[k] = value[k]  # a choice between a new and the stored number would be stored by mask
    for k in range(_U(lo), _U(hi)):
        came = (taken >= wait + switches[DELAY, k]) & (switches[SILENT, k] == 0)
        lost = drop[k] < faults[LOST, k]
        valid[k] += ((0 if lost else 1) - valid[k]) & (-1 if came else 0)
        new = math.nan if lost else seen[k]
        value[k] = new if came else old[k]
    for k in range(_U(lo), _U(hi)):
        late = wait + switches[DELAY, k]
        came = (taken >= late) & (switches[SILENT, k] == 0) & (drop[k] >= faults[LOST, k])
        sampled_at[k] += (tick - late * period - sampled_at[k]) & (-1 if came else 0)


@kernel
def sample(
    tick, plan, truth, sheet, keys, scratch, faults, switches, before, lagged, line, count, value,
    valid, sampled_at,
):  # fmt: skip
    """Sample every kind that is due at `tick`, and deliver what has waited out its delay.

    Neighbouring kinds of one period and delay go through the lane loops as one.

    Parameters
    ----------
    tick : int
        [ms].
    plan : int64 (3, K + 1)
    truth : float64 (n + 1,)
        The last entry is the air temperature [K].
    sheet : float64 (SHEET_ROWS, n)
    keys : uint64 (n,)
    scratch : float64 (5, n), written
    faults : float64 (9, n)
    switches : int64 (4, n)
    before, lagged : float64 (n,), written
        The truth when this was last called; the elements.
    line : float64 (depth, n), written
    count : int64 (K,), written
        Samples taken so far.
    value : float64 (n,), written
    valid, sampled_at : int64 (n,), written
    """
    first, period, wait = plan[FIRST], plan[PERIOD], plan[WAIT]
    kinds, kind = len(count), 0
    while kind < kinds:
        end = kind + 1
        while end < kinds and period[end] == period[kind] and wait[end] == wait[kind]:
            end += 1
        if tick % period[kind] == 0:
            lo, hi = first[kind], first[end]
            feel(lo, hi, truth, before, sheet, faults, lagged)
            draw(lo, hi, _U(tick), keys, sheet, faults, scratch)
            digitise(lo, hi, sheet, faults, switches, lagged, scratch)
            deliver(
                lo, hi, tick, period[kind], wait[kind], count[kind], scratch, line, faults,
                switches, value, valid, sampled_at,
            )  # fmt: skip
            for k in range(kind, end):
                count[k] += 1
        kind = end
    for k in range(_U(len(before))):
        before[k] = truth[k]


@kernel
def drop_along_wires(first, bleed, bleed_S, wire_ohm, groups_per_module, truth):
    """Take the drop of bleed currents along the sense wires off the group voltages.

    The AFE bleeds through the wires that it measures with. Group g sits between wire g and wire
    g + 1 of its module; its bleed current I leaves by the upper and returns by the lower one. Where
    two groups share a wire their currents oppose, so that group g reads
    ``-R (2 I_g - I_(g-1) - I_(g+1))`` too low: a bleeding group reads low, its neighbours high.
    Neighbours in another module have wires of their own.

    Parameters
    ----------
    first : int
        Of the group voltages in `truth`.
    bleed : int64 (G,)
        Which groups bleed.
    bleed_S, wire_ohm : float
        Conductance of a balancing resistor; resistance of one wire [ohm].
    groups_per_module : int
    truth : float64 (n,), written
    """
    last = 0.0  # bleed current of the group before, in the same module
    for g in range(len(bleed)):
        if g % groups_per_module == 0:
            last = 0.0
        mine = bleed[g] * bleed_S * truth[first + g]
        truth[first + g] -= wire_ohm * (2.0 * mine - last)
        if (g + 1) % groups_per_module != 0 and g + 1 < len(bleed):
            upper = bleed[g + 1] * bleed_S * truth[first + g + 1]
            truth[first + g] += wire_ohm * upper
        last = mine
