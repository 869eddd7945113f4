"""`twin warmup`: compile everything once, as when an image is built."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from twin.cli.screen import JsonFlag, say, say_json

if TYPE_CHECKING:
    from twin.warmup import Warmed

PANEL = "Run"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("warmup", rich_help_panel=PANEL)(warmup)


def warmup(as_json: JsonFlag = False) -> None:
    """Compile what the shipped scenarios need, so that no run has to wait for it."""
    begin = time.monotonic()
    from twin.warmup import is_compiling, kernel_folder, kernels_on_disk, warm_up

    def tell(done: Warmed) -> None:
        if not as_json:
            say(f"{done.name:20}{_kernels(done.compiled)} compiled in {done.wall_s:.1f} s")

    before, _ = kernels_on_disk()
    done = warm_up(tell)
    after, size = kernels_on_disk()
    if as_json:
        say_json(
            {
                "scenarios": [asdict(one) for one in done],
                "kernels_before": before,
                "kernels_after": after,
                "compiled": after - before,
                "is_compiling": is_compiling(),
                "folder": str(kernel_folder()),
                "folder_bytes": size,
                "wall_s": time.monotonic() - begin,
            }
        )
        return
    if not is_compiling():
        say("NUMBA_DISABLE_JIT is set: nothing is compiled, and every run is slow.")
    elif after == before:
        say("Nothing was left to compile.")
    say(f"{kernel_folder()}: {_kernels(after)}, {size / 1e6:.1f} MB")


def _kernels(n: int) -> str:
    from twin.runfiles.layout import counted

    return counted(n, "kernel")
