"""Tokens per second of the scratch GPT beside transformers' `generate`, alternating, on the same random weights.

    python -m benchmarks.generation_speed --size 124M --rounds 5 [--device cuda] [--threads 1] [--json FILE]

Prints the median of each and the median of the ratios of neighbouring rounds.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM

from engine.models.checkpoints import load_gpt, save_gpt
from engine.models.gpt import GPT, GPTConfig, gpt2_config
from engine.models.scratch import ScratchModel

BUILTIN = GPTConfig(vocab_size=4096, context_length=512, embedding_size=256, num_layers=6, num_heads=8)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", default="124M", choices=["builtin", "124M", "355M"])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--prompt", type=int, default=32)
    parser.add_argument("--new", type=int, default=64)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    config = BUILTIN if options.size == "builtin" else gpt2_config(options.size)
    with tempfile.TemporaryDirectory() as folder:
        save_gpt(GPT(config), Path(folder))
        scratch = ScratchModel(load_gpt(Path(folder), options.device))
        peer = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).to(options.device).eval()
    ids = torch.randint(0, config.vocab_size, (options.prompt,), device=options.device)
    ours, theirs = [], []
    for round_number in range(options.rounds + 1):
        times = time_scratch(scratch, ids, options.new), time_peer(peer, ids, options.new)
        if round_number:  # the first warms up
            ours.append(options.new / times[0])
            theirs.append(options.new / times[1])
    result = {
        "device": torch.cuda.get_device_name() if options.device == "cuda" else "cpu",
        "threads": options.threads,
        "size": options.size,
        "prompt": options.prompt,
        "new": options.new,
        "rounds": options.rounds,
        "scratch_tokens_per_second": round(statistics.median(ours), 1),
        "transformers_tokens_per_second": round(statistics.median(theirs), 1),
        "ratio": round(statistics.median(a / b for a, b in zip(ours, theirs, strict=True)), 2),
    }
    print(json.dumps(result, indent=2))
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n")


def time_scratch(model: ScratchModel, ids: torch.Tensor, new: int) -> float:
    """Seconds for a greedy reply of `new` tokens."""
    started = time.perf_counter()
    cache = model.new_cache(len(ids) + new)
    logits = model.forward(ids, cache)
    for _ in range(new - 1):
        logits = model.forward(logits.argmax().view(1), cache)
    logits.argmax().item()  # on a GPU: wait for it
    return time.perf_counter() - started


def time_peer(model: torch.nn.Module, ids: torch.Tensor, new: int) -> float:
    """The same by transformers."""
    started = time.perf_counter()
    with torch.inference_mode():
        out = model.generate(  # type: ignore[operator]
            ids[None],
            attention_mask=torch.ones_like(ids[None]),
            max_new_tokens=new,
            min_new_tokens=new,
            do_sample=False,
            pad_token_id=0,
        )
    out[0, -1].item()
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
