"""The GPT on a GPU computes what it computes on a CPU. Run by benchmarks/gpu.sh where there is a device."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from engine.chat import user
from engine.generation import GenerationDone, GenerationSettings, TextChunk
from engine.models.gpt import GPT, GPTConfig
from engine.wire import Generate, Load

pytestmark = pytest.mark.cuda

TINY = GPTConfig(vocab_size=50, context_length=64, embedding_size=64, num_layers=2, num_heads=4)


def test_logits_are_those_of_the_cpu_at_once_in_pieces_and_packed() -> None:
    torch.manual_seed(0)
    gpt = GPT(TINY).eval()
    ids = torch.randint(0, 50, (2, 40))
    segments = torch.tensor([[1] * 15 + [2] * 25] * 2)
    expected, packed = gpt(ids), gpt(ids, segments=segments)
    on_gpu = gpt.cuda()
    cache = on_gpu.new_cache(2, 64)
    pieces = torch.cat([on_gpu(ids.cuda()[:, a:b], cache) for a, b in ((0, 20), (20, 21), (21, 40))], dim=1)
    torch.testing.assert_close(on_gpu(ids.cuda()).cpu(), expected, atol=1e-3, rtol=0)
    torch.testing.assert_close(pieces.cpu(), expected, atol=1e-3, rtol=0)
    torch.testing.assert_close(on_gpu(ids.cuda(), segments=segments.cuda()).cpu(), packed, atol=1e-3, rtol=0)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_model_answers_on_the_gpu_with_the_same_text_for_the_same_seed(
    tiny_model: Path, precision: str
) -> None:
    from engine.models.loading import ModelOnDuty

    load = Load.from_dict({"reference": str(tiny_model), "device": "cuda", "precision": precision}, "test")
    duty = ModelOnDuty(load, lambda stage, share: None)
    model = duty.take_newest()
    assert model.device.startswith("cuda") and model.precision == precision
    request = Generate(
        request=1, messages=(user("hi"),), settings=GenerationSettings(seed=3, max_new_tokens=20)
    )
    replies = []
    for _ in range(2):
        *chunks, done = duty.events(request, lambda: False)
        assert isinstance(done, GenerationDone)
        replies.append("".join(chunk.text for chunk in chunks if isinstance(chunk, TextChunk)))
    assert replies[0] == replies[1] != ""
