"""The training process: `python -m trainers RUN_DIR`.

    stdout, stderr -> log.txt        the process is detached; nobody reads its pipes
    control files, SIGTERM, SIGINT, SIGHUP -> stop and save

The one rule: however it ends, the status says so in a sentence, and the log keeps the traceback.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import time
from pathlib import Path

from engine.errors import UserError
from trainers.allocation import keep_freed_memory
from trainers.checkpoints import DISK_FULL
from trainers.config import TrainingConfig
from trainers.interventions import GoBackError
from trainers.ownership import owned
from trainers.run_directory import RunDirectory
from trainers.run_writer import RunWriter
from trainers.wishes import Wishes

logger = logging.getLogger("trainers")
_NICENESS = 5  # the app and a chat beside the run stay quick


class _StoppedEarlyError(Exception):
    """A stop was asked for before the first step."""


def main() -> int:
    """Train the run in the folder that the command line names."""
    if len(sys.argv) != 2:
        print("usage: python -m trainers RUN_DIR", file=sys.stderr)
        return 2
    logging.basicConfig(level=logging.INFO, format="%(asctime)s  %(message)s", datefmt="%Y-%m-%d %H:%M:%S")
    run = RunDirectory(Path(sys.argv[1]).absolute())
    try:
        with owned(run.path):
            return _train(run)
    except UserError as error:  # the run belongs to another process: its status is not ours to write
        logger.error("%s", error)
        return 1


def _train(run: RunDirectory) -> int:
    writer = RunWriter(run)
    try:
        config = run.config()
        writer.report(stage="starting", max_steps=config.max_steps)
        while not _sitting(run, config, writer):
            writer.report("starting", stage="going back to the last checkpoint", error="", paused_for="")
    except _StoppedEarlyError:
        writer.report("stopped", stage="")
    except UserError as error:
        logger.error("%s", error)
        return _failed(writer, str(error))
    except MemoryError:
        return _failed(writer, _OUT_OF_MEMORY)
    except Exception as error:
        logger.exception("the training process failed")
        if _is_out_of_memory(error):
            return _failed(writer, _OUT_OF_MEMORY)
        if isinstance(error, OSError) and error.errno in DISK_FULL:
            return _failed(
                writer, f"The disk is full: {run.path} cannot be written. Make room and resume the run."
            )
        return _failed(
            writer, f"Training failed unexpectedly ({type(error).__name__}); log.txt has the details."
        )
    finally:
        for wish in ("stop", "stop_now"):
            run.withdraw(wish)
    return 0


def _sitting(run: RunDirectory, config: TrainingConfig, writer: RunWriter) -> bool:
    """Train; False when the run is to go on from its newest checkpoint."""
    try:
        run_training(run, config, writer)
    except GoBackError:
        return False
    return True


def run_training(run: RunDirectory, config: TrainingConfig, writer: RunWriter) -> None:
    """Everything from an empty or interrupted run directory to its final state.

    Raises:
        UserError: when the run cannot start, go on or be saved.
        GoBackError: when it is to be begun again from its newest checkpoint.
    """
    # Signals first: importing torch takes a second in which somebody may press Ctrl+C.
    wishes = Wishes(run)
    wishes.listen_to_signals()
    from trainers.methods.assembly import assemble, make_optimizer
    from trainers.methods.checkpointing import find_checkpoint, restore
    from trainers.methods.first_look import look_before_first_step
    from trainers.methods.loops import training_loop

    def progress(stage: str) -> None:
        if wishes.stop_is_wished():
            raise _StoppedEarlyError
        writer.report(stage=stage)

    checkpoint = find_checkpoint(run)
    parts = assemble(config, run.path / "tokens", checkpoint, progress)
    if checkpoint is None:
        look_before_first_step(parts, writer, progress)
    optimizer = make_optimizer(parts)
    loop = training_loop(parts, optimizer, writer, wishes)
    if checkpoint is not None:
        state = restore(checkpoint, parts, optimizer)
        loop.continue_from(state)
    writer.forget_after(loop.progress.measured_step)
    writer.report(
        max_steps=parts.config.max_steps,
        num_parameters=parts.model.num_parameters,
        train_tokens=parts.corpus.files.train_tokens,
        validation_tokens=parts.corpus.files.validation_tokens,
        device=str(parts.device),
        precision=parts.precision,
    )
    loop.run()


def _failed(writer: RunWriter, sentence: str) -> int:
    with contextlib.suppress(OSError):  # a full disk must not hide why the run failed
        writer.report("failed", stage="", error=sentence, seconds_left=None)
    return 1


_OUT_OF_MEMORY = (
    "There is not enough memory for this run. Set micro_batch_size to a smaller divisor of batch_size, or choose a "
    "shorter context_length or a smaller model, and resume."
)


def _is_out_of_memory(error: Exception) -> bool:
    words = str(error)
    return (
        type(error).__name__ == "OutOfMemoryError"
        or "can't allocate memory" in words
        or "out of memory" in words
    )


if __name__ == "__main__":
    if hasattr(os, "nice"):
        os.nice(_NICENESS)
    keep_freed_memory()
    started = time.perf_counter()
    status = main()
    logger.info("ended after %.0f s", time.perf_counter() - started)
    sys.exit(status)
