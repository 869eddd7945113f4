"""`twin bench` and `twin validate`: how fast, and how true."""

from __future__ import annotations

from typing import Annotated

import typer

from twin.cli.screen import JsonFlag, UserError, grid, say, say_json, stdout

PANEL = "Figures"
TOPICS = {
    "cell": ("validation.cell_fidelity", "the circuit against PyBaMM's DFN, in mV (10 to 20 min)"),
    "estimators": ("validation.estimators", "the BMS's SOC filter over ten packs (5 min)"),
}


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("bench", rich_help_panel=PANEL)(bench)
    app.command("validate", rich_help_panel=PANEL)(validate)


def bench(as_json: JsonFlag = False) -> None:
    """Measure the plant: ns per cell-step for 128, 1,024 and 10,240 cells."""
    from twin.bench import measure

    result = measure()
    if as_json:
        say_json(result)
        return
    sizes = result["sizes"]
    table = grid("ns per cell-step (one core)", *(f"{s['cells']:,} cells" for s in sizes))
    for column in table.columns[1:]:
        column.justify = "right"
    names = {"refresh": f"refresh (every {result['table_refresh_s']:g} s)"}
    for stage in sizes[0]["ns_per_cell_step"]:
        row = (f"{s['ns_per_cell_step'][stage]:.2f}" for s in sizes)
        style = "bold" if stage == "whole step" else None
        table.add_row(names.get(stage, stage), *row, style=style)
    table.add_row("whole step / calibration", *(f"{s['ratio']:.2f}" for s in sizes))
    stdout().print(table)
    say(
        f"plant step {result['step_s']:g} s, 2 cells in parallel, least CPU time of several repeats"
    )
    say(f"calibration: {result['calibration_ns']:.2f} ns ({result['calibration']})")
    say(f"{result['machine']['processor']}; " + ", ".join(_versions(result["versions"])))


def _versions(versions: dict[str, str]) -> list[str]:
    return [f"{name} {version}" for name, version in versions.items()]


def validate(
    topic: Annotated[str | None, typer.Argument(help="What to hold against the world.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Hold our claims against other codes and data; without TOPIC, list the topics."""
    if topic is None:
        if as_json:
            say_json({name: about for name, (_, about) in TOPICS.items()})
            return
        for name, (_, about) in TOPICS.items():
            say(f"twin validate {name:12} {about}")
        return
    if topic not in TOPICS:
        raise UserError(f"there is no topic {topic!r}; topics are {', '.join(TOPICS)}")
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
