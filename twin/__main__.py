"""The command `twin`; ``python -m twin`` does the same."""

from __future__ import annotations


def main() -> None:
    """Run the command line."""
    from twin.cli.app import app

    app(prog_name="twin")


if __name__ == "__main__":
    main()
