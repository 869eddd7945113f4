"""``python -m validation.peers [--peers PYTHON] [-o FILE.json]``: the table, and its figures."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from validation.peers.compare import PeersError, disagreements, explanation, gather, table

WIDTH = 140


def main(arguments: Sequence[str] | None = None) -> int:
    """Time packtwin beside its peers; exit code 1 if the voltages do not agree, 2 if one failed."""
    parser = argparse.ArgumentParser(prog="python -m validation.peers", description=main.__doc__)
    parser.add_argument("--peers", metavar="PYTHON", help="interpreter of the peers' environment")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE.json", help="also write JSON")
    options = parser.parse_args(arguments)
    screen = Console(width=WIDTH, highlight=False)
    try:
        comparison = gather(options.peers)
    except PeersError as error:
        Console(stderr=True, highlight=False, markup=False).print(str(error))
        return 2
    if options.output is not None:
        text = json.dumps(comparison, indent=1) + "\n"
        options.output.write_text(text, encoding="utf-8")
    screen.print(table(comparison))
    for paragraph in explanation(comparison):
        screen.print(paragraph, markup=False)
    wrong = disagreements(comparison)
    for sentence in wrong:
        screen.print(sentence, markup=False)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
