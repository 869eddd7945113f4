"""What-if results: the outcome of a run in which cells may run away, from its file alone.

`what_if` answers whether runaway spread, how far, how long after the first alarm, and why, and
gives the numbers behind it (`twin.whatif.tree`). It claims nothing that the file does not hold:
what is missing is None, and the sentences say so.
"""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any

from twin.pages.wording import clock
from twin.runfiles.results import Run, open_run
from twin.whatif.cells import front_of, injected, lost_of, margin_of, outcomes, seed_of
from twin.whatif.doubts import doubts_of, rests_on
from twin.whatif.flags import flags_of, limits_of, warned_of
from twin.whatif.gas import gas_of, peaks_of
from twin.whatif.heat import arrival_of, failed_of, feeds_of, held_of, split_of
from twin.whatif.source import PHASE, Source
from twin.whatif.tree import Answer, Front, Lost, Warned, WhatIf
from twin.whatif.words import NO_ROWS, NOT_RECORDED, answer_of


def what_if(run: Run | str | os.PathLike[str]) -> WhatIf:
    """Return the outcome of a run.

    Parameters
    ----------
    run : Run or path
        An open run, or a run file; finished or not.

    Returns
    -------
    WhatIf
        With `has_runaway` False, and one sentence, where the file records no reacting cells.

    Raises
    ------
    NotARun
        The file is missing, foreign, damaged or of a newer format.
    """
    if isinstance(run, Run):
        return _read(Source(run))
    with open_run(run) as opened:
        return _read(Source(opened))


def first_alarm_s(path: str | os.PathLike[str]) -> float | None:
    """Return when the BMS first flagged anything that has to do with a fault [s], None if never.

    Raises
    ------
    NotARun
        The file is missing, foreign, damaged or of a newer format.
    """
    with open_run(path) as run:
        source = Source(run)
        flags, _ = flags_of(source, injected(source))
        return warned_of(flags, ()).flag_s


def _read(source: Source) -> WhatIf:
    run, ledger = source.run, source.run.ledger
    time_s = source.time_s if source.has("truth/cell_temperature_K") else [0.0]
    about = {
        "file": str(run.path),
        "scenario": str(run.attributes.get("scenario_name") or run.path.stem),
        "start_s": float(time_s[0]),
        "end_s": float(time_s[-1]),
        "ended": run.ended,
        "energy_residual_J": ledger.get("residual_J"),
        "energy_residual": ledger.get("residual"),
        "charge_residual_As": ledger.get("charge_residual_As"),
    }
    if not source.is_reacting:
        said = NO_ROWS if PHASE in run.channels and not run.rows else NOT_RECORDED
        return WhatIf(
            **about, has_runaway=False, did_spread=False, cells=(), seed=None, arrival=None,
            held=None,
            answer=Answer(spread=said, caveat="", far="", after_alarm="", why=""),
            front=Front(speed_m_per_s=None, r2=None, n_cells=0, reason="no reacting cells"),
            lost=Lost(
                n_cells=0, ran_away=0, followed=0, spent=0, opened=0, vented=0, vented_s=None,
                collapsed=0,
            ),
            peaks=peaks_of(source), heat=None, failed_heat=None, body_share=None, feeds=(),
            margin=None, margin_is_within_assumptions=False, doubts=(), flags=(),
            warned=Warned(flag_s=None, code="", before_first_s=None, before_second_s=None),
            gas=gas_of(source), limits=(), faults=(), began_s=None, notes=(),
        )  # fmt: skip
    return _reacting(source, about)


def _reacting(source: Source, about: dict[str, Any]) -> WhatIf:
    cells, faults = outcomes(source), injected(source)
    seed = seed_of(cells, faults)
    front, lost = front_of(source, seed), lost_of(source, cells, seed)
    margin = margin_of(source, cells)
    flags, missing = flags_of(source, faults)
    warned, arrival = warned_of(flags, cells), arrival_of(source, cells, seed, margin)
    feeds, failed = feeds_of(source, cells), failed_of(source, cells)
    doubts = doubts_of(source, seed, margin, arrival, failed)
    rests = rests_on(source, seed, arrival, failed)
    peaks = peaks_of(source)
    reactions = source.reactions
    held = held_of(source, cells, seed, margin)
    answer = answer_of(
        cells, seed, front, lost, margin, warned, arrival, held, feeds, faults, doubts, rests,
        source.study if doubts else "",
    )  # fmt: skip
    if source.run.ended != "done":
        early = f"The run ended early, at {clock(about['end_s'])} ({source.run.ended})"
        answer = replace(answer, spread=f"{answer.spread} {early}: more might have followed.")
    notes = [missing] if missing else []
    if source.separator_K is None:
        notes.append("the collapse of separators is not known from this file: no margin is given")
    return WhatIf(
        **about, has_runaway=True, did_spread=lost.followed > 0, cells=cells, seed=seed,
        answer=answer,
        front=front, lost=lost, peaks=peaks, heat=split_of(source), arrival=arrival,
        held=held,
        failed_heat=failed, doubts=doubts + rests,
        margin_is_within_assumptions=bool(doubts),
        body_share=None if reactions is None else reactions.body_share,
        faults=faults.faults, began_s=faults.began_s, limits=limits_of(source, peaks),
        feeds=feeds, margin=margin, flags=flags, warned=warned,
        gas=gas_of(source), notes=tuple(notes),
    )  # fmt: skip
