"""Memory as the preflight says it beside what steps really took, for a few configurations.

    python -m benchmarks.preflight_accuracy [--only NAME ...] [--threads 1] [--json FILE]

Each configuration trains two whole steps of a throw-away model in a process of its own, whose highest memory
(ru_maxrss; on a GPU what torch had allocated) is read at its end. An estimate within 30 % is called right.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from trainers.config import TrainingConfig, read_recipe
from trainers.memory import memory_parts
from trainers.model_shape import ModelShape, num_parameters
from trainers.probing import ProbeRequest, measure

_RIGHT = 0.3
_WIDE: dict[str, object] = {
    "num_layers": 6,
    "num_heads": 6,
    "embedding_size": 384,
    "context_length": 256,
    "batch_size": 32,
}
_GPT2: dict[str, object] = {
    "num_layers": 12,
    "num_heads": 12,
    "embedding_size": 768,
    "context_length": 256,
    "batch_size": 2,
    "bias": True,
}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="*", help="names of configurations")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    found = []
    for name, (config, vocabulary) in configurations().items():
        if not options.only or name in options.only:
            found.append(compare(name, config.with_changes(name, threads=options.threads), vocabulary))
            print(in_words(found[-1]), flush=True)
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n")


def configurations() -> dict[str, tuple[TrainingConfig, int]]:
    """What is tried, and how large its vocabulary is."""
    small = read_recipe("shakespeare-char-cpu")
    wide = small.with_changes("benchmark", **_WIDE)
    return {
        "4x128 float32": (small, 65),
        "6x384 float32": (wide, 65),
        "6x384 dropout": (wide.with_changes("benchmark", dropout=0.2), 65),
        "6x384 recomputed": (wide.with_changes("benchmark", gradient_checkpointing=True), 65),
        "6x256 bfloat16, 8,192 word pieces": (
            read_recipe("own-text").with_changes("benchmark", vocab_size=8192, precision="bfloat16"),
            8192,
        ),
        "GPT-2 124M, 2 x 256": (small.with_changes("benchmark", **_GPT2), 50_257),
    }


def compare(name: str, config: TrainingConfig, vocabulary: int) -> dict[str, Any]:
    """The estimate and the measurement of one configuration."""
    request = ProbeRequest(config=config, vocab_size=vocabulary, steps=2)
    (result,) = measure([request], seconds=30.0, is_whole=True)
    shape = ModelShape.of(config, vocabulary)
    parts = memory_parts(config, shape, num_parameters(shape), result.device, result.precision)
    return {
        "name": name,
        "precision": result.precision,
        "device": result.device,
        "estimated": parts.total,
        "measured": result.peak_bytes,
        "ratio": round(parts.total / result.peak_bytes, 2),
        "parts": parts.to_dict(),
    }


def in_words(row: dict[str, Any]) -> str:
    """One line."""
    verdict = "right" if abs(row["ratio"] - 1) <= _RIGHT else "WRONG"
    return (
        f"{row['name']:<36} estimated {row['estimated'] / 1e6:8,.0f} MB   measured {row['measured'] / 1e6:8,.0f} MB   "
        f"ratio {row['ratio']:.2f}  {verdict}"
    )


if __name__ == "__main__":
    main()
