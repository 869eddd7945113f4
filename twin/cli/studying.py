"""`twin study`: where an outcome changes as one key of a scenario does."""

from __future__ import annotations

import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from twin.cli.running import Overrides, ScenarioName, Until
from twin.cli.screen import JsonFlag, UserError, complain, grid, read_time, say, say_json, stdout

if TYPE_CHECKING:
    from twin.study import Study, Trial

PANEL = "Run"
NEVER = 1
"""Exit code of a study whose outcome is the same at both ends."""
PARTS = 100
"""The bracket is one of so many parts of the range, unless another is asked for."""


def register(app: typer.Typer) -> None:
    """Add the commands."""
    study = typer.Typer(no_args_is_help=True, help="Where an outcome changes as one key does.")
    study.command("barrier")(barrier)
    app.add_typer(study, name="study", rich_help_panel=PANEL)


def barrier(
    scenario: ScenarioName,
    over: Annotated[str, typer.Option(metavar="KEY", help="The numeric key that is varied.")],
    low: Annotated[str, typer.Option("--lo", metavar="VALUE", help="One end, as in '0.1 mm'.")],
    high: Annotated[str, typer.Option("--hi", metavar="VALUE", help="The other end.")],
    outcome: Annotated[
        str,
        typer.Option(help="propagation, event:CODE, or 'channel > limit' in the channel's unit."),
    ] = "propagation",
    bracket: Annotated[
        float | None, typer.Option(help="How close to come, in the unit of the ends.")
    ] = None,
    runs: Annotated[int, typer.Option(min=2, help="At most so many runs.")] = 12,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="DIR", help="Keep the run files here.")
    ] = None,
    overrides: Overrides = None,
    until: Until = None,
    as_json: JsonFlag = False,
) -> None:
    """Bisect a key to the value at which an outcome, as propagation, comes or stops."""
    from twin.study import Study, StudyError, check_outcome, read_range

    end = None if until is None else read_time("--until", until)
    try:
        a, b, unit = read_range(low, high)
        check_outcome(outcome)
        if bracket is not None and not bracket > 0.0:
            raise StudyError(f"--bracket {bracket:g} is not above 0")
        study = Study(
            scenario=scenario, key=over, low=a, high=b, unit=unit, outcome=outcome,
            bracket=(b - a) / PARTS if bracket is None else bracket,
            overrides=tuple(overrides or ()),
        )  # fmt: skip
        if output is None:
            with tempfile.TemporaryDirectory() as folder:
                trials = _run(study, Path(folder), runs, end)
        else:
            output.mkdir(parents=True, exist_ok=True)
            trials = _run(study, output, runs, end)
    except StudyError as error:
        raise UserError(str(error)) from None
    _tell(study, trials, as_json)


def _run(study: Study, folder: Path, most: int, until: int | None) -> list[Trial]:
    from twin.study import bisect

    trials = []
    for trial in bisect(study, folder, most, until):
        complain(f"{study.key} = {trial.setting}: {trial.said}", style="dim")
        trials.append(trial)
    return trials


def _tell(study: Study, trials: list[Trial], as_json: bool) -> None:
    """Print the trials and the bracket; exit 1 where the outcome is the same at both ends."""
    from twin.study import between

    found = between(trials)
    if as_json:
        answer: dict[str, Any] = {
            "scenario": study.scenario, "key": study.key, "unit": study.unit,
            "outcome": study.outcome, "trials": [asdict(t) for t in trials],
            "between": None if found is None else [found[0].value, found[1].value],
        }  # fmt: skip
        say_json(answer)
    else:
        _show(study, trials)
    if found is None:
        always = "comes" if trials[0].happened else "does not come"
        complain(
            f"{study.outcome} {always} at either end: {trials[0].setting} ({trials[0].said}), "
            f"{trials[1].setting} ({trials[1].said}); widen the range"
        )
        raise typer.Exit(NEVER)
    if not as_json:
        a, b = found
        comes, stays = (a, b) if a.happened else (b, a)
        say(
            f"{study.outcome} comes at {comes.setting} and not at {stays.setting}, "
            f"{abs(b.value - a.value):.3g} {study.unit} apart, after {len(trials)} runs".rstrip()
        )


def _show(study: Study, trials: list[Trial]) -> None:
    margin = "margin [K]" if study.outcome == "propagation" else "margin"
    table = grid(study.key, study.outcome, margin, "found")
    for trial in sorted(trials, key=lambda t: t.value):
        margin = "" if trial.margin is None else f"{trial.margin:.4g}"
        table.add_row(trial.setting, "comes" if trial.happened else "does not", margin, trial.said)
    stdout().print(table)
