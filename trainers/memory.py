"""What a run needs in memory, part by part, before anything is made. Torch-free.

    parts = memory_parts(config, shape, parameters, "cpu", "float32")
    parts.total                                  bytes at the highest

What a pass keeps for the way back is counted tensor by tensor as `engine.models.gpt` makes them, after Korthikanti et
al. 2022, "Reducing Activation Recomputation in Large Transformer Models", section 4 (34 bytes per token, width and
layer in half precision, and 5 per attention score; what is fused or not dropped here is left out).
Legend: T tokens of a pass, C embedding_size, H heads, S context_length, V vocabulary.
The one rule: the peak counts, not the average; `benchmarks.preflight_accuracy` holds it against what is measured.
"""

from __future__ import annotations

from engine.records import Record
from trainers.config import TrainingConfig
from trainers.model_shape import ModelShape

WIDE_ENOUGH = 192  # width from which bfloat16 pays on a CPU with units for it (measured with 128 and 384)
_PROGRAM = {
    "cpu": 330_000_000,
    "cuda": 600_000_000,
}  # Python and torch; on a card, CUDA's own kernels and workspace
_EVALUATED_AT_ONCE = {"cpu": 2048, "cuda": 65536}  # tokens, as `methods.evaluation` has it
_LOGITS_AT_ONCE = 1 << 27
_FLOAT = 4


class MemoryParts(Record):
    """Bytes, by what they are for."""

    weights: int = 0
    gradients: int = 0
    optimizer: int = 0
    activations: int = 0  # what a pass, a validation or a save needs beside them, whichever is most
    program: int = 0

    @property
    def total(self) -> int:
        """All of it."""
        return self.weights + self.gradients + self.optimizer + self.activations + self.program


def memory_parts(
    config: TrainingConfig, shape: ModelShape, parameters: int, device: str, precision: str
) -> MemoryParts:
    """What a run of `config` needs on "cpu" or "cuda" in "float32" or "bfloat16" (autocast)."""
    copies = (
        2 * parameters if precision == "bfloat16" else 0
    )  # autocast's copies of the weights, kept for a pass
    passes = max(
        copies + pass_bytes(config, shape, device, precision),
        _validation_bytes(config, shape, device),
        _saving_bytes(parameters) if device == "cpu" else 0,
    )
    return MemoryParts(
        weights=_FLOAT * parameters,
        gradients=_FLOAT * parameters,
        optimizer=optimizer_bytes(config, shape, parameters),
        activations=passes,
        program=_PROGRAM[device],
    )


def optimizer_bytes(config: TrainingConfig, shape: ModelShape, parameters: int) -> int:
    """AdamW keeps two averages of each number (Loshchilov & Hutter 2019), Muon one of those in hidden matrices."""
    hidden = 12 * shape.num_layers * shape.embedding_size**2 if config.optimizer == "muon" else 0
    average = parameters if config.ema_decay else 0
    return _FLOAT * (2 * parameters - hidden + average)


def pass_bytes(config: TrainingConfig, shape: ModelShape, device: str, precision: str) -> int:
    """What one forward pass keeps, and what its way back adds at its highest."""
    tokens = (config.micro_batch_size or config.batch_size) * shape.context_length
    block, stream = _block_bytes(config, shape, device, precision), _FLOAT * shape.embedding_size
    # Of the loss: logits, log-probabilities and the gradients of both, float32 on every device.
    logits = 4 * _FLOAT * shape.vocab_size
    ends = 4 * stream  # the embeddings, the last norm, and what the head reads
    # While a block goes back, gradients of its parts stand beside them: twice its size was measured on a CPU.
    if config.gradient_checkpointing:  # one vector per block stays, and one block at a time is there in full
        most = shape.num_layers * stream + max(logits, 3 * block)
    else:
        most = shape.num_layers * block + logits + 2 * block
    mask = _mask_bytes(config, shape, device, precision)
    gradient_of_head = _FLOAT * shape.vocab_size * shape.embedding_size  # before it is added to what is there
    return tokens * (most + ends + mask) + gradient_of_head


def _block_bytes(config: TrainingConfig, shape: ModelShape, device: str, precision: str) -> int:
    """What a block keeps per token: two norms' inputs, and the inputs of its linear layers and products."""
    C, scores = shape.embedding_size, shape.num_heads * shape.context_length
    size = 2 if precision == "bfloat16" else _FLOAT
    norms = 2 * _FLOAT * C  # the stream itself stays float32
    linear = (
        (1 + 3 + 1 + 1 + 4 + 4) * size * C
    )  # into c_attn; q, k, v; into c_proj; into c_fc; GELU; into c_proj
    attention = size * scores if device == "cpu" else 2 * size * C  # fused kernels keep no scores
    dropped = 0
    if config.dropout:  # the noise, and on a CPU the scores once more
        dropped = 2 * size * C + (2 * size * scores if device == "cpu" else 0)
    return norms + linear + attention + dropped


def _mask_bytes(config: TrainingConfig, shape: ModelShape, device: str, precision: str) -> int:
    """Packed texts need a mask for each row, on a CPU for each head."""
    if config.method == "pretraining":
        return 0
    if device == "cuda":
        return 2 * shape.context_length
    return (2 if precision == "bfloat16" else _FLOAT) * shape.num_heads * shape.context_length


def _validation_bytes(config: TrainingConfig, shape: ModelShape, device: str) -> int:
    """Logits and log-probabilities of as many windows as are validated at once, and a block's inner layer."""
    S, V = shape.context_length, shape.vocab_size
    tokens = max(1, min(_EVALUATED_AT_ONCE[device], _LOGITS_AT_ONCE // max(1, V)) // S) * S
    scores = 2 * shape.num_heads * S if device == "cpu" else 0
    return tokens * _FLOAT * (max(2 * V, 9 * shape.embedding_size + scores) + 2 * shape.embedding_size)


def _saving_bytes(parameters: int) -> int:
    """A checkpoint copies AdamW's averages and the weights before it writes them."""
    return 3 * _FLOAT * parameters
