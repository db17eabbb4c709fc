"""How much arithmetic a run does, and which share that is of what its card can do (MFU).

    speed = operations_per_second(config, status)       2.6e10
    share_of_peak(speed, status, card_name())           0.41, or None where no honest peak is known

Counted are the operations that learning needs, 6 per parameter and token and those of attention (Chowdhery et al.
2022, appendix B): work done twice to save memory does not count. The one rule: a peak is a maker's figure for a known
card in bfloat16 without sparsity. For processors there is no such figure, so there is no share either.
"""

from __future__ import annotations

from pathlib import Path

from trainers.config import TrainingConfig
from trainers.model_shape import ModelShape, operations_per_token
from trainers.run_directory import RunStatus

# Dense bfloat16 operations per second from the makers' data sheets; the first name found in the card's is taken.
PEAKS = {
    "B200": 2250e12,
    "GH200": 989e12,
    "H200": 989e12,
    "H100 NVL": 835e12,
    "H100 PCIe": 756e12,
    "H100": 989e12,
    "A100": 312e12,
    "L40S": 362e12,
    "L4": 121e12,
    "A10G": 70e12,
    "A10": 125e12,
    "RTX 4090": 165e12,
    "RTX 3090": 71e12,
}
_CARDS = Path("/proc/driver/nvidia/gpus")


def operations_per_second(config: TrainingConfig, status: RunStatus) -> float | None:
    """Useful floating point operations; None when the speed is not known yet."""
    if not status.tokens_per_second or not status.num_parameters:
        return None
    if config.base_model:  # of its layers only the parameters are known here: attention is left out
        return 6.0 * status.num_parameters * status.tokens_per_second
    shape = ModelShape.of(config, vocab_size=0)
    return operations_per_token(shape, status.num_parameters) * status.tokens_per_second


def share_of_peak(speed: float | None, status: RunStatus, card: str) -> float | None:
    """From 0 to 1; None on a processor, in another precision, or on a card that is not in the table."""
    if speed is None or not status.device.startswith("cuda") or status.precision != "bfloat16":
        return None
    names = card.replace("-", " ").split()
    peak = next((peak for name, peak in PEAKS.items() if set(name.split()) <= set(names)), None)
    return speed / peak if peak else None


def card_name(folder: Path = _CARDS) -> str:
    """The graphics card of this machine; empty when there is none, or several kinds."""
    names = set()
    for path in folder.glob("*/information"):
        try:
            lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            continue
        names |= {line.partition(":")[2].strip() for line in lines if line.startswith("Model:")}
    return names.pop() if len(names) == 1 else ""
