"""Curves of runs as files: PNG, PDF or SVG drawn by matplotlib, or the numbers themselves as CSV.

    write_plot([run], "loss", Path("loss-plot.png"))       in a process of its own: `tui-chat runs plot`
    await plot_in_child(["shakespeare"], "loss", path)     from the app, which never loads matplotlib

The one rule: matplotlib is an extra, loaded only to draw a picture; CSV needs nothing.
"""

from __future__ import annotations

import asyncio
import csv
import io
import os
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from engine.errors import UserError
from trainers.durable_files import replace_file
from trainers.floors import read_floors
from trainers.run_comparison import bits_per_nat, have_one_unit
from trainers.run_directory import MetricsRow, RunDirectory

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Kind = Literal["loss", "accuracy", "learning-rate"]
FORMATS = (".png", ".pdf", ".svg", ".csv")
# Kind -> the measures of metrics.jsonl in it, and the words at the axis.
MEASURES: dict[str, tuple[tuple[str, ...], str]] = {
    "loss": (("loss", "val_loss"), "loss in nats per token"),
    "accuracy": (("val_accuracy",), "share of tokens guessed right"),
    "learning-rate": (("learning_rate",), "learning rate"),
}
_LABELS = {"loss": "train", "val_loss": "validation"}
_IN_BITS = ("val_bits_per_byte",)
# Told apart by colour-blind people too (Okabe and Ito 2008).
_COLOURS = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#000000")


def default_path(run: RunDirectory, kind: Kind) -> Path:
    """Where a plot goes when nobody says where: loss-plot.png in the run's directory."""
    return run.path / f"{kind}-plot.png"


def path_to_export(run: RunDirectory, kind: Kind) -> Path:
    """What the app writes, where no name can be given: a picture, or without matplotlib the numbers."""
    path = default_path(run, kind)
    return path if find_spec("matplotlib") else path.with_suffix(".csv")


def write_plot(runs: Sequence[RunDirectory], kind: Kind, path: Path) -> None:
    """Write the curves of some runs; the ending of `path` decides the format.

    Raises:
        UserError: for an unknown format, without measurements or matplotlib, or when the file cannot be written.
    """
    if path.suffix.lower() not in FORMATS:
        raise UserError(f"{path}: the name has to end in {', '.join(FORMATS[:-1])} or {FORMATS[-1]}.")
    rows = {run.name: run.metrics()[0] for run in runs}
    for name, measured in rows.items():
        if not any(getattr(row, field) is not None for row in measured for field in MEASURES[kind][0]):
            raise UserError(f"The run '{name}' has no measurements of {kind} yet.")
    if path.suffix.lower() == ".csv":
        data = csv_of(rows, kind).encode()
    else:
        data = _picture(runs, rows, kind, path.suffix[1:].lower())
    try:
        replace_file(path, data)
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror}).") from None


def csv_of(rows: dict[str, list[MetricsRow]], kind: Kind) -> str:
    """A line for each step that has one of the measures; what was not measured there is empty."""
    fields = (*MEASURES[kind][0], *(_IN_BITS if kind == "loss" else ()))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("run", "step", *fields))
    for name, measured in rows.items():
        for row in measured:
            values = [getattr(row, field) for field in fields]
            if any(value is not None for value in values):
                writer.writerow((name, row.step, *("" if value is None else value for value in values)))
    return text.getvalue()


def _picture(
    runs: Sequence[RunDirectory], rows: dict[str, list[MetricsRow]], kind: Kind, suffix: str
) -> bytes:
    try:
        from matplotlib.figure import Figure  # lazy: an extra, and a second of start-up time
    except ImportError:
        raise UserError(
            "Pictures need matplotlib, which is not installed: pip install 'tui-chat[plots]'. "
            "A name that ends in .csv needs nothing."
        ) from None
    fields, words = MEASURES[kind]
    if kind == "loss" and not have_one_unit([bits_per_nat(run.status()) for run in runs]):
        fields, words = _IN_BITS, "validation loss in bits per byte"  # tokens of another length
    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.add_subplot()
    for number, (name, measured) in enumerate(rows.items()):
        _draw_run(axes, name if len(rows) > 1 else "", measured, fields, number)
    if len(runs) == 1 and kind == "loss":
        _draw_floors(axes, runs[0])
    axes.set_xlabel("step")
    axes.set_ylabel(words)
    axes.set_title(runs[0].name if len(runs) == 1 else f"{kind.replace('-', ' ')} of {len(runs)} runs")
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    if len(rows) > 1 or len(fields) > 1:
        axes.legend(frameon=False)
    target = io.BytesIO()
    figure.savefig(target, format=suffix, dpi=150)
    return target.getvalue()


def _draw_run(axes: Axes, name: str, rows: list[MetricsRow], fields: tuple[str, ...], number: int) -> None:
    """One run has a colour for each measure; of several, each has a colour and its training loss is faint."""
    for place, field in enumerate(fields):
        points: list[tuple[int, Any]] = [
            (row.step, value) for row in rows if (value := getattr(row, field)) is not None
        ]
        is_faint = bool(name) and field == "loss"
        colour = _COLOURS[(number if name else place) % len(_COLOURS)]
        label = " ".join(word for word in (name, _LABELS.get(field, "")) if word)
        axes.plot(
            [step for step, _ in points],
            [value for _, value in points],
            color=colour,
            alpha=0.3 if is_faint else 1.0,
            linewidth=1.0 if field == "loss" else 1.8,
            marker="." if len(points) < 50 and not is_faint else "",
            label=label or None,
        )


def _draw_floors(axes: Axes, run: RunDirectory) -> None:
    """What counting reaches, where it lies within the curves."""
    floors = read_floors(run)
    low, high = axes.get_ylim()
    right = axes.get_xlim()[1]
    for floor in floors.floors if floors else ():
        if low < floor.loss < high:
            axes.axhline(floor.loss, color="0.6", linewidth=0.8, linestyle=":")
            words = f"{floor.name} {floor.loss:.2f}"
            axes.text(right, floor.loss, words, ha="right", va="bottom", fontsize=8, color="0.4")


async def plot_in_child(names: Sequence[str], kind: Kind, path: Path) -> None:
    """Write a plot in a process of its own, so that the screen stays free.

    Raises:
        UserError: with what that process said.
    """
    code = str(Path(__file__).resolve().parent.parent)
    paths = [code, *filter(None, [os.environ.get("PYTHONPATH")])]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "tui_chat", "runs", "plot", *names, "--kind", kind, "--out", str(path)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        cwd=path.parent,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
    )
    _, errors = await process.communicate()
    if process.returncode:
        said = errors.decode("utf-8", "replace").strip().splitlines()
        raise UserError(said[-1].removeprefix("tui-chat: ") if said else "The plot could not be written.")
