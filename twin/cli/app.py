"""All commands in one application, and what an error becomes: a sentence and an exit code.

0 done; 1 a stated limit was not met; 2 wrong input; 3 the run reached an impossible state;
4 stopped from outside; 70 our defect; 130 interrupted.
"""

from __future__ import annotations

import errno
from typing import Any

import typer
from typer.core import TyperGroup

from twin.cli import figures, outcomes, plug_ins, reading, running, scenarios, studying, warming
from twin.cli.screen import (
    JSON_KEY,
    UserError,
    as_dict,
    complain,
    save_traceback,
    say_json,
    tell_problems,
)

WRONG_INPUT, STOPPED, DEFECT, INTERRUPTED = 2, 4, 70, 130


class Commands(TyperGroup):
    """Runs a command and turns whatever it raises into a sentence and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was asked for."""
        try:
            return super().invoke(ctx)
        except Exception as error:
            if _is_ours(error):
                raise
            raise typer.Exit(tell(error, bool(ctx.meta.get(JSON_KEY)))) from None
        except KeyboardInterrupt:
            complain("interrupted")
            raise typer.Exit(INTERRUPTED) from None


def _is_ours(error: Exception) -> bool:
    """Tell whether typer knows what to do: exit, abort, wrong options, a reader that went away."""
    known = typer.Exit | typer.Abort | BrokenPipeError
    return isinstance(error, known) or hasattr(error, "exit_code")


def tell(error: Exception, as_json: bool) -> int:
    """Print what went wrong, and return the exit code."""
    problems = getattr(error, "problems", None)
    if problems is not None:
        tell_problems(problems)
        if as_json:
            say_json({"exit_code": WRONG_INPUT, "problems": [as_dict(p) for p in problems]})
        return WRONG_INPUT
    code, sentence = _sentence(error)
    complain(sentence)
    if as_json:
        say_json({"exit_code": code, "error": sentence})
    return code


def _sentence(error: Exception) -> tuple[int, str]:
    """Return exit code and sentence of an error other than a list of problems."""
    from twin.runfiles.layout import DiskFull, NotARun, RunFileExists

    if isinstance(error, UserError):
        return error.code, str(error)
    if isinstance(error, DiskFull):
        return STOPPED, f"stopped: {error}"
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return STOPPED, f"stopped: no room for {error.filename or 'the file'}: {error.strerror}"
    if isinstance(error, RunFileExists | NotARun):
        return WRONG_INPUT, str(error)
    if isinstance(error, OSError) and error.filename is not None:
        return WRONG_INPUT, f"{error.filename}: {error.strerror}"
    path = save_traceback(error)
    return DEFECT, (
        f"this should not happen: {type(error).__name__}: {error}; it is a defect of packtwin, "
        f"or of a plug-in of yours that {path} names: please report it with that file"
    )


app = typer.Typer(
    cls=Commands,
    name="twin",
    help="Battery packs from the cell to the site: physics, BMS, EMS and faults in one step loop.",
    epilog="Begin with:  twin run ev_us06_short -o demo.h5",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
for module in (running, studying, warming, scenarios, reading, outcomes, plug_ins, figures):
    module.register(app)
