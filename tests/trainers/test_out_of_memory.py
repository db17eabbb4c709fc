"""When memory runs out, half as many sequences go through the model at once, and the step comes to the same."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from engine.errors import UserError
from tests.trainers.small_runs import CODE, new_run, outcome, train
from tests.trainers.test_training_loop import new_loop
from trainers.config import TrainingConfig
from trainers.interventions import Interventions, read_interventions
from trainers.methods import measuring
from trainers.methods.loop import TrainingLoop
from trainers.methods.method import Batch
from trainers.methods.out_of_memory import asked_for, is_out_of_memory
from trainers.methods.stepping import pieces

Loss = tuple[torch.Tensor, dict[str, torch.Tensor]]
CPU_WORDS = "[enforce fail at alloc_cpu.cpp:118] . DefaultCPUAllocator: can't allocate memory: you tried to allocate 8192000000 bytes. Error code 12 (Cannot allocate memory)"  # noqa: E501


def limit(loop: TrainingLoop, sequences: int, from_step: int = 0, error: Exception | None = None) -> None:
    """Let memory run out, in the middle of a step, when more sequences than this go through the model at once."""
    sound = loop.parts.method.loss

    def limited(model: torch.nn.Module, batch: Batch) -> Loss:
        loss = sound(model, batch)  # random numbers are drawn before it fails
        if len(batch.inputs) > sequences and loop.progress.step >= from_step:
            raise error or RuntimeError(CPU_WORDS)
        return loss

    loop.parts.method.loss = limited  # type: ignore[method-assign]


def test_it_is_recognised_by_type_or_by_the_words_of_the_cpu_s_allocator() -> None:
    assert is_out_of_memory(torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."))
    assert is_out_of_memory(RuntimeError(CPU_WORDS)) and is_out_of_memory(MemoryError())
    assert not is_out_of_memory(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
    assert not is_out_of_memory(ValueError("out of memory"))
    assert asked_for(RuntimeError(CPU_WORDS)) == "8.19 GB"
    assert (
        asked_for(torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0"))
        == "2.00 GiB"
    )
    assert asked_for(MemoryError()) == ""
    with pytest.raises(RuntimeError, match="can't allocate memory"):
        torch.empty(1 << 60, dtype=torch.uint8)
    try:
        torch.empty(1 << 60, dtype=torch.uint8)
    except RuntimeError as error:
        assert is_out_of_memory(error)


@pytest.mark.parametrize("error", [RuntimeError(CPU_WORDS), torch.OutOfMemoryError("no"), MemoryError()])
def test_the_step_is_taken_again_in_halves_and_comes_to_the_same(
    tmp_path: Path, tiny: TrainingConfig, error: Exception
) -> None:
    tiny = tiny.with_changes("test", dropout=0.0, max_steps=6)
    roomy, tight = new_loop(tmp_path / "roomy", tiny), new_loop(tmp_path / "tight", tiny)
    limit(tight, sequences=1, from_step=2, error=error)
    roomy.run()
    tight.run()
    for one, other in zip(roomy.parts.model.parameters(), tight.parts.model.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)
    run = tight.writer.run
    assert [(entry.step, entry.value) for entry in read_interventions(run)] == [(3, 1)]
    (row,) = [row for row in run.metrics()[0] if row.note]
    assert row.step == 3 and row.loss is not None
    assert row.note == "not enough memory for 2 sequences at once: 1 at once from here on, still 4 per step"


def test_a_resumed_run_goes_on_with_the_smaller_size_to_the_last_bit(
    tmp_path: Path, tiny: TrainingConfig
) -> None:
    tiny = tiny.with_changes("test", schedule="constant")
    whole = new_loop(tmp_path / "whole", tiny)
    limit(whole, sequences=2, from_step=3)
    whole.run()
    (halved,) = read_interventions(whole.writer.run)
    parts = new_run(tmp_path / "parts", tiny.with_changes("test", max_steps=12))
    Interventions(parts).add(halved)
    assert train(parts) == 0, parts.log_tail()
    (parts.path / "config.json").write_bytes(tiny.to_json())
    (parts.path / "interventions.json").unlink()  # the checkpoint knows it too
    assert train(parts) == 0, parts.log_tail()
    assert "known since step 4: not enough memory for 4 sequences at once" in parts.log_tail()
    assert read_interventions(parts) == (halved,)
    one, other = outcome(parts), outcome(whole.writer.run)
    assert [row for row in one[0] if row[0] != 12] == [
        row for row in other[0] if row[0] != 12
    ]  # 12 was an end
    assert one[2] == other[2]


def test_with_one_sequence_at_a_time_the_run_fails_with_numbers_and_remedies(
    tmp_path: Path, tiny: TrainingConfig
) -> None:
    loop = new_loop(tmp_path / "run", tiny)
    limit(loop, sequences=0)
    with pytest.raises(UserError) as caught:
        loop.run()
    words = str(caught.value)
    assert "one sequence of 16 tokens" in words and f"{loop.parts.model.num_parameters:,} parameters" in words
    assert "8.19 GB more were asked for" in words and "GB are free" in words
    assert all(word in words for word in ("gradient_checkpointing = true", "context_length", "smaller model"))


def test_an_error_that_is_none_of_memory_is_not_hidden(tmp_path: Path, tiny: TrainingConfig) -> None:
    loop = new_loop(tmp_path / "run", tiny)
    limit(loop, sequences=0, error=RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
    with pytest.raises(RuntimeError, match="cannot be multiplied"):
        loop.run()


def test_uneven_pieces_of_a_batch_share_its_targets() -> None:
    targets = torch.tensor([[1, -100], [2, 3], [-100, -100], [4, -100], [5, 6]])
    batch = Batch(torch.zeros(5, 2, dtype=torch.long), targets, targets, 0.5)
    found = pieces(batch, 2)
    assert [len(piece.inputs) for piece in found] == [2, 2, 1]
    assert [piece.share for piece in found] == pytest.approx([0.25, 0.5 / 6, 0.5 / 3])
    assert pieces(batch, 0) == [batch] and pieces(batch, 5) == [batch]


def test_measurements_without_memory_are_left_out_and_said(
    tmp_path: Path, tiny: TrainingConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise RuntimeError(CPU_WORDS)

    loop = new_loop(tmp_path / "run", tiny.with_changes("test", max_steps=12))
    monkeypatch.setattr(measuring, "evaluate", fails)
    monkeypatch.setattr(measuring, "draw_samples", fails)
    loop.run()
    assert loop.writer.status.state == "finished"
    notes = {row.step: row.note for row in loop.writer.run.metrics()[0] if row.note}
    assert notes[8] == "not enough memory for the validation, which was left out"
    assert notes[12].endswith("; not enough memory for the sampling, which was left out")
    assert loop.parts.model.training


@pytest.mark.skipif(sys.platform != "linux", reason="limits the address space")
def test_a_process_with_little_memory_halves_until_it_fits(tmp_path: Path, tiny: TrainingConfig) -> None:
    changes = {"batch_size": 4096, "context_length": 64, "max_steps": 1, "dropout": 0.0, "sample_interval": 0}
    run = new_run(tmp_path / "run", tiny.with_changes("test", **changes))
    program = f"""
import resource, sys, torch
from pathlib import Path
import trainers.methods.loop, torch._dynamo
from trainers import __main__ as process
used = int(Path("/proc/self/statm").read_text().split()[0]) * 4096
resource.setrlimit(resource.RLIMIT_AS, (used + 600_000_000,) * 2)
sys.argv = ["trainers", {str(run.path)!r}]
sys.exit(process.main())
"""
    with run.log_path.open("ab") as log:
        code = subprocess.run(
            [sys.executable, "-c", program],
            stdout=log,
            stderr=log,
            timeout=240,
            env={**os.environ, "PYTHONPATH": str(CODE)},
        ).returncode
    assert code == 0, run.log_tail()
    assert run.status().state == "finished"
    sizes = [int(entry.value) for entry in read_interventions(run)]
    assert sizes and 1 <= sizes[-1] < 4096
    assert "not enough memory for 4096 sequences at once" in run.metrics()[0][0].note or sizes[-1] < 2048
