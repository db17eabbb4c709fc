"""Kill -9 or stop at any moment, resume, compare: the promise that nothing of a run is ever lost, tried many times.

    python -m tests.trainers.torture --kills 500 --folder DIR [--seed 1]

Imports torch once and forks a training process per sitting, so that a trial costs a fraction of a second. Kinds of
runs take turns. Each is trained once uninterrupted; then, again and again, with up to three kills at uniformly drawn
moments, now and then a stop instead, and resumed to the end. Logged losses (to the last bit), samples, and the SHA-256
of the final weights and optimizer must be those of the uninterrupted run.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import shutil
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from engine.manifest import problem_of
from tests.trainers.small_runs import new_run
from trainers import __main__ as process
from trainers.config import TrainingConfig
from trainers.durable_files import PARTIAL, TRASH
from trainers.run_directory import RunDirectory

KILLS_PER_RUN = 3
STOPS = (
    0.25  # share of the sittings that are told to stop; they may be amid a measurement, which no kill resumes
)
TINY = {
    "num_layers": 2,
    "num_heads": 2,
    "embedding_size": 32,
    "context_length": 16,
    "dropout": 0.1,  # so that exactness includes the random numbers
    "batch_size": 4,
    "max_steps": 24,
    "warmup_steps": 4,
    "log_interval": 3,
    "eval_interval": 8,
    "eval_windows": 4,
    "checkpoint_interval": 5,
    "sample_interval": 12,
    "sample_tokens": 4,
    "precision": "float32",
    "device": "cpu",
    "threads": 1,
}
KINDS: dict[str, dict[str, object]] = {  # changes to TINY
    "pretraining": {},
    "fine-tuning": {"method": "fine_tuning", "context_length": 60, "micro_batch_size": 2},
    "averaging": {
        "ema_decay": 0.9,
        "schedule": "wsd",
        "label_smoothing": 0.1,
        "gradient_checkpointing": True,
        "keep_checkpoints": 2,
        "keep_every": 10,
    },
    "muon": {"optimizer": "muon", "ema_decay": 0.9},
}


def main() -> int:
    """Try as often as the command line says; prints a report as JSON, and returns 1 when a run differed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=40, help="kills that hit a living process")
    parser.add_argument("--folder", type=Path, required=True, help="an empty folder to work in")
    parser.add_argument("--seed", type=int, default=1, help="decides the moments")
    asked = parser.parse_args()
    _import_once()
    began = time.monotonic()
    report = torture(asked.folder, asked.kills, asked.seed)
    print(json.dumps({**report, "seconds": round(time.monotonic() - began)}))
    return 1 if report["different"] else 0


def torture(folder: Path, kills: int, seed: int) -> dict[str, object]:
    """Runs of every kind in turn until so many kills have hit."""
    moments = random.Random(seed)
    uninterrupted = {kind: _uninterrupted(folder, kind) for kind in KINDS}
    counts: Counter[str] = Counter()
    different: list[str] = []
    kinds = _endless(KINDS)
    while counts["kills"] < kills:
        kind = next(kinds)
        whole, seconds = uninterrupted[kind]
        counts["runs"] += 1
        run = new_run(folder / f"{kind}-{counts['runs']}", whole.config())
        stops = counts["stops"]
        for _ in range(min(KILLS_PER_RUN, kills - counts["kills"])):
            how = signal.SIGTERM if moments.random() < STOPS else signal.SIGKILL
            counts.update(_end_after(run, moments.uniform(0, seconds), how))
        # A stop saves, so that other checkpoints than the whole run's stand before the last.
        with_names = counts["stops"] == stops
        if not _finish(run) or outcome(run, with_names) != outcome(whole, with_names):
            different.append(run.name)  # its folder stays, to be looked at
        else:
            shutil.rmtree(run.path)
    return {**counts, "different": different}


def _uninterrupted(folder: Path, kind: str) -> tuple[RunDirectory, float]:
    """A run that nobody disturbs, and how long it took."""
    config = TrainingConfig.from_dict({**TINY, **KINDS[kind], "dataset": str(_data(folder, kind))}, kind)
    run = new_run(folder / kind, config)
    began = time.monotonic()
    if not _finish(run):
        raise SystemExit(f"The uninterrupted run failed:\n{run.log_tail()}")
    return run, time.monotonic() - began


def outcome(run: RunDirectory, with_names: bool = True) -> str:
    """Everything a run came to but for what the clock decides; equal texts mean equal runs.

    `with_names`: also which checkpoints there are beside the last.
    """
    rows = [
        (
            row.step,
            row.note,
            *(_hex(x) for x in (row.loss, row.val_loss, row.val_accuracy, row.gradient_norm)),
        )
        for row in run.metrics()[0]
    ]
    samples = [(row.step, row.prompt, row.text) for row in run.samples()[0]]
    last = Path(run.checkpoints()[-1].directory)
    digests = [
        hashlib.sha256((last / name).read_bytes()).hexdigest()
        for name in ("model.safetensors", "training_state.safetensors")
    ]
    names = [path.name for path in sorted(run.checkpoints_path.iterdir()) if with_names]
    return json.dumps([rows, samples, digests, names])


def _hex(number: float | None) -> str:
    return "" if number is None else number.hex()


def _end_after(run: RunDirectory, seconds: float, how: signal.Signals) -> Counter[str]:
    """Train, and kill or stop after so many seconds; what it hit. Never is a state left without a whole checkpoint."""
    had_checkpoint = bool(run.checkpoints())
    child = _fork(run)
    time.sleep(seconds)  # the moment is what is tested
    os.kill(child, how)
    _, status = os.waitpid(child, 0)
    if not os.WIFSIGNALED(status):  # it had ended before, or stopped
        return Counter({"stops": run.status().state == "stopped"})
    names = [path.name for path in run.checkpoints_path.glob("*")]
    hit = Counter({"kills": 1})
    hit["in a save"] = any(name.endswith(PARTIAL) for name in names)
    hit["in a prune"] = any(name.endswith(TRASH) for name in names)
    hit["before the first checkpoint"] = not run.checkpoints()
    whole = [info for info in run.checkpoints() if problem_of(Path(info.directory)) is None]
    if had_checkpoint and not whole:
        raise SystemExit(f"{run.path}: a kill left no whole checkpoint")
    return hit


def _finish(run: RunDirectory) -> bool:
    _, status = os.waitpid(_fork(run), 0)
    return os.waitstatus_to_exitcode(status) == 0 and run.status().state == "finished"


def _fork(run: RunDirectory) -> int:
    """A process that trains the run; returns its id."""
    sys.stdout.flush()
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        log = os.open(run.log_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(log, 1)
        os.dup2(log, 2)
        sys.argv = ["trainers", str(run.path)]
        status = process.main()
    finally:
        os._exit(status)  # nothing of the parent's is cleaned up twice


def _import_once() -> None:
    """What every sitting needs. Nothing is computed here: threads of the parent would be lost in its children."""
    import torch._dynamo  # noqa: F401  (torch's optimizers import it when they are made, for two seconds)

    import trainers.methods.loop  # noqa: F401


def _data(folder: Path, kind: str) -> Path:
    """A few kilobytes of text, or of conversations."""
    path = folder / ("chats.jsonl" if kind.startswith("fine-tuning") else "text.txt")
    if path.suffix == ".txt":
        path.write_text("".join(f"{n}. A dog ran {n * 37 % 101} rounds in the park!\n" for n in range(150)))
        return path
    with path.open("w") as file:
        for n in range(60):
            turns = [
                {"role": "user", "content": f"What comes after {n}?"},
                {"role": "assistant", "content": f"{n + 1} comes."},
            ]
            file.write(json.dumps({"messages": turns}) + "\n")
    return path


def _endless(names: dict[str, dict[str, object]]) -> Iterator[str]:
    while True:
        yield from names


if __name__ == "__main__":
    sys.exit(main())
