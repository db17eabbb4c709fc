"""Memory that ran out: how it is recognised, and what is said when nothing is left to make smaller.

The one rule: recognised by type, or by the words of torch's own CPU allocator, never by a guess.
"""

from __future__ import annotations

import gc
import re

import psutil
import torch

_CPU_WORDS = ("can't allocate memory", "DefaultCPUAllocator")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that there is no memory; torch has a type for devices, and only words for the CPU."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in _CPU_WORDS)


def asked_for(error: BaseException) -> str:
    """How much was asked for when it ran out, in words; empty when the error does not tell."""
    found = re.search(r"[Tt]ried to allocate ([\d.]+) ?(\w+)", str(error))
    if found is None:
        return ""
    return f"{int(found[1]) / 1e9:.2f} GB" if found[2] == "bytes" else f"{found[1]} {found[2]}"


def release_memory(device: torch.device) -> None:
    """Give back what the failed attempt held."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()


def memory_in_use(device: torch.device) -> int:
    """Bytes: of the process on a CPU, the highest so far on a GPU."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    return int(psutil.Process().memory_info().rss)


def free_memory(device: torch.device) -> int:
    """Bytes that are free on the device."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    return int(psutil.virtual_memory().available)


def nothing_smaller(device: torch.device, tokens: int, parameters: int, asked: str) -> str:
    """What to say when one sequence at a time is still too much: the numbers, and three remedies."""
    more = f", and {asked} more were asked for" if asked else ""
    return (
        f"There is not enough memory to learn from even one sequence of {tokens:,} tokens at a time: the model has "
        f"{parameters:,} parameters, {memory_in_use(device) / 1e9:.2f} GB are in use{more}, "
        f"{free_memory(device) / 1e9:.2f} GB are free. Start a new run with gradient_checkpointing = true, with a "
        "shorter context_length, or with a smaller model (embedding_size, num_layers)."
    )
