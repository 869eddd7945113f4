"""`twin bench` and `twin validate`: how fast, and how true."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated, Any

import typer

from twin.cli.screen import JsonFlag, UserError, complain, facts, grid, say, say_json, stdout

PANEL = "Figures"
TOPICS = {
    "cell": ("validation.cell_fidelity", "the circuit against PyBaMM's DFN, in mV (10 to 20 min)"),
    "estimators": ("validation.estimators", "the BMS's SOC filter over ten packs (5 min)"),
    "runaway": ("validation.runaway.claims", "thermal runaway of cells and short chains (30 s)"),
    "databank": (
        "validation.runaway.databank",
        "a cell of a pack that runs away, against measured ones (30 s)",
    ),
}
CASES = {"runaway": "validation.runaway.cases"}
"""Topics whose benchmarks can be asked for other conditions."""
FIGURES = {
    "runaway": "validation.runaway.figure",
    "databank": "validation.runaway.databank_figure",
}
"""Topics that draw what they claim."""


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("bench", rich_help_panel=PANEL)(bench)
    app.command("validate", rich_help_panel=PANEL)(validate)


def bench(
    what: Annotated[
        str | None,
        typer.Argument(
            help="plant, threads, engine, step, runaway_module, runaway_cold; else all."
        ),
    ] = None,
    compare: Annotated[
        Path | None,
        typer.Option(metavar="OLD.json", help="Fail if anything is slower than in these figures."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Write the figures here too, as JSON.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Measure how fast packtwin is here, beside what it must reach (about three minutes)."""
    import json

    from twin.bench.figures import GROUPS, measure

    if what is not None and what not in GROUPS:
        raise UserError(f"there is nothing to measure called {what!r}; choose {', '.join(GROUPS)}")
    old = None if compare is None else _read_figures(compare)
    result = measure(None if what is None else (what,))
    if output is not None:
        output.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    if as_json:
        say_json(result)
    else:
        _show_figures(result)
    if old is not None:
        _hold_against(result, old, as_json)
    if any(not figure["reached"] for figure in result["figures"]):
        raise typer.Exit(1)


def _read_figures(path: Path) -> dict[str, Any]:
    import json

    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        names = [figure["name"] for figure in found["figures"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{path}: no figures of `twin bench -o` ({type(error).__name__}); write some first"
        ) from None
    return found if names else {"figures": []}


def _show_figures(result: dict[str, Any]) -> None:
    table = grid("figure", "reached", "must", "aim", "", "/ calibration")
    for column in table.columns[1:4]:
        column.justify = "right"
    for f in result["figures"]:
        ratio = f["ratio"]
        table.add_row(
            f["name"], f"{f['value']:,.4g} {f['unit']}", f"{f['must']:,g}", f"{f['aim']:,g}",
            "holds" if f["reached"] else "short", f"{ratio:,.3g}" if ratio is not None else "",
        )  # fmt: skip
    stdout().print(table)
    for note in dict.fromkeys(f["note"] for f in result["figures"]):
        names = [f["name"] for f in result["figures"] if f["note"] == note]
        say(f"{'; '.join(names)}: {note}")
    say(f"calibration: {result['calibration_ns']:.2f} ns ({result['calibration']})")
    about = result["machine"]
    load = "" if about["load_1_min"] is None else f", load {about['load_1_min']:.1f}"
    say(f"{about['processor']}, {about['cores']} cores{load}; " + _versions(result["versions"]))


def _hold_against(result: dict[str, Any], old: dict[str, Any], as_json: bool) -> None:
    from twin.bench.against import TOLERANCE, against

    found = against(result, old)
    slower = [name for name, _, holds in found if not holds]
    if not as_json:
        table = grid("figure", "cost, new / old", "")
        for name, relative, holds in found:
            table.add_row(name, f"{relative:.2f}", "" if holds else "SLOWER")
        stdout().print(table)
    if slower:
        complain(f"slower by more than {100 * TOLERANCE:.0f} %: {', '.join(slower)}")
        raise typer.Exit(1)


def _versions(versions: dict[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in versions.items())


def validate(
    topic: Annotated[str | None, typer.Argument(help="What to hold against the world.")] = None,
    more: Annotated[
        list[str] | None, typer.Argument(metavar="KEY=VALUE", help="More after a --set.")
    ] = None,
    case: Annotated[
        str | None, typer.Option(metavar="NAME", help="Run one benchmark of the topic alone.")
    ] = None,
    conditions: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Another condition; may be repeated."),
    ] = None,
    figure: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Draw the topic: .png, .svg or .pdf.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Hold our claims against other codes and data; without TOPIC, list the topics."""
    conditions = [*(conditions or []), *(more or [])]
    if topic is None and (case or conditions or figure):
        raise UserError(f"--case, --set and --figure need a topic; topics are {', '.join(TOPICS)}")
    if topic is None:
        if as_json:
            say_json({name: about for name, (_, about) in TOPICS.items()})
            return
        for name, (_, about) in TOPICS.items():
            say(f"twin validate {name:12} {about}")
        return
    if topic not in TOPICS:
        raise UserError(f"there is no topic {topic!r}; topics are {', '.join(TOPICS)}")
    if figure is not None:
        _draw(topic, figure)
    if case is not None:
        _run_case(topic, case, conditions, as_json)
    elif conditions:
        raise UserError("--set changes a condition of a --case; name one")
    else:
        _hold_claims(topic, as_json)


def _draw(topic: str, path: Path) -> None:
    from importlib import import_module

    if topic not in FIGURES:
        raise UserError(f"topic {topic} has no figure; these have one: {', '.join(FIGURES)}")
    if path.suffix.lower() not in (".png", ".svg", ".pdf"):
        raise UserError(f"--figure {path}: the name must end with .png, .svg or .pdf")
    import_module(FIGURES[topic]).save(path)


def _run_case(topic: str, case: str, conditions: list[str], as_json: bool) -> None:
    from importlib import import_module

    if topic not in CASES:
        raise UserError(f"topic {topic} has no cases; these have some: {', '.join(CASES)}")
    cases = import_module(CASES[topic])
    try:
        cases.read_conditions(case, conditions)
    except ValueError as error:
        raise UserError(str(error)) from None
    found = cases.run_case(case, conditions)
    if as_json:
        say_json(found)
        return
    say(f"{case}: {cases.CASES[case].about}", style="bold")
    for title in ("conditions", "results"):
        rows = ((key, _told(value)) for key, value in found[title].items())
        stdout().print(facts(rows, title=title))


def _told(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(_told(one) for one in value)
    if isinstance(value, dict):
        return ", ".join(f"{key} {_told(one)}" for key, one in value.items())
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}" if math.isfinite(value) else "never"
    return str(value)


def _hold_claims(topic: str, as_json: bool) -> None:
    from dataclasses import asdict
    from importlib import import_module

    claims = import_module(TOPICS[topic][0]).run()
    failed = [claim for claim in claims if not claim.passed]
    if as_json:
        say_json([asdict(claim) for claim in claims])
        raise typer.Exit(1 if failed else 0)
    table = grid("claim", "value", "limit", "", "conditions")
    for c in claims:
        unit = f" {c.unit}" if c.unit else ""
        verdict = "holds" if c.passed else "FAILS"
        table.add_row(c.name, f"{c.value:.4g}{unit}", f"{c.limit:g}{unit}", verdict, c.note)
    stdout().print(table)
    for source in dict.fromkeys(claim.source for claim in claims):
        say(f"held against: {source}")
    raise typer.Exit(1 if failed else 0)
