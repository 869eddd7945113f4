"""Two consoles, JSON for scripts, and how an error is told."""

from __future__ import annotations

import contextlib
import json
import math
import sys
import tempfile
import traceback
from collections.abc import Iterable
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

JSON_KEY = "packtwin.json"
"""Where a command's `--json` is noted, for the errors that it may end with."""


class UserError(Exception):
    """Something that the user can mend; told as one sentence, with an exit code."""

    def __init__(self, sentence: str, code: int = 2) -> None:
        super().__init__(sentence)
        self.code = code


_json_out: list[Any] = []
"""The stdout that JSON goes to while `--json` is in force."""


def _note_json(context: typer.Context, value: bool) -> bool:
    context.meta[JSON_KEY] = value
    if value:  # JSON stands alone: what a plug-in prints goes to stderr
        _json_out.append(sys.stdout)
        context.call_on_close(_json_out.clear)
        context.with_resource(contextlib.redirect_stdout(sys.stderr))
    return value


JsonFlag = Annotated[
    bool, typer.Option("--json", help="JSON alone on stdout.", callback=_note_json)
]


@cache
def _console(is_error: bool) -> Console:
    from rich.console import Console

    return Console(stderr=is_error, highlight=False, soft_wrap=False, emoji=False)


def stdout() -> Console:
    """Return the console of results."""
    return _console(False)


def stderr() -> Console:
    """Return the console of progress and errors."""
    return _console(True)


def say(text: str = "", style: str | None = None) -> None:
    """Print a line of text on stdout: never wrapped, brackets are brackets."""
    stdout().print(text, style=style, markup=False, emoji=False, highlight=False, soft_wrap=True)


def complain(text: str, style: str | None = None) -> None:
    """Print a line of text on stderr."""
    stderr().print(text, style=style, markup=False, emoji=False, highlight=False, soft_wrap=True)


def say_json(value: Any) -> None:
    """Print a value as JSON; what is no number becomes null."""
    text = json.dumps(plain(value), indent=2, ensure_ascii=False)
    typer.echo(text, file=_json_out[-1] if _json_out else None)


def plain(value: Any) -> Any:
    """Return a value in JSON's own types; NaN and infinity become None."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if hasattr(value, "tolist"):  # numpy's scalars and arrays
        return plain(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if isinstance(value, str | int | bool | None) else str(value)


def grid(*columns: str, title: str | None = None) -> Table:
    """Return an empty table in the one look of this program."""
    from rich import box
    from rich.table import Table

    table = Table(
        title=title, box=box.SIMPLE_HEAD, title_justify="left", title_style="bold", pad_edge=False,
        show_header=any(columns),
    )  # fmt: skip
    for name in columns:
        table.add_column(name, overflow="fold")
    return table


def facts(rows: Iterable[tuple[str, str]], title: str | None = None) -> Table:
    """Return a table of names and what they are."""
    from rich.text import Text

    table = grid("", "", title=title)
    table.columns[0].style = "dim"
    table.columns[0].no_wrap = True
    for name, text in rows:
        table.add_row(name, Text(text))
    return table


def duration(seconds: float) -> str:
    """Return a time as people say it: ``12.5 s``, ``8 min 05 s``, ``2 h 05 min``, ``24 h``."""
    from twin.runfiles.layout import nearest

    if seconds < 120.0:
        return f"{seconds:.4g} s"
    if seconds < 7200.0:
        minutes, rest = divmod(nearest(seconds), 60)
        return f"{minutes} min" + (f" {rest:02d} s" if rest else "")
    hours, rest = divmod(nearest(seconds / 60.0), 60)
    return f"{hours} h" + (f" {rest:02d} min" if rest else "")


def times(factor: float) -> str:
    """Return how many times faster: ``1,250``, ``12``, ``0.5``."""
    return f"{factor:,.0f}" if factor >= 10.0 else f"{factor:.2g}"


def read_time(option: str, text: str) -> int:
    """Return a time given on the command line, in ticks of 1 ms.

    Raises
    ------
    UserError
        With the option's name and what was expected.
    """
    from twin.scenarios.units import DURATION, UnitError, parse_quantity, ticks

    try:
        return ticks(parse_quantity(text, DURATION))
    except (UnitError, ValueError) as error:
        raise UserError(f"{option} {text!r}: {error}") from None


def tell_problems(problems: Iterable[Any]) -> None:
    """Print every problem of an input on stderr, one a line."""
    for problem in problems:
        complain(str(problem))


def save_traceback(error: BaseException) -> Path:
    """Write a traceback to a file in the working directory, else among the temporary files."""
    text = "".join(traceback.format_exception(error))
    text = f"twin {' '.join(sys.argv[1:])}\npython {sys.version}\n\n{text}"
    name = f"twin-defect-{datetime.now():%Y%m%d-%H%M%S}.txt"
    for folder in (Path.cwd(), Path(tempfile.gettempdir())):
        try:
            path = folder / name
            path.write_text(text, encoding="utf-8")
            return path
        except OSError:
            continue
    return Path("(nowhere: no folder can be written to)")


def as_dict(problem: Any) -> dict[str, Any]:
    """Return a problem of a scenario for scripts."""
    names = ("source", "key_path", "line", "value", "message")
    return {name: getattr(problem, name) for name in names}
