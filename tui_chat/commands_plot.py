"""`tui-chat runs plot NAME...`: curves of runs as a picture or as CSV.

    tui-chat runs plot first second --kind loss --out curves.pdf

The one rule: without --out the file goes into the directory of the first run, and its place is printed.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from engine.errors import UserError
from engine.paths import runs_path


def add_plot_options(parser: argparse.ArgumentParser) -> None:
    """Add what `plot` takes to the parser of `tui-chat runs`."""
    parser.add_argument(
        "--out",
        metavar="FILE",
        type=Path,
        help="with plot: FILE.png, .pdf, .svg or .csv (no matplotlib needed)",
    )
    parser.add_argument(
        "--kind",
        choices=("loss", "accuracy", "learning-rate"),
        default="loss",
        help="with plot: which curves",
    )


def plot_runs(options: argparse.Namespace) -> int:
    """Write the curves of the named runs into one file.

    Raises:
        UserError: when a run is unknown, or the file cannot be made.
    """
    from trainers.run_directory import find_run
    from tui_chat.plots import default_path, write_plot

    if not options.names:
        raise UserError("Which runs? tui-chat runs plot NAME...; `tui-chat runs` lists them.")
    runs = [find_run(runs_path(), name) for name in dict.fromkeys(options.names)]
    path = (options.out or default_path(runs[0], options.kind)).expanduser().absolute()
    write_plot(runs, options.kind, path)
    facts = {"path": str(path), "kind": options.kind, "runs": [run.name for run in runs]}
    print(json.dumps(facts, ensure_ascii=False) if options.json else f"The curves are in {path}")
    return 0
