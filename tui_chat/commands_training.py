"""`tui-chat train` and `runs`: training without the app.

    tui-chat train shakespeare-char-cpu --set dataset=FILE      tui-chat runs
    tui-chat train my-run.toml --name first --foreground        tui-chat runs stop first
    tui-chat train chats.jsonl                                  tui-chat runs resume first --max-steps 5000

The one rule: a command only starts a run or leaves a wish; the run's own process does the work and writes its files.
"""

from __future__ import annotations

import argparse
import re
import sys
import textwrap
import time
import typing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.errors import UserError, said_with
from engine.paths import runs_path
from tui_chat.command_flags import add_changes_flag
from tui_chat.commands_data import add_data_command
from tui_chat.commands_plot import add_plot_options, plot_runs
from tui_chat.commands_preflight import refuse_what_cannot_fit, show_preflight
from tui_chat.run_report import print_json, run_facts, run_line, run_report

if TYPE_CHECKING:  # reading the help should not load what starts a run
    from trainers.config import TrainingConfig
    from trainers.run_directory import RunDirectory, RunStatus

_ACTIONS = ("show", "pause", "resume", "stop", "delete", "watch", "plot")
_LONGEST_WAIT = 120.0  # seconds for a run to save and end
_LARGE_TEXT = 3_000_000  # bytes from which word pieces serve a text better than characters


def add_training_commands(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add the three commands to the parser of `tui-chat`."""
    train = subparsers.add_parser(
        "train",
        help="start a training run, detached",
        epilog="With --set backend=trainer transformers.Trainer makes the steps: --set num_train_epochs=3 "
        "per_device_train_batch_size=4 gradient_accumulation_steps=4 learning_rate=5e-5",
    )
    train.add_argument(
        "what", metavar="RECIPE|CONFIG.toml|DATA", nargs="?", help="without it, recipes are listed"
    )
    train.add_argument("--name", help="name of the run; made from data and date when left out")
    about = "change settings of the recipe or file; names of transformers.Trainer are understood too"
    add_changes_flag(train, about)
    train.add_argument(
        "--foreground", action="store_true", help="stay and show progress; Ctrl+C saves and stops"
    )
    train.add_argument(
        "--preflight",
        action="store_true",
        help="only look: memory, epochs and time, measured with ten steps; exit code 1 when it does not fit",
    )
    train.add_argument(
        "--force", action="store_true", help="start also what does not fit into the memory that is free"
    )
    train.add_argument("--json", action="store_true", help="print name, directory and pid as JSON")
    train.set_defaults(run=_run_train)

    runs = subparsers.add_parser("runs", help="list runs, or steer one")
    runs.add_argument("action", nargs="?", choices=_ACTIONS, help="what to do with a run; none lists all")
    runs.add_argument("names", metavar="NAME", nargs="*", help="the run; with plot one or more")
    runs.add_argument("--max-steps", type=int, metavar="N", help="with resume: train on up to this step")
    runs.add_argument("--now", action="store_true", help="with stop: end without saving, by force if need be")
    runs.add_argument(
        "--skip-step",
        action="store_true",
        help="with resume: leave out the step whose loss was not a number",
    )
    runs.add_argument(
        "--learning-rate", type=float, metavar="X", help="with resume: the highest learning rate from here on"
    )
    runs.add_argument("--json", action="store_true", help="print one JSON object per run")
    add_plot_options(runs)
    runs.set_defaults(run=_run_runs)

    add_data_command(subparsers)


def _run_train(options: argparse.Namespace) -> int:
    # `train --set a=1 RECIPE` is read as two settings, but a word without "=" can only be the recipe.
    words = [change for change in options.changes if "=" not in change] if options.what is None else []
    changes = [change for change in options.changes if change not in words]
    if len(words) == 1:
        options.what = words[0]
    if options.what is None:
        if changes or options.name:
            raise UserError("What shall be trained? tui-chat train RECIPE, CONFIG.toml or DATA.")
        return _list_recipes()
    config = with_settings(config_for(options.what), changes)
    if options.preflight:
        return show_preflight(config, options.json)
    return train(config, options.name, options.foreground, options.json, options.force)


def _run_runs(options: argparse.Namespace) -> int:
    if options.action is None:
        return list_all_runs(options.json)
    if options.action == "plot":
        return plot_runs(options)
    if len(options.names) != 1:
        raise UserError(f"Which run? tui-chat runs {options.action} NAME; `tui-chat runs` lists them.")
    if options.action == "stop" and options.now:
        return stop_now(options.names[0], options.json)
    how = {"skip_step": options.skip_step, "learning_rate": options.learning_rate}
    return steer_run(options.action, options.names[0], options.json, options.max_steps, **how)


def train(
    config: TrainingConfig, name: str | None, foreground: bool, as_json: bool, is_forced: bool = False
) -> int:
    """Start a run, unless it cannot fit into memory.

    Raises:
        UserError: when the settings, the data or the machine do not allow it; nothing is started then.
    """
    from trainers.launcher import check_data, start_run, with_absolute_paths

    config = with_absolute_paths(config)
    check_data(config)
    refuse_what_cannot_fit(config, is_forced)
    run = start_run(config, runs_path(), name)
    status = _wait_for_process(run)
    if as_json:
        print_json({"name": run.name, "directory": str(run.path), "pid": status.pid})
    else:
        print(f"{run.name} has started. Watch it: tui-chat runs watch {run.name}")
    return follow(run) if foreground else 0


def config_for(what: str) -> TrainingConfig:
    """The configuration that a recipe's name, a TOML file or a data file stands for.

    Raises:
        UserError: when it is none of them.
    """
    from trainers.config import read_config, read_recipe, recipe_names
    from trainers.datasets import inspect
    from trainers.own_datasets import dataset_path, is_own_name

    path = dataset_path(what)
    if what in recipe_names():
        return read_recipe(what)
    if path.suffix == ".toml" and path.is_file():
        return _relative_to(path.absolute().parent, read_config(path))
    if not path.exists() and not is_own_name(what):
        raise UserError(
            f"'{what}' is neither a recipe, nor a configuration file, nor data. Recipes: {', '.join(recipe_names())}."
        )
    report = inspect(path, limit=1000)
    if report.has_conversations:
        recipe = "fine-tune-conversations"
    else:
        recipe = "own-text" if path.is_dir() or path.stat().st_size > _LARGE_TEXT else "shakespeare-char-cpu"
    print(f"Using the recipe {recipe}.", file=sys.stderr)
    return read_recipe(recipe).with_changes(what, dataset=str(path))


def with_settings(config: TrainingConfig, changes: list[str]) -> TrainingConfig:
    """The configuration with `KEY=VALUE` applied; values are written as in TOML, texts also without quotes.

    Raises:
        UserError: naming the setting that does not exist or does not fit.
    """
    from trainers.config import TrainingConfig
    from trainers.familiar_names import as_typed, with_our_names

    hints = typing.get_type_hints(TrainingConfig)
    values: dict[str, object] = {}
    for change in changes:
        key, equals, value = change.partition("=")
        if not equals:
            raise UserError(f"--set {change}: write it as KEY=VALUE, such as --set max_steps=500.")
        values[key.strip()] = value if hints.get(key.strip()) is str else _toml_value(value)
    with said_with(as_typed(values), "--set"):
        return config.with_changes("--set", **with_our_names(values, config.batch_size, "--set"))


def list_all_runs(as_json: bool) -> int:
    """Print every run, newest first."""
    from trainers.run_directory import list_runs

    runs = list(list_runs(runs_path()))
    if as_json:
        for run in runs:
            print_json(run_facts(run))
        return 0
    if not runs:
        print("There are no runs yet. Start one: tui-chat train quick-start --set dataset=FILE")
    for run in runs:
        print(run_line(run))
    return 0


def steer_run(action: str, name: str, as_json: bool, max_steps: int | None = None, **how: Any) -> int:
    """Do something with one run, and wait until it is done; `how` to resume is `launcher.resume_run`'s.

    Raises:
        UserError: when the run does not exist or is not in a state for it.
    """
    from trainers import launcher
    from trainers.run_directory import find_run

    run = find_run(runs_path(), name)
    match action:
        case "watch":
            from tui_chat.start import start_app  # here: Textual is 0.2 s that the others do not need

            return start_app({}, run_name=run.name)
        case "delete":
            launcher.delete_run(run)
            print_json({"name": run.name, "deleted": True}) if as_json else print(f"{run.name} is deleted.")
            return 0
        case "stop":
            launcher.stop_run(run)
            launcher.wait_for_end(run, _LONGEST_WAIT)
        case "pause":
            launcher.pause_run(run)
            _wait_until(run, lambda status: status.state not in ("starting", "running"))
        case "resume":
            launcher.resume_run(run, max_steps, **how)
            _wait_until(run, lambda status: status.state != "starting" and status.state != "paused")
    print_json(run_facts(run)) if as_json else print(run_report(run) if action == "show" else run_line(run))
    return 0


def stop_now(name: str, as_json: bool) -> int:
    """End a run without saving.

    Raises:
        UserError: when the run does not exist or is not running.
    """
    from trainers.launcher import stop_run_now
    from trainers.run_directory import find_run

    run = find_run(runs_path(), name)
    stop_run_now(run)
    print_json(run_facts(run)) if as_json else print(run_line(run))
    return 0


def follow(run: RunDirectory) -> int:
    """Show a run's rows on stderr until it ends; Ctrl+C asks it to save and stop."""
    from trainers.launcher import stop_run

    offset = 0
    while True:
        try:
            status = run.status()
            rows, offset = run.metrics(offset)
            for row in rows:
                if row.loss is not None:
                    validation = "" if row.val_loss is None else f"  validation {row.val_loss:.4f}"
                    print(
                        f"step {row.step}/{status.max_steps}  loss {row.loss:.4f}{validation}",
                        file=sys.stderr,
                    )
            if status.state not in ("starting", "running", "paused"):
                break
            time.sleep(0.2)
        except KeyboardInterrupt:
            print("saving and stopping ...", file=sys.stderr)
            stop_run(run)
    if status.state in ("failed", "crashed"):
        raise UserError(f"{run.name} {status.state}: {status.error}")
    print(f"{run.name} {status.state} at step {status.step}.", file=sys.stderr)
    return 0


def _list_recipes() -> int:
    from trainers.config import recipe_names, recipe_text
    from tui_chat.run_form import leading_comment

    for name in recipe_names():
        description = leading_comment(recipe_text(name))
        first = re.split(r"(?<=\.) (?=[A-Z0-9])", description, maxsplit=1)[0]  # its first sentence
        print(f"{name}\n{textwrap.indent(textwrap.fill(first, 96), '    ')}")
    return 0


def _relative_to(folder: Path, config: TrainingConfig) -> TrainingConfig:
    """Paths in a configuration file are meant from where the file is."""
    from trainers.own_datasets import is_own_name

    changes = {
        name: str(folder / Path(value).expanduser())
        for name in ("dataset", "validation_dataset")
        if (value := getattr(config, name)) and not is_own_name(value)
    }
    return config.with_changes("config", **changes)


def _toml_value(text: str) -> object:
    import tomli

    try:
        return tomli.loads(f"value = {text}")["value"]
    except tomli.TOMLDecodeError:
        return text


def _wait_for_process(run: RunDirectory) -> RunStatus:
    """The status once the process has written it itself, with its pid."""
    return _wait_until(run, lambda status: status.pid != 0 or status.state not in ("starting",), 15)


def _wait_until(run: RunDirectory, holds: Any, seconds: float = _LONGEST_WAIT) -> RunStatus:
    deadline = time.monotonic() + seconds
    while not holds(status := run.status()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return status
