"""Starting runs and telling them what is wished, for the app and the command line. Torch-free.

    run = start_run(config, runs_path())      # checks first, then a detached process; returns at once
    stop_run(run); resume_run(run, max_steps=5000); delete_run(run)

A run is a process of its own session: it survives the app, the terminal and the SSH connection.
The one rule: a run is told something through its control files only, never through a pipe or a parent.
"""

from __future__ import annotations

import contextlib
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path

from engine.errors import UserError
from engine.model_library import absolute_reference
from engine.paths import private_directory
from engine.process import child_environment
from trainers.backends import check_backend
from trainers.base_models import check_reachable
from trainers.config import TrainingConfig
from trainers.data_splits import early_stopping_problem
from trainers.datasets import DataReport, inspect
from trainers.durable_files import delete_directory, replace_file
from trainers.own_datasets import dataset_path
from trainers.ownership import is_owned
from trainers.run_directory import RunDirectory, RunState, RunStatus, check_run_name
from trainers.wishes import HIGHEST_RATE, WISHES

_ACTIVE: tuple[RunState, ...] = ("starting", "running", "paused")
_SECONDS_TO_LISTEN = 1.0  # for a run that is to end without saving
_SECONDS_TO_END = 10.0  # of a process whose run is stopped, finished or failed
_ROWS_LOOKED_AT = 1000  # before a run starts; the run itself reads all
_OWN_TOKENIZERS = ("char", "bpe", "gpt2")
_TOO_COMMON = ("input", "data", "train", "dataset", "text", "index", "output")


def start_run(config: TrainingConfig, runs_path: Path, name: str | None = None) -> RunDirectory:
    """Make the run's directory and start its process.

    Raises:
        UserError: when the data cannot be used, the name is taken, or a setting does not fit; nothing is made then.
    """
    config = with_absolute_paths(config)
    check_backend(config)
    check_data(config)
    with _starting(runs_path):
        private_directory(runs_path)
    run = RunDirectory(_new_directory(runs_path, name, config))
    status = RunStatus(state="starting", stage="starting", max_steps=config.max_steps, updated=time.time())
    try:
        with _starting(run.path):
            replace_file(run.path / "status.json", status.to_json())
            replace_file(run.path / "config.json", config.to_json())
            _spawn(run)
    except UserError:
        delete_directory(run.path)
        raise
    return run


def check_data(config: TrainingConfig) -> DataReport:
    """Look at the beginning of a run's data, and whether the model to start from can be had.

    Raises:
        UserError: when there is none, or too little, nothing in it can be used, it is of the wrong kind, or lacks what
            a setting needs.
    """
    if not config.dataset:
        raise UserError(
            "No data is named. Set dataset to a text file, a JSON lines file or a folder to learn from "
            "(--set dataset=FILE)."
        )
    if problem := early_stopping_problem(config):
        raise UserError(problem)
    report = inspect(Path(config.dataset), limit=_ROWS_LOOKED_AT if config.method == "fine_tuning" else 1)
    if report.has_nothing:
        first = f" Line {report.rejected[0].line}: {report.rejected[0].reason}." if report.rejected else ""
        raise UserError(f"{config.dataset}: there is nothing in it to learn from.{first}")
    if config.method == "fine_tuning" and not report.has_conversations:
        raise UserError(
            f"{config.dataset}: fine-tuning learns answers and needs conversations; this is {_words(report)}. "
            'Set method = "pretraining" for it.'
        )
    if config.validation_dataset:
        inspect(Path(config.validation_dataset), limit=1)
    check_reachable(config)
    # Here, for they need numpy, and the app does not start with that.
    from trainers.data_lens import check_before_start
    from trainers.small_data import try_out

    check_before_start(config)
    try_out(config)
    return report


def with_absolute_paths(config: TrainingConfig) -> TrainingConfig:
    """The same configuration for a process in another folder."""
    changes = {
        name: str(dataset_path(value).absolute())
        for name in ("dataset", "validation_dataset")
        if (value := getattr(config, name))
    }
    changes["base_model"] = absolute_reference(config.base_model)
    if config.tokenizer not in _OWN_TOKENIZERS:  # whatever folders of these names there may be
        changes["tokenizer"] = absolute_reference(config.tokenizer)
    return config.with_changes("config", **changes)


def stop_run(run: RunDirectory) -> None:
    """Ask a run to save and end.

    Raises:
        UserError: when it is not running.
    """
    _require_active(run)
    run.wish("stop")


def stop_run_now(run: RunDirectory) -> None:
    """End a run without saving: by itself when it still listens, else by force. What is on the disk stays whole.

    Raises:
        UserError: when it is not running.
    """
    _require_active(run)
    run.wish("stop_now")
    deadline = time.monotonic() + _SECONDS_TO_LISTEN
    while is_owned(run.path):
        if time.monotonic() > deadline:
            _kill(run)
            deadline = time.monotonic() + _SECONDS_TO_LISTEN
        time.sleep(0.05)


def _kill(run: RunDirectory) -> None:
    import psutil  # lazy: hardly ever needed

    status = run.status()
    with contextlib.suppress(psutil.Error):
        process = psutil.Process(status.pid)
        if abs(process.create_time() - status.process_started) < 2:
            process.kill()


def pause_run(run: RunDirectory) -> None:
    """Ask a run to save and wait.

    Raises:
        UserError: when it is not running.
    """
    _require_active(run)
    run.wish("pause")


def save_run(run: RunDirectory) -> None:
    """Ask a run for a checkpoint now.

    Raises:
        UserError: when it is not running.
    """
    _require_active(run)
    run.wish("save")


def resume_run(
    run: RunDirectory,
    max_steps: int | None = None,
    *,
    skip_step: bool = False,
    learning_rate: float | None = None,
) -> None:
    """Let a paused run go on, or start a stopped, failed, crashed or finished one again from its last checkpoint.

    One that ended for want of patience goes on without it when it is given `max_steps`: it would end at once again.
    `skip_step` leaves out the step whose loss is not a number; `learning_rate` is the highest rate from here on.

    Raises:
        UserError: when it is running, has nothing left to do, or waits for a decision that was not given.
    """
    if learning_rate is not None and not 0.0 < learning_rate <= HIGHEST_RATE:
        raise UserError(f"learning_rate must be above 0 and at most {HIGHEST_RATE:g}.")
    status = run.status()
    if _is_going_on(run, status):
        if max_steps is not None:
            raise UserError(f"The run '{run.name}' is going on; stop it before changing max_steps.")
        _let_go_on(run, status, skip_step, learning_rate)
        return
    config = run.config()
    if max_steps is not None:
        if max_steps < status.step:
            raise UserError(f"The run '{run.name}' has done {status.step} steps; max_steps cannot be less.")
        config = config.with_changes("max_steps", max_steps=max_steps, num_train_epochs=0.0)
    last_step = max_steps or status.step  # of epochs only the run knows how many steps they are
    if status.state == "finished" and status.step >= last_step:
        raise UserError(
            f"The run '{run.name}' is finished. To go on, resume it with more max_steps (tui-chat runs resume "
            f"{run.name} --max-steps {2 * max(1, status.step)})."
        )
    if status.state == "finished" and status.step < status.max_steps:  # its patience was at an end
        config = config.with_changes("max_steps", patience=0)
    if max_steps is not None:
        replace_file(run.path / "config.json", config.to_json())
    for wish in WISHES:
        run.withdraw(wish)
    if skip_step:
        run.wish("skip_step")
    if learning_rate is not None:
        run.wish_learning_rate(learning_rate)
    status = status.with_changes("status", state="starting", pid=0, error="", updated=time.time())
    with _starting(run.path):
        replace_file(run.path / "status.json", status.to_json())
        _spawn(run)


def _let_go_on(run: RunDirectory, status: RunStatus, skip_step: bool, learning_rate: float | None) -> None:
    """Tell a process that waits to go on, and how."""
    if skip_step and status.paused_for != "bad_step":
        raise UserError(f"The run '{run.name}' has no step to leave out; it is {status.state}.")
    if status.paused_for == "bad_step" and not skip_step and learning_rate is None:
        raise UserError(
            f"The run '{run.name}' waits for a decision. {status.error} (--skip-step, --learning-rate X, or "
            f"tui-chat runs stop {run.name})"
        )
    if not status.paused_for and not run.has_wish("pause"):
        raise UserError(f"The run '{run.name}' is running already.")
    if skip_step:
        run.wish("skip_step")
    if learning_rate is not None:
        run.wish_learning_rate(learning_rate)
    if status.paused_for == "full_disk":
        run.wish("resume")
    run.withdraw("pause")


def delete_run(run: RunDirectory) -> None:
    """Delete a run with its checkpoints.

    Raises:
        UserError: when it is still running.
    """
    status = run.status()
    if _is_going_on(run, status) or status.state in _ACTIVE:
        raise UserError(f"The run '{run.name}' is going on. Stop it before deleting it.")
    delete_directory(run.path)


def _is_going_on(run: RunDirectory, status: RunStatus) -> bool:
    """Whether a process trains the run; one that has said its last word is given the time to end."""
    deadline = time.monotonic() + _SECONDS_TO_END
    while is_owned(run.path):
        if status.state in _ACTIVE or time.monotonic() > deadline:
            return True
        time.sleep(0.05)
    return False


def wait_for_end(run: RunDirectory, seconds: float) -> RunStatus:
    """The status once the run's process is no longer active, or after `seconds`."""
    deadline = time.monotonic() + seconds
    while (status := run.status()).state in _ACTIVE and time.monotonic() < deadline:
        time.sleep(0.05)
    return status


def suggested_name(config: TrainingConfig) -> str:
    """A name for a run, from its data and today's date: "shakespeare-2026-11-20"."""
    path = Path(config.dataset)
    stem = path.name.split(".")[0]
    if stem.lower() in _TOO_COMMON and path.absolute().parent.name:
        stem = path.absolute().parent.name
    words = re.sub(r"[^A-Za-z0-9]+", "-", stem).strip("-").lower()[:40]
    return f"{words or 'run'}-{date.today().isoformat()}"


def _new_directory(runs_path: Path, name: str | None, config: TrainingConfig) -> Path:
    if name is not None:
        path = runs_path / check_run_name(name)
        if not _make(path):
            raise UserError(
                f"There is a run '{name}' already. Choose another name, or delete that run first."
            )
        return path
    base = suggested_name(config)
    number = 1
    while not _make(path := runs_path / (base if number == 1 else f"{base}-{number}")):
        number += 1
    return path


def _make(path: Path) -> bool:
    try:
        path.mkdir(mode=0o700)
    except FileExistsError:
        return False
    except OSError as error:
        raise UserError(f"{path}: the run's folder cannot be made ({error.strerror}).") from None
    return True


@contextlib.contextmanager
def _starting(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:  # a full disk, a folder that is not ours, no more processes
        raise UserError(f"{path}: the run cannot be started ({error.strerror or error}).") from None


def _spawn(run: RunDirectory) -> None:
    """Start `python -m trainers RUN_DIR`, detached: own session, no terminal, everything it prints in log.txt."""
    with run.log_path.open("ab") as log:
        process = subprocess.Popen(
            # -P: a folder named "engine" or "trainers" where the process runs must not be taken for ours.
            [sys.executable, "-P", "-m", "trainers", str(run.path)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=run.path,
            env=child_environment(),
            start_new_session=True,
        )
    # When it ends before us somebody has to take note, or it stays in the process table as a zombie.
    threading.Thread(target=process.wait, name=f"wait for {run.name}", daemon=True).start()


def _require_active(run: RunDirectory) -> None:
    state = run.status().state
    if state not in _ACTIVE:
        raise UserError(f"The run '{run.name}' is not running; it is {state}.")


def _words(report: DataReport) -> str:
    return "plain text" if report.format == "plain_text" else f"data of the kind '{report.format}'"
