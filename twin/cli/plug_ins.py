"""`twin faults`, `twin plugins` and `twin check-plugin`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from twin.cli.screen import JsonFlag, UserError, grid, say, say_json, stdout

PANEL = "Make"
KINDS = ("bms", "ems")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("faults", rich_help_panel=PANEL)(faults)
    app.command("plugins", rich_help_panel=PANEL)(plugins)
    app.command("check-plugin", rich_help_panel=PANEL)(check_plugin)


def faults(as_json: JsonFlag = False) -> None:
    """List every kind of fault: where it sits, what it does, its keys."""
    from dataclasses import asdict

    from twin.scenarios.fault_kinds import fault_kinds

    found = fault_kinds()
    if as_json:
        say_json([asdict(kind) for kind in found])
        return
    from rich.text import Text

    table = grid("kind", "what it does; where; its keys")
    for kind in found:
        table.add_row(kind.kind, Text(f"{kind.does}; {kind.where}; {kind.keys or 'no keys'}"))
    stdout().print(table)
    say("Each has a name, and a time (from, until) or a trigger (when). In brackets: may be left")
    say("out. Units and ranges: twin schema.")


def plugins(as_json: JsonFlag = False) -> None:
    """List the plug-ins that a scenario can name."""
    from dataclasses import asdict

    from twin.registry import plug_ins

    found = plug_ins()
    if as_json:
        say_json([asdict(plug_in) for plug_in in found])
        return
    table = grid("kind", "name", "target", "from")
    for plug_in in found:
        table.add_row(plug_in.kind, plug_in.name, plug_in.target, plug_in.origin)
    stdout().print(table)
    say("Your own: 'module:Class' in the scenario, a module beside it or in the working directory.")
    say("Next:  twin new bms NAME")


def check_plugin(
    target: Annotated[
        str,
        typer.Argument(
            metavar="TARGET", help="A short name, module:object, or path/file.py:object."
        ),
    ],
    kind: Annotated[
        str | None, typer.Option(metavar="bms|ems", help="What it is; otherwise found out.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Hold a BMS or an EMS against its contract."""
    if kind is not None and kind not in KINDS:
        raise UserError(f"--kind {kind!r}: expected bms or ems")
    factory, kind = _find(target, kind)
    from controllers.contract import check_bms, check_ems

    complaints = check_bms(factory) if kind == "bms" else check_ems(factory)
    if as_json:
        say_json(
            {"target": target, "kind": kind, "passed": not complaints, "complaints": complaints}
        )
    elif complaints:
        say(f"{target} is no {kind.upper()} that can run:")
        for complaint in complaints:
            say(f"  - {complaint}")
    else:
        say(f"{target}: the {kind.upper()} passes")
    raise typer.Exit(1 if complaints else 0)


def _find(target: str, kind: str | None) -> tuple[Any, str]:
    """Return the factory and what kind of plug-in it makes."""
    from twin.registry import PlugInError, plug_ins, resolve

    if target.endswith(".py"):
        raise UserError(f"{target}: name the class too, as in {target}:MyBms")
    if ":" not in target:
        kinds = [p.kind for p in plug_ins() if p.name == target and p.kind in KINDS]
        kind = kind or (kinds[0] if kinds else "bms")
    try:
        factory = resolve(kind or "bms", target)
    except PlugInError as error:
        raise UserError(str(error)) from None
    return factory, kind or _guess(factory)


def _guess(factory: Any) -> str:
    """Tell BMS and EMS apart: by what `step` says it returns, else by the name."""
    step = getattr(factory, "step", None)
    returned = str(getattr(step, "__annotations__", {}).get("return", ""))
    if "EmsCommand" in returned or "BmsCommand" in returned:
        return "ems" if "EmsCommand" in returned else "bms"
    return "ems" if "ems" in str(getattr(factory, "__name__", "")).lower() else "bms"
