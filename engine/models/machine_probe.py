"""How fast this machine is with torch, measured in about a second: `python -m engine.models.machine_probe [THREADS]`.

One JSON line: versions, devices, and two speeds that decide everything else: how fast weights are read (a reply
reads all of them once per token) and how fast matrices are multiplied (which is most of training).
The one rule: a rough answer soon, not a benchmark.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import Any

import torch

from engine.models.loading import choose_device, choose_threads


def measure(threads: int) -> dict[str, Any]:
    """What torch finds here, and its two speeds on the device that `auto` takes."""
    torch.set_num_threads(choose_threads(threads))
    device = torch.device(choose_device("auto"))
    size = 8192  # 256 MB of weights: more than any cache holds, as in the models that are slow
    weights, row = torch.rand(size, size, device=device), torch.rand(size, device=device)  # (N, N), (N,)
    square = torch.rand(1024, 1024, device=device)
    return {
        "torch": torch.__version__,
        "device": device.type,
        "threads": torch.get_num_threads(),
        "gpus": [_gpu(index) for index in range(torch.cuda.device_count())],
        "bytes_per_second": 4 * size * size / _best_seconds(lambda: weights @ row, device),
        "flops_per_second": 2 * 1024**3 / _best_seconds(lambda: square @ square, device),
    }


def _gpu(index: int) -> dict[str, Any]:
    facts = torch.cuda.get_device_properties(index)
    return {"name": facts.name, "memory_bytes": facts.total_memory}


def _best_seconds(work: Callable[[], torch.Tensor], device: torch.device) -> float:
    """The fastest of a few goes: other processes only ever slow one down."""
    times = []
    for _ in range(6):
        start = time.perf_counter()
        work()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        times.append(time.perf_counter() - start)
    return min(times)


if __name__ == "__main__":
    print(json.dumps(measure(int(sys.argv[1]) if len(sys.argv) > 1 else 0)))
