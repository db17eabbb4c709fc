"""One engine process, several checkpoints of a run: each reply comes from the weights it was asked of."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest
import torch
from safetensors.torch import load_file, save_file

from engine import wire
from engine.chat import user
from engine.errors import UserError
from engine.generation import GenerationDone, GenerationSettings, TextChunk
from engine.manifest import write_manifest
from engine.paths import runs_path
from engine.process import ProcessEngine

GREEDY = GenerationSettings(temperature=0, max_new_tokens=20)


def save_checkpoint(model: Path, step: int, val_loss: float) -> Path:
    """The tiny model as a checkpoint of the run "tiny", with weights that depend on the step."""
    path = runs_path() / "tiny" / "checkpoints" / f"step_{step:06d}"
    shutil.copytree(model, path)
    weights = load_file(path / "model.safetensors")
    torch.manual_seed(step)
    save_file(
        {name: torch.randn_like(tensor) for name, tensor in weights.items()}, path / "model.safetensors"
    )
    card = json.loads((path / "model_card.json").read_bytes()) | {"step": step, "val_loss": val_loss}
    (path / "model_card.json").write_text(json.dumps(card))
    write_manifest(path)
    return path


@pytest.fixture
async def engine(tiny_model: Path, tmp_path: Path) -> AsyncIterator[ProcessEngine]:
    save_checkpoint(tiny_model, 100, 3.3)
    save_checkpoint(tiny_model, 200, 2.5)
    engine = ProcessEngine(
        wire.Load(reference="run:tiny@latest", device="cpu", threads=1), tmp_path / "engine.log"
    )
    yield engine
    await engine.close()


async def reply(engine: ProcessEngine, reference: str = "") -> tuple[str, int | None]:
    text, step = "", None
    async for event in engine.stream([user("Hello")], GREEDY, reference):
        if isinstance(event, TextChunk):
            text += event.text
        elif isinstance(event, GenerationDone):
            step = event.step
    return text, step


async def test_another_checkpoint_answers_once_and_the_next_reply_is_the_newest_again(
    engine: ProcessEngine, tiny_model: Path
) -> None:
    newest = await reply(engine)
    older = await reply(engine, "run:tiny@step-100")
    assert (newest[1], older[1]) == (200, 100) and newest[0] != older[0]
    assert engine.model is not None and engine.model.step == 200  # what the pane shows is its own model
    assert await reply(engine) == newest
    assert await reply(engine, "run:tiny@step-200") == newest
    save_checkpoint(tiny_model, 300, 1.9)
    assert (await reply(engine))[1] == 300
    assert (engine.model.step, engine.model.val_loss) == (300, 1.9)


async def test_a_checkpoint_met_by_the_way_is_told_when_it_becomes_the_newest(
    engine: ProcessEngine, tiny_model: Path
) -> None:
    await reply(engine)
    save_checkpoint(tiny_model, 300, 1.9)
    assert (await reply(engine, "run:tiny@step-300"))[1] == 300
    assert (await reply(engine))[1] == 300
    assert engine.model is not None and (engine.model.step, engine.model.val_loss) == (300, 1.9)


async def test_a_checkpoint_that_is_gone_fails_that_reply_alone(engine: ProcessEngine) -> None:
    newest = await reply(engine)
    with pytest.raises(UserError, match="has no checkpoint '@step-50'"):
        await reply(engine, "run:tiny@step-50")
    assert await reply(engine) == newest
    shutil.rmtree(runs_path() / "tiny" / "checkpoints" / "step_000200")
    assert (await reply(engine))[1] == 100


async def test_beside_a_run_that_learns_a_reply_is_the_same_and_takes_its_time(engine: ProcessEngine) -> None:
    alone = await reply(engine)
    status = {"state": "running", "updated": time.time()}
    (runs_path() / "tiny" / "status.json").write_text(json.dumps(status))
    assert engine._process is not None
    process = psutil.Process(engine._process.pid)
    began, worked = time.monotonic(), sum(process.cpu_times()[:2])
    for _ in range(5):
        assert await reply(engine) == alone
    share = (sum(process.cpu_times()[:2]) - worked) / (time.monotonic() - began)
    assert share < 0.5  # 0.2, and what is no token


async def test_weights_at_hand_answer_when_the_run_is_deleted(engine: ProcessEngine) -> None:
    newest = await reply(engine)
    shutil.rmtree(runs_path() / "tiny")
    assert await reply(engine) == newest
