"""`twin check`, `show`, `examples`, `new` and `schema`: before a run."""

from __future__ import annotations

import importlib.util
import keyword
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from twin.cli.running import Overrides, ScenarioName, check_output
from twin.cli.screen import (
    JsonFlag,
    UserError,
    as_dict,
    duration,
    facts,
    grid,
    say,
    say_json,
    stdout,
)

if TYPE_CHECKING:
    from twin.engine import Engine
    from twin.scenarios.problems import Problem
    from twin.scenarios.scenario import Scenario

LOOK, MAKE = "Look", "Make"
DRAWINGS = (".png", ".svg", ".pdf")
PYTHON_EXAMPLES = {"gym_env": "a pack as a Gymnasium environment, for an agent in place of the EMS"}
"""Shipped beside the scenarios, to be copied."""

Force = Annotated[bool, typer.Option("--force", help="Overwrite an existing file.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("check", rich_help_panel=MAKE)(check)
    app.command("show", rich_help_panel=LOOK)(show)
    app.command("examples", rich_help_panel=MAKE)(examples)
    app.command("new", rich_help_panel=MAKE)(new)
    app.command("schema", rich_help_panel=MAKE)(schema)


def _build(name: str, overrides: list[str] | None) -> tuple[Scenario, Engine]:
    from twin.build import build
    from twin.scenarios.load import load_scenario

    scenario = load_scenario(name, overrides or ())
    return scenario, build(scenario)


def check(scenario: ScenarioName, overrides: Overrides = None, as_json: JsonFlag = False) -> None:
    """Name every problem of a scenario, by key path and line; and what may not be meant."""
    loaded, engine = _build(scenario, overrides)
    steps = engine.clock.end // engine.clock.step
    remarks = list(_remarks(loaded))
    if as_json:
        found = {"exit_code": 0, "problems": [], "remarks": [as_dict(one) for one in remarks]}
        say_json({**found, "name": loaded.name, "steps": steps})
        return
    from twin.runfiles.layout import counted

    cells = counted(engine.plant.topology.full.n_cells, "cell")
    say(f"{scenario}: no problems; {cells}, {counted(steps, 'step')} of {duration(loaded.step)}")
    for one in remarks:
        say(f"Is this meant? {one}")


def _remarks(scenario: Scenario) -> Iterator[Problem]:
    """Yield what is allowed, but may be a slip."""
    from twin.scenarios.load import problem_in
    from twin.scenarios.thermal_consistency import CONTACT_KEY, no_contact

    reacting, thermal = scenario.cell.runaway is not None, scenario.thermal
    text = no_contact(thermal, scenario.module, scenario.site) if reacting else ""
    if text:
        yield problem_in(scenario, CONTACT_KEY, text)


def show(
    scenario: ScenarioName,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="F.png", help="Draw it as well.")
    ] = None,
    overrides: Overrides = None,
    force: Force = False,
    as_json: JsonFlag = False,
) -> None:
    """Show the pack as it will be built: layout, neighbours, sensors, numbers."""
    if output is not None:
        if output.suffix.lower() not in DRAWINGS:
            raise UserError(f"-o {output}: expected a name that ends in {', '.join(DRAWINGS)}")
        check_output(output, force, (Path(scenario), "the scenario"))
    loaded, engine = _build(scenario, overrides)
    from twin.cli.drawing import pack_facts, pack_rows, sensor_rows

    found = pack_facts(engine, loaded)
    if output is not None:
        from importlib import import_module

        import_module("twin.pages.plots").show_pack(engine, output)
    if as_json:
        say_json(found)
        return
    title = f"{loaded.name}: {loaded.description}" if loaded.description else loaded.name
    stdout().print(facts(pack_rows(found, loaded), title=title))
    table = grid("sensor", "number", "where")
    for row in sensor_rows(engine, loaded):
        table.add_row(*row)
    stdout().print(table)
    pitch_mm = 1000.0 * loaded.layout.pitch
    modules = engine.plant.topology.full.n_modules
    say(f"Module 1 of {modules} from above, {pitch_mm:g} mm between cells.")
    say("Each number is a cell of that group, * a thermistor beside it.")
    say()
    for line in found["layout"]:
        say(f"  {line}")
    say()
    say(f"Wrote {output}" if output else f"Next:  twin show {scenario} -o pack.png")


def examples(
    name: Annotated[str | None, typer.Argument(help="Show or copy this one.")] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="DIR", help="Copy it into a folder.")
    ] = None,
    force: Force = False,
    as_json: JsonFlag = False,
) -> None:
    """List the shipped examples, show one, or copy one."""
    from twin.scenarios.load import example_files, example_names, example_path, load_scenario

    names = [*example_names(), *PYTHON_EXAMPLES]
    if name is None:
        if output is not None:
            raise UserError("-o: name the example to copy, as in `twin examples ev_us06 -o .`")
        loaded = [load_scenario(example_path(n)) for n in example_names()]
        _list_examples(loaded, as_json)
        return
    if name not in names:
        raise UserError(f"there is no example {name!r}; there are {', '.join(names)}")
    is_python = name in PYTHON_EXAMPLES
    file = f"{name}.py" if is_python else f"{name}.yaml"
    text = _shipped("examples", file)
    if output is None:
        if as_json:
            say_json({"name": name, "text": text})
        else:
            typer.echo(text, nl=False)
        return
    for beside in () if is_python else example_files(name):
        say(f"Wrote {_write(output / beside, _shipped('examples', beside), force)}")
    path = _write(output / file, text, force)
    say(f"Wrote {path}")
    say(f"Next:  from {name} import …" if is_python else f"Next:  twin run {path}")


def _list_examples(loaded: list[Scenario], as_json: bool) -> None:
    cells = [s.site.n_modules * s.site.groups_per_module * s.site.cells_per_group for s in loaded]
    if as_json:
        rows = [
            {
                "name": s.name, "description": s.description, "kind": "scenario", "cells": n,
                "duration_s": s.duration,
            }
            for s, n in zip(loaded, cells, strict=True)
        ]  # fmt: skip
        python = [
            {"name": name, "description": what, "kind": "python"}
            for name, what in PYTHON_EXAMPLES.items()
        ]
        say_json([*rows, *python])
        return
    table = grid("name", "cells", "duration", "what")
    for s, n in zip(loaded, cells, strict=True):
        table.add_row(s.name, f"{n:,}", duration(s.duration), s.description)
    for name, what in PYTHON_EXAMPLES.items():
        table.add_row(name, "", "", f"Python: {what}")
    stdout().print(table)
    say("Next:  twin run ev_us06_short -o demo.h5    or    twin examples NAME -o .")


KINDS = ("scenario", "bms", "ems")


def new(
    kind: Annotated[str, typer.Argument(metavar="scenario|bms|ems", help="What to write.")],
    name: Annotated[str, typer.Argument(metavar="NAME", help="Its name, and the file's.")],
    force: Force = False,
) -> None:
    """Write a commented starting point that runs."""
    if kind not in KINDS:
        raise UserError(f"there is no template {kind!r}; expected one of {', '.join(KINDS)}")
    name = name.removesuffix(".yaml" if kind == "scenario" else ".py")
    if kind == "scenario":
        _new_scenario(name, force)
    else:
        _new_plug_in(kind, name, force)


def _shipped(folder: str, name: str) -> str:
    import importlib.resources

    return (importlib.resources.files("twin") / folder / name).read_text(encoding="utf-8")


def _new_scenario(name: str, force: bool) -> None:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", name):
        raise UserError(f"{name!r} is no name for a scenario: use letters, digits, '_', '-', '.'")
    text = _shipped("templates", "scenario.yaml").replace("name: my_scenario", f"name: {name}")
    for command in ("check", "run"):
        text = text.replace(f"twin {command} FILE", f"twin {command} {name}.yaml")
    path = _write(Path(f"{name}.yaml"), text, force)
    say(f"Wrote {path}")
    say(f"Next:  twin run {path}")


def _new_plug_in(kind: str, name: str, force: bool) -> None:
    path = Path(f"{name}.py")
    if not name.isidentifier() or keyword.iskeyword(name):
        raise UserError(
            f"{name!r} is no name for a Python module: use letters, digits and '_', as in my_{kind}"
        )
    if not path.exists() and importlib.util.find_spec(name) is not None:
        raise UserError(f"a Python module {name!r} exists already; choose another name")
    template_class = f"My{kind.capitalize()}"
    words = "".join(word[:1].upper() + word[1:] for word in name.split("_"))
    text = (
        _shipped("templates", f"{kind}.py")
        .replace("this_file", name)
        .replace(template_class, words)
    )
    _write(path, text, force)
    target = f"{name}:{words}"
    say(f"Wrote {path}: the class {words}")
    say(f"Next:  twin check-plugin {target}")
    use = f'--set {kind}.use={target} --set "{kind}.options={{}}"'
    say(f'       twin run ev_us06 {use} --until "2 min" -o {name}.h5')


def _write(path: Path, text: str, force: bool) -> Path:
    """Write a new file; an old one only with --force."""
    if path.exists() and not force:
        raise UserError(f"{path} exists already; choose another name, or add --force")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def schema() -> None:
    """Print the JSON Schema of a scenario, for editors."""
    from twin.scenarios.schema import json_schema

    found: dict[str, Any] = json_schema()
    say_json(found)
