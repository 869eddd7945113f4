"""Two or more runs side by side on one clock: what is identical, what differs, and since when.

The first run is the reference; every other one is held against it, channel by channel and bit for
bit, then event by event and key by key of the scenario. Creation times, host and versions are not
compared. Used by ``twin compare``.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twin.runfiles.layout import Event, counted
from twin.runfiles.results import BLOCK_BYTES, Run, open_run, summary

TICK_PER_S = 1000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """The rows of two runs that belong together.

    Attributes
    ----------
    first, second : int64 (rows,)
        Row numbers in either run.
    note : str
        How they were matched, for people.
    """

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelDifference:
    """One channel of two runs; the extreme is None where nothing differs.

    Attributes
    ----------
    identical : bool
        Bit for bit, NaN included.
    first_time_s : float or None
        First row that differs [s].
    max_abs : float or None
        Largest finite difference, second minus first, in `unit`.
    where, time_s : str, float or None
        Its place and time [s].
    not_a_number : int
        Values that are NaN or infinite in one run alone.
    """

    path: str
    unit: str
    identical: bool
    first_time_s: float | None = None
    max_abs: float | None = None
    where: str = ""
    time_s: float | None = None
    not_a_number: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PairComparison:
    """One run held against the reference."""

    path: str
    rows: int
    clock: str
    channels: list[ChannelDifference]
    skipped: dict[str, str]
    truth: str
    events_only_first: list[Event] = field(default_factory=list)
    events_only_second: list[Event] = field(default_factory=list)
    scenario: list[tuple[str, Any, Any]] = field(default_factory=list)

    @property
    def differing(self) -> list[ChannelDifference]:
        """Channels that are not identical, in order of the first difference."""
        found = [c for c in self.channels if not c.identical]
        return sorted(found, key=lambda c: (c.first_time_s or 0.0, _rank(c.path), c.path))


GROUP_ORDER = ("truth", "measured", "bms", "ems", "pcs", "environment", "ledger")


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """All runs: their summaries, and each one against the first."""

    paths: list[str]
    summaries: list[dict[str, Any]]
    pairs: list[PairComparison]

    def as_dict(self) -> dict[str, Any]:
        """Return everything in plain types, for JSON; NaN and infinity become None."""
        return _plain(asdict(self))


def compare(paths: Sequence[str | os.PathLike[str]]) -> Comparison:
    """Compare runs with the first of them.

    Parameters
    ----------
    paths : sequence of path
        Two or more run files.

    Raises
    ------
    ValueError
        Fewer than two files.
    NotARun
        One of them is not a run.
    """
    if len(paths) < 2:
        raise ValueError(f"compare needs at least two run files, got {len(paths)}")
    with open_run(paths[0]) as first:
        pairs, summaries = [], [summary(first)]
        for path in paths[1:]:
            with open_run(path) as second:
                pairs.append(_compare_pair(first, second))
                summaries.append(summary(second))
    return Comparison(paths=[str(p) for p in paths], summaries=summaries, pairs=pairs)


def match_rows(first_s: NDArray[np.float64], second_s: NDArray[np.float64]) -> Clock:
    """Match the rows of two runs by time.

    Parameters
    ----------
    first_s, second_s : float64 (rows,), [s]
        Times of their rows, ascending.

    Returns
    -------
    Clock
        Rows of equal ticks; where the grids have fewer than two ticks in common, the nearest rows,
        each used once.
    """
    ticks_a, ticks_b = (np.rint(t * TICK_PER_S).astype(np.int64) for t in (first_s, second_s))
    if np.array_equal(ticks_a, ticks_b):
        every = np.arange(len(first_s))
        return Clock(
            first=every, second=every, note=f"all {counted(len(every), 'row')} at equal times"
        )
    _, a, b = np.intersect1d(ticks_a, ticks_b, return_indices=True)
    if len(a) >= min(2, len(first_s), len(second_s)):
        note = f"{counted(len(a), 'row')} at equal times, of {len(first_s)} and {len(second_s)}"
        return Clock(first=a, second=b, note=note)
    b = np.searchsorted((second_s[1:] + second_s[:-1]) / 2, first_s)
    inside = (first_s >= second_s[0]) & (first_s <= second_s[-1]) if len(second_s) else first_s < 0
    a = np.flatnonzero(inside)
    distance = np.abs(first_s[a] - second_s[b[a]])
    order = np.lexsort((distance, b[a]))
    b_used, once = np.unique(b[a][order], return_index=True)
    a_used = a[order][once]
    apart = np.abs(first_s[a_used] - second_s[b_used]).max(initial=0.0)
    nearest = counted(len(a_used), "nearest row")
    note = f"{nearest}, up to {apart:g} s apart: the grids have no times in common"
    return Clock(first=a_used, second=b_used, note=note)


def _compare_pair(first: Run, second: Run) -> PairComparison:
    groups = [{spec.group for spec in run.channels.values()} for run in (first, second)]
    group = next((g for g in ("truth", *sorted(groups[0])) if g in groups[0] & groups[1]), None)
    if group is None:
        clock = Clock(first=np.zeros(0, int), second=np.zeros(0, int), note="no group in common")
    else:
        clock = match_rows(first.time_s(group), second.time_s(group))
    channels, skipped = [], {}
    for path in sorted(first.channels.keys() | second.channels.keys()):
        reason = _reason_to_skip(first, second, path)
        if reason:
            skipped[path] = reason
        else:
            channels.append(_compare_channel(first, second, path, clock))
    only_first, only_second = _differing_events(
        *(_in_common(run.events, first, second) for run in (first, second))
    )
    return PairComparison(
        path=str(second.path),
        rows=len(clock.first),
        clock=clock.note,
        channels=channels,
        skipped=skipped,
        truth=_truth_line(channels, skipped, len(clock.first)),
        events_only_first=only_first,
        events_only_second=only_second,
        scenario=differing_keys(first.scenario_text, second.scenario_text),
    )


def _reason_to_skip(first: Run, second: Run, path: str) -> str:
    if path not in first.channels or path not in second.channels:
        return "only in the " + ("first" if path in first.channels else "second") + " run"
    a, b = first.channels[path], second.channels[path]
    if a.axis != b.axis or a.dtype != b.dtype:
        return f"recorded differently ({a.axis}, {a.dtype} and {b.axis}, {b.dtype})"
    if a.axis is None:
        return ""
    one, other = first.axes[a.axis], second.axes[a.axis]
    if one.size != other.size:
        return f"different packs: {one.size} and {other.size} x {a.axis}"
    same = one.coordinates.keys() == other.coordinates.keys() and all(
        np.array_equal(one.coordinates[key], other.coordinates[key]) for key in one.coordinates
    )
    return "" if same else f"different packs: each {a.axis} sits elsewhere"


def _bits(values: NDArray[Any]) -> NDArray[Any]:
    return np.ascontiguousarray(values).view(f"u{values.dtype.itemsize}")


def _rows_of(run: Run, path: str, rows: NDArray[np.int64]) -> NDArray[Any]:
    span = run.channel(path, int(rows[0]), int(rows[-1]) + 1)
    return (span if len(span) == len(rows) else span[rows - rows[0]]).reshape(len(rows), -1)


def _compare_channel(first: Run, second: Run, path: str, clock: Clock) -> ChannelDifference:
    spec = first.channels[path]
    width = 1 if spec.axis is None else first.axes[spec.axis].size
    step = max(1, BLOCK_BYTES // (8 * width))
    first_row, row, column, largest, odd = -1, 0, 0, -1.0, 0
    for start in range(0, len(clock.first), step):
        a = _rows_of(first, path, clock.first[start : start + step])
        b = _rows_of(second, path, clock.second[start : start + step])
        differs = _bits(a) != _bits(b)
        if first_row < 0 and differs.any():
            first_row = start + int(np.argmax(differs.any(axis=1)))
        with np.errstate(invalid="ignore"):
            distance = np.abs(b.astype(np.float64) - a.astype(np.float64))
        unfit = differs & ~np.isfinite(distance)
        odd += int(unfit.sum())
        distance[~np.isfinite(distance) | ~differs] = -1.0
        k, i = np.unravel_index(np.argmax(distance), distance.shape)
        if distance[k, i] > largest:
            row, column, largest = start + int(k), int(i), float(distance[k, i])
    if first_row < 0:
        return ChannelDifference(path=path, unit=spec.unit, identical=True)
    time_s = first.time_s(spec.group)[clock.first]
    found = largest >= 0.0
    return ChannelDifference(
        path=path,
        unit=spec.unit,
        identical=False,
        first_time_s=float(time_s[first_row]),
        max_abs=largest if found else None,
        where=first.name_of(spec.axis, column) if found else "",
        time_s=float(time_s[row]) if found else None,
        not_a_number=odd,
    )


def _truth_line(channels: list[ChannelDifference], skipped: dict[str, str], rows: int) -> str:
    truth = [c for c in channels if c.path.startswith("truth/")]
    different = sorted((c.first_time_s or 0.0, c.path) for c in truth if not c.identical)
    left_out = [reason for path, reason in skipped.items() if path.startswith("truth/")]
    skipped_too = f"; {counted(len(left_out), 'channel')} not compared"
    end = f"{skipped_too} ({left_out[0]})" if left_out else ""
    over = counted(rows, "row")
    if not truth or not rows:
        return f"truth: nothing to compare over {over}{end}"
    if not different:
        number = counted(len(truth), "channel")
        return f"truth: identical bit for bit in {number} over {over}{end}"
    time_s, path = different[0]
    return (
        f"truth: differs in {len(different)} of {counted(len(truth), 'channel')} over {over}, "
        f"first at {time_s:g} s in {path.removeprefix('truth/')}{end}"
    )


def _rank(path: str) -> int:
    """Order groups as a reader asks for them: truth first, the audit last."""
    group = path.partition("/")[0]
    return GROUP_ORDER.index(group) if group in GROUP_ORDER else len(GROUP_ORDER)


def _in_common(events: Sequence[Event], *runs: Run) -> list[Event]:
    """Return the events of the time that all runs have rows for."""
    times = [run.time_s(next(iter(run.channels.values())).group) for run in runs if run.rows]
    begin = max((t[0] for t in times), default=0.0)
    end = min((t[-1] for t in times), default=0.0)
    return [event for event in events if begin <= event.time_s <= end]


def _differing_events(
    first: Sequence[Event], second: Sequence[Event]
) -> tuple[list[Event], list[Event]]:
    def key(event: Event) -> tuple[Any, ...]:
        tick = round(event.time_s * TICK_PER_S)
        return tick, event.source, event.code, event.severity, event.transition, event.component

    def left(events: Sequence[Event], others: Sequence[Event]) -> list[Event]:
        taken = Counter(map(key, others))
        kept = []
        for event in events:
            if taken[key(event)] > 0:
                taken[key(event)] -= 1
            else:
                kept.append(event)
        return kept

    return left(first, second), left(second, first)


def differing_keys(first: str, second: str) -> list[tuple[str, Any, Any]]:
    """Return (key path, first value, second value) where two scenario texts differ.

    A key that one of them lacks has the value None there.
    """
    if first == second:
        return []
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        a, b = (_flat(YAML(typ="safe", pure=True).load(text)) for text in (first, second))
    except YAMLError:
        return [("(text)", "the scenario texts differ", "and one is not YAML")]
    keys = list(dict.fromkeys([*a, *b]))
    return [(key, a.get(key), b.get(key)) for key in keys if a.get(key) != b.get(key)]


def _flat(node: Any, path: str = "") -> dict[str, Any]:
    if isinstance(node, dict) and node:
        items = [(f"{path}.{key}" if path else str(key), value) for key, value in node.items()]
    elif isinstance(node, list) and node:
        items = [(f"{path}[{k}]", value) for k, value in enumerate(node)]
    else:
        return {path: node}
    return {key: leaf for name, value in items for key, leaf in _flat(value, name).items()}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)
