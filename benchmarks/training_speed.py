"""Training steps per second of our loop's inner part beside nanoGPT's way of doing it, alternating.

    python -m benchmarks.training_speed --rounds 5 --steps 100 [--recipe shakespeare-char-cpu] [--device cuda]

The peer is nanoGPT's inner loop on the same model: its batch gathering (a stack of slices), torch's AdamW over the
parameters one by one, `clip_grad_norm_`, gradients set to None, and torch's scaled_dot_product_attention.
Data are random ids: the arithmetic does not depend on them.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from engine.models.gpt import GPT, CausalSelfAttention, GPTConfig
from trainers.config import TrainingConfig, read_recipe
from trainers.corpora import TextWindows
from trainers.methods.optimizer import FlatAdamW, is_decayed


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--recipe", default="shakespeare-char-cpu")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    config = read_recipe(options.recipe)
    ids = np.random.default_rng(0).integers(0, 65, 1_000_000).astype(np.uint16)
    ours, peer = our_steps(config, ids, options.device), nanogpt_steps(config, ids, options.device)
    speeds: tuple[list[float], list[float]] = ([], [])
    for round_number in range(options.rounds + 1):
        for speed, steps in zip(speeds, (ours, peer), strict=True):
            seconds = timed(steps, options.steps)
            if round_number:  # the first warms up
                speed.append(options.steps * config.batch_size * config.context_length / seconds)
    result = {
        "device": torch.cuda.get_device_name() if options.device == "cuda" else "cpu",
        "threads": options.threads,
        "recipe": options.recipe,
        "steps": options.steps,
        "rounds": options.rounds,
        "ours_tokens_per_second": round(statistics.median(speeds[0])),
        "nanogpt_style_tokens_per_second": round(statistics.median(speeds[1])),
        "ratio": round(statistics.median(a / b for a, b in zip(*speeds, strict=True)), 2),
    }
    print(json.dumps(result, indent=2))
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n")


def timed(step: Callable[[int], torch.Tensor], count: int) -> float:
    """Seconds for `count` steps."""
    started = time.perf_counter()
    for number in range(count):
        loss = step(number)
    loss.item()  # on a GPU: wait for it
    return time.perf_counter() - started


def our_steps(config: TrainingConfig, ids: np.ndarray, device: str) -> Callable[[int], torch.Tensor]:
    """Our windows, our GPT, our optimizer."""
    model = make_model(config).to(device)
    optimizer = FlatAdamW(model, config)
    windows = TextWindows(ids, config.context_length)

    def step(number: int) -> torch.Tensor:
        batch = windows.batch(config.batch_size, 1, number)
        inputs, targets = (torch.from_numpy(part).to(device) for part in (batch.inputs, batch.targets))
        optimizer.zero_gradients()
        loss = F.cross_entropy(model(inputs).flatten(0, 1), targets.flatten())
        loss.backward()
        optimizer.step(config.learning_rate, loss.detach())
        return loss

    return step


def nanogpt_steps(config: TrainingConfig, ids: np.ndarray, device: str) -> Callable[[int], torch.Tensor]:
    """The same model trained as nanoGPT's train.py does it."""
    model = make_model(config).to(device)
    for module in model.modules():
        if isinstance(module, CausalSelfAttention):
            module._attend = _fused_attention  # type: ignore[method-assign]
    parameters = list(model.parameters())
    groups = [
        {"params": [p for p in parameters if is_decayed(p)], "weight_decay": config.weight_decay},
        {"params": [p for p in parameters if not is_decayed(p)], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(
        groups, lr=config.learning_rate, betas=(config.beta1, config.beta2), fused=device == "cuda"
    )
    T = config.context_length

    def step(number: int) -> torch.Tensor:
        starts = torch.randint(len(ids) - T, (config.batch_size,))
        x = torch.stack([torch.from_numpy(ids[i : i + T].astype(np.int64)) for i in starts])
        y = torch.stack([torch.from_numpy(ids[i + 1 : i + 1 + T].astype(np.int64)) for i in starts])
        loss = F.cross_entropy(model(x.to(device)).flatten(0, 1), y.to(device).flatten())
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, config.gradient_clip)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return loss

    return step


def _fused_attention(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, mask: object) -> torch.Tensor:
    return F.scaled_dot_product_attention(q, k, v, is_causal=True)


def make_model(config: TrainingConfig) -> GPT:
    """The recipe's model, vocabulary 65."""
    torch.manual_seed(config.seed)
    return GPT(
        GPTConfig(
            vocab_size=65,
            context_length=config.context_length,
            embedding_size=config.embedding_size,
            num_layers=config.num_layers,
            num_heads=config.num_heads,
            bias=config.bias,
            activation="gelu",
        )
    ).train()


if __name__ == "__main__":
    main()
