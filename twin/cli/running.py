"""`twin run` and `twin fork`: a run with its progress, its accidents and its closing table."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from twin.cli.screen import (
    JsonFlag,
    UserError,
    complain,
    duration,
    read_time,
    say_json,
    stderr,
    times,
)

if TYPE_CHECKING:
    from twin.engine import Engine
    from twin.pacing import Pacer
    from twin.scenarios.scenario import Scenario
    from twin.session import Outcome

PANEL = "Run"
INTERRUPTED = 130
TERMINATED = "stopped from outside (SIGTERM)"
BAR_PERIOD_S = 0.2
"""Wall time between two drawings of the progress bar: no thread, so no time taken from the run."""
DRAWN_NS = 20_000_000
"""Shortest period [ns] of a paced run with a progress bar: to draw it takes a few ms."""

ScenarioName = Annotated[
    str, typer.Argument(metavar="SCENARIO", help="A scenario file, or the name of an example.")
]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Change a key of the scenario; repeatable."),
]
Force = Annotated[bool, typer.Option("--force", help="Overwrite the output file.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar, no closing table.")]
Until = Annotated[
    str | None, typer.Option(metavar="TIME", help='End earlier, as in "2 h"; from the start.')
]

ALARM = "alarm"
"""In place of a time: when the BMS first raised one."""


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("run", rich_help_panel=PANEL)(run)
    app.command("fork", rich_help_panel=PANEL)(fork)


def run(
    scenario: ScenarioName,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o", "--output", metavar="RUN.h5", help="The run file; else the scenario's name."
        ),
    ] = None,
    force: Force = False,
    overrides: Overrides = None,
    until: Until = None,
    pace: Annotated[
        float | None,
        typer.Option(metavar="N", help="Keep wall-clock time: 1 is real time, 2 twice as fast."),
    ] = None,
    as_json: JsonFlag = False,
    quiet: Quiet = False,
) -> None:
    """Run a scenario and record it."""
    begin = time.monotonic()
    if pace is not None:
        _check_pace(pace)
    from twin.scenarios.load import load_scenario

    loaded = load_scenario(scenario, overrides or ())
    end = None if until is None else _end(until, loaded.step, loaded.duration)
    path = Path(f"{loaded.name}.h5") if output is None else output
    check_output(path, force, (Path(scenario), "the scenario"))
    if pace is not None:  # before there is a file: kernels may have to be compiled
        _load_kernels(loaded, _is_watched(quiet, as_json))
    from twin.session import start_run

    if loaded.resolution != "cell" and _is_watched(quiet, as_json):
        complain("holding the lumped pack against full detail …", style="dim")
    engine = start_run(loaded, path, force=force)
    pacer = None
    if pace is not None:
        from twin.pacing import Pacer

        pacer = Pacer(pace, engine.clock.stage)
    _finish(engine, path, end, as_json, quiet, begin, pacer)


def _check_pace(pace: float) -> None:
    from twin.pacing import check_pace

    try:
        check_pace(pace)
    except ValueError as error:
        raise UserError(f"--pace {pace:g}: {error}") from None


def _load_kernels(scenario: Scenario, watched: bool) -> None:
    """Bring every kernel into memory, so that no step of a paced run waits for one."""
    from twin.warmup import rehearse

    if watched:
        complain("loading kernels …", style="dim")
    with suppress(Exception):  # what is wrong, the run itself will tell, and keep its file
        rehearse(scenario)


def fork(
    run_file: Annotated[Path, typer.Argument(metavar="RUN.h5", help="The run to fork.")],
    at: Annotated[
        str,
        typer.Option(metavar="TIME", help='When, as in "10 min"; or alarm: the first of the BMS.'),
    ],
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="NEW.h5", help="The new run file.")
    ],
    overrides: Overrides = None,
    force: Force = False,
    until: Until = None,
    as_json: JsonFlag = False,
    quiet: Quiet = False,
) -> None:
    """Run on from a moment of a run, with changes from there on."""
    begin = time.monotonic()
    tick = _moment(run_file, at)
    check_output(output, force, (run_file, "the run that is forked"))
    end = None if until is None else _end_of_fork(run_file, overrides or (), until, tick)
    from twin.fork import start_fork

    if _is_watched(quiet, as_json):
        complain(f"restoring {run_file} at {duration(tick / 1000.0)} …", style="dim")
    engine = start_fork(run_file, tick, overrides or (), output, force=force)
    _finish(engine, output, end, as_json, quiet, begin)


def _moment(run_file: Path, at: str) -> int:
    """Return the tick that ``--at`` means: a time, or the first alarm."""
    if at.strip() == ALARM:
        return _of_first_alarm(run_file)
    if not any(letter.isdigit() for letter in at):
        raise UserError(f"--at {at!r}: expected {ALARM}, or a duration such as '10 min'")
    return read_time("--at", at)


def _of_first_alarm(run_file: Path) -> int:
    """Return the tick of the BMS's first alarm after a fault came."""
    from twin.results import first_alarm_s

    time_s = first_alarm_s(run_file)
    if time_s is None:
        raise UserError(
            f"--at {ALARM}: the BMS raised none in {run_file} that has to do with a fault; give a "
            "time, as in --at '10 min'"
        )
    return round(1000.0 * time_s)


def _end_of_fork(run_file: Path, overrides: Sequence[str], until: str, at: int) -> int:
    """Return the tick of an earlier end; checked before the new file is made."""
    from twin.runfiles.results import open_run
    from twin.scenarios.load import parse_scenario

    with open_run(run_file) as parent:
        text, home = parent.scenario_text, parent.attributes["scenario_directory"]
    loaded = parse_scenario(text, overrides, source=str(run_file), directory=Path(home))
    end = _end(until, loaded.step, loaded.duration)
    if end <= at:
        raise UserError(f"--until {until!r}: expected a time after --at")
    return end


def _end(until: str, step_s: float, duration_s: float) -> int:
    """Return the tick of an earlier end."""
    tick = read_time("--until", until)
    step, last = round(step_s * 1000.0), round(duration_s * 1000.0)
    if not 0 < tick <= last or tick % step:
        raise UserError(
            f"--until {until!r}: expected a time up to the scenario's duration of "
            f"{duration(duration_s)}, in steps of {duration(step_s)}"
        )
    return tick


def _is_watched(quiet: bool, as_json: bool) -> bool:
    """Tell whether somebody watches progress: only on a terminal, and if they want to."""
    return not quiet and not as_json and stderr().is_terminal


def check_output(path: Path, force: bool, source: tuple[Path, str]) -> None:
    """Refuse an output that cannot be written, before anything long is done."""
    named, what = source
    if path.exists() and named.exists() and path.samefile(named):
        raise UserError(f"-o {path}: this is {what}; choose another name")
    if path.is_dir():
        raise UserError(f"-o {path}: this is a folder; name a file in it")
    if path.exists() and not force:
        raise UserError(f"{path} exists already; choose another name, or add --force")
    if not path.parent.is_dir():
        raise UserError(f"-o {path}: there is no folder {path.parent}")


def _finish(
    engine: Engine,
    path: Path,
    end: int | None,
    as_json: bool,
    quiet: bool,
    begin: float,
    pacer: Pacer | None = None,
) -> None:
    """Run to the end, say how it went, and exit with the run's code."""
    from twin.session import STOPPED, Outcome
    from twin.session import run as run_session
    from twin.warmup import compiling_time

    first, started = engine.tick, time.monotonic()
    last = engine.clock.end if end is None else end
    drawn = _is_watched(quiet, as_json) and (pacer is None or pacer.period_ns >= DRAWN_NS)
    with (
        compiling_time() as compiled_s,
        _progress(first, last, drawn, compiled_s) as bar,
        _gentle_interrupt() as interrupted,
    ):

        def look(tick: int) -> None:
            bar(tick)
            if interrupted() == signal.SIGTERM:
                engine.recorder.end_as(f"{TERMINATED} at {tick / 1000.0:g} s", STOPPED)
            if interrupted():
                raise KeyboardInterrupt

        outcome = run_session(engine, end, look, pacer)
        if outcome.code == INTERRUPTED and interrupted() == signal.SIGTERM:
            outcome = Outcome(STOPPED, f"{TERMINATED} at {engine.tick / 1000.0:g} s")
    compile_s = compiled_s()
    run_s = max(time.monotonic() - started - compile_s, 1e-9)
    facts = _facts(engine, path, outcome, run_s, time.monotonic() - begin, first)
    facts["compile_s"] = compile_s
    if pacer is not None:
        facts["pacing"] = pacer.summary()
    if as_json:
        say_json(facts)
    elif not quiet:
        from twin.cli.closing import show_closing

        show_closing(facts)
    if outcome.code:
        complain(_with_what_is_left(outcome.reason, path, facts["rows"]))
    raise typer.Exit(outcome.code)


def _with_what_is_left(reason: str, path: Path, rows: int) -> str:
    """Return why a run ended early, with what its file holds."""
    if not rows:
        return f"{reason.partition('; the file')[0]}; not even the first rows are in {path}"
    return reason if "the file" in reason else f"{reason}; {path} holds everything up to there"


def _facts(
    engine: Engine, path: Path, outcome: Outcome, run_s: float, wall_s: float, first: int
) -> dict[str, Any]:
    """Return what is known at the end of a run, for people and for scripts."""
    from twin.runfiles.results import open_run, summary

    with open_run(path) as run_file:
        found = summary(run_file)
        ledger = run_file.ledger
    simulated_s = (engine.tick - first) / 1000.0
    return {
        **found,
        "exit_code": outcome.code,
        "ended": outcome.reason,
        "charge_residual": ledger.get("charge_residual"),
        "simulated_s": simulated_s,
        "run_s": run_s,
        "wall_s": wall_s,
        "times_real_time": simulated_s / run_s,
    }


@contextmanager
def _gentle_interrupt() -> Iterator[Callable[[], int]]:
    """Let Ctrl-C and SIGTERM wait for the end of a step, so that no write is torn.

    Yields what tells the signal that came, 0 for none. A second one does not wait.
    """
    asked: list[int] = []

    def ask(number: int, frame: Any) -> None:
        if asked:
            raise KeyboardInterrupt
        asked.append(number)

    if threading.current_thread() is not threading.main_thread():
        yield lambda: 0
        return
    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: asked[0] if asked else 0
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _progress(
    first: int, last: int, show: bool, compiled_s: Callable[[], float]
) -> Iterator[Callable[[int], None]]:
    """Give a function that draws how far the run is, on stderr; it draws rarely."""
    if not show or last <= first:
        yield lambda tick: None
        return
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:3.0f} %  {task.fields[speed]} × real time"),
        TimeRemainingColumn(compact=True),
    )
    total, started = duration(last / 1000.0), time.monotonic()
    with Progress(*columns, console=stderr(), auto_refresh=False, transient=True) as bars:
        task = bars.add_task(f"0 s of {total}", total=last - first, speed="0")
        drawn = 0.0

        def draw(tick: int) -> None:
            nonlocal drawn
            now = time.monotonic()
            if now - drawn < BAR_PERIOD_S:
                return
            drawn = now
            running_s = max(now - started - compiled_s(), 1e-9)
            speed = times((tick - first) / 1000.0 / running_s)
            text = f"{duration(tick // 1000)} of {total}"
            bars.update(task, completed=tick - first, description=text, speed=speed)
            bars.refresh()

        yield draw
    sys.stderr.flush()
