"""Every damage to a real checkpoint is found, and the one before it is used in its stead."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest

from engine.manifest import MANIFEST, problem_of
from tests.trainers.test_training_loop import new_loop
from trainers.config import TrainingConfig
from trainers.methods.checkpointing import find_checkpoint
from trainers.run_directory import RunDirectory

TRUNCATIONS, FLIPS = 20, 200


@pytest.fixture
def checkpoint(tmp_path: Path, tiny: TrainingConfig) -> Path:
    """The newest of two checkpoints of a tiny run."""
    tiny = tiny.with_changes("test", embedding_size=8, num_layers=1, max_steps=2, checkpoint_interval=1)
    loop = new_loop(tmp_path / "run", tiny)
    loop.run()
    newest = Path(loop.writer.run.checkpoints()[-1].directory)
    assert find_checkpoint(loop.writer.run) == newest
    return newest


def test_every_truncation_flipped_bit_and_missing_file_is_found(checkpoint: Path) -> None:
    places = random.Random(1)
    tried = 0
    for path in sorted(checkpoint.iterdir()):
        sound = path.read_bytes()
        for _ in range(TRUNCATIONS):
            path.write_bytes(sound[: places.randrange(len(sound))])
            assert problem_of(checkpoint) is not None, f"{path.name} was cut off"
            tried += 1
        for _ in range(FLIPS):
            bit = places.randrange(8 * len(sound))
            damaged = bytearray(sound)
            damaged[bit // 8] ^= 1 << bit % 8
            path.write_bytes(damaged)
            # A flipped bit in the manifest itself is found too: it names sizes and hashes that are then others.
            assert problem_of(checkpoint) is not None, f"bit {bit} of {path.name}"
            tried += 1
        path.unlink()
        assert problem_of(checkpoint) is not None, f"{path.name} is missing"
        path.write_bytes(sound)
    assert problem_of(checkpoint) is None
    assert tried == len(list(checkpoint.iterdir())) * (TRUNCATIONS + FLIPS)


@pytest.mark.parametrize(
    "name", ["model.safetensors", "training_state.json", "training_state.safetensors", MANIFEST]
)
def test_a_run_falls_back_to_the_checkpoint_before(
    checkpoint: Path, name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:

    (checkpoint / name).unlink()
    found = find_checkpoint(RunDirectory(tmp_path / "run"))
    assert found is not None and found.name == "step_000001"
    assert "step_000002 is passed over" in caplog.text
    shutil.rmtree(found)
