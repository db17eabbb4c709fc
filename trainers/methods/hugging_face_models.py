"""Any causal language model that transformers knows, as a model that our methods train.

    model = open_for_training(directory, tokenizer.vocab_size, dropout=0.0)
    logits = model(ids, segments=segments)       # as our GPT
    model.save(folder, end_of_text)              # a directory that opens anywhere

Conversations packed into one row must not see each other. Most architectures keep texts apart whose positions begin
anew; whether this one does is tried out when it is opened, and where it does not each conversation is read alone.
Legend: B sequences, T tokens, N conversations, L tokens of the longest, V vocabulary.
The one rule: weights are opened as for a chat, checked and without code of others, and nothing is filled in.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import Tensor, nn
from transformers import GenerationConfig

from engine.errors import UserError
from engine.models.checkpoints import system_error
from engine.models.gpt import positions_in_segments
from engine.models.hugging_face import HuggingFaceModel, open_hugging_face

logger = logging.getLogger(__name__)
_CPU = torch.device("cpu")
_ONE_FILE = 1 << 50  # bytes in a weight file at most: one is enough


@dataclass
class ModelSizes:
    """What others ask of a model's configuration; the names are those of our GPT's. Trainer notes things in it."""

    vocab_size: int
    context_length: int
    embedding_size: int


class HuggingFaceLM(nn.Module):
    """A model of transformers behind the interface of our GPT: ids and segments in, logits out."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model
        self.keeps_apart = _keeps_packed_texts_apart(model)
        reader = self.reader()
        width = model.get_input_embeddings().weight.shape[1]
        self.config = ModelSizes(reader.vocab_size, reader.context_length, width)

    @property
    def architecture(self) -> str:
        """`model_type` of config.json."""
        return str(self.model.config.model_type)

    @property
    def num_parameters(self) -> int:
        """Embeddings included, a tied head counted once."""
        return sum(parameter.numel() for parameter in self.parameters())

    def forward(self, ids: Tensor, segments: Tensor | None = None) -> Tensor:
        """ids (B, T) -> logits (B, T, V); `segments` (B, T) numbers the texts that share a row."""
        if segments is None:
            return self._logits(ids)
        if not self.keeps_apart:
            return self._each_alone(ids, segments)
        return self._logits(ids, position_ids=positions_in_segments(segments))

    def _logits(self, ids: Tensor, **more: Tensor) -> Tensor:
        logits: Tensor = self.model(input_ids=ids, use_cache=False, **more).logits
        return logits

    def _each_alone(self, ids: Tensor, segments: Tensor) -> Tensor:
        """Each text in a row of its own, padded at the end, where nothing that counts can see the padding."""
        begins = positions_in_segments(segments) == 0  # (B, T)
        numbers = begins.flatten().cumsum(0) - 1  # (B T), the number of each token's text
        lengths = numbers.bincount()  # (N)
        is_text = torch.arange(int(lengths.max()), device=ids.device) < lengths[:, None]  # (N, L)
        alone = ids.new_zeros(is_text.shape)
        alone[is_text] = ids.flatten()
        return self._logits(alone)[is_text].view(*ids.shape, -1)  # (N, L, V) -> (B, T, V)

    def reader(self) -> HuggingFaceModel:
        """The same weights as a model that generates; who uses it puts the mode back."""
        return HuggingFaceModel(self.model, next(self.model.parameters()).device)

    def recompute_activations(self) -> None:
        """Let the backward pass compute activations a second time instead of keeping them.

        Raises:
            UserError: when the architecture cannot.
        """
        if not self.model.supports_gradient_checkpointing:
            raise UserError(
                f"Models of type '{self.architecture}' cannot compute activations twice. Set gradient_checkpointing "
                "to false."
            )
        options = {"use_reentrant": False}
        if hasattr(self.model, "activation_checkpointing_enable"):  # the name it has in newer transformers
            self.model.activation_checkpointing_enable(activation_checkpointing_kwargs=options)
        else:
            self.model.gradient_checkpointing_enable(gradient_checkpointing_kwargs=options)

    def save(self, directory: Path, end_of_text: int | None) -> None:
        """Write `config.json`, `generation_config.json` and `model.safetensors` into an existing directory.

        Raises:
            OSError: when the disk is full or cannot be written.
        """
        self._end_with(end_of_text)
        state = {name: parameter.detach().cpu().clone() for name, parameter in self.model.named_parameters()}
        kept = self.model.state_dict()  # parameters, and the buffers that belong into a file
        state |= {name: tensor.cpu().clone() for name, tensor in self.model.named_buffers() if name in kept}
        try:
            self.model.save_pretrained(directory, state_dict=state, max_shard_size=_ONE_FILE)
        except SafetensorError as error:
            raise system_error(error, directory) from None

    def _end_with(self, end_of_text: int | None) -> None:
        """Make the token that ends a reply known to others who generate with this model."""
        config = self.model.config
        ends = self.model.generation_config.eos_token_id if self.model.generation_config else None
        ends = config.eos_token_id if ends is None else ends
        known = ends if isinstance(ends, list) else [ends]
        if end_of_text is not None and end_of_text not in known:
            ends = config.eos_token_id = end_of_text
        # Fresh: what others wrote into theirs need not be valid, and then would not save.
        self.model.generation_config = GenerationConfig(
            eos_token_id=ends, bos_token_id=config.bos_token_id, do_sample=True
        )


def open_for_training(directory: Path, vocab_size: int, dropout: float) -> HuggingFaceLM:
    """The model in a directory in float32, with rows for at least `vocab_size` tokens.

    Raises:
        UserError: when the directory is dangerous, incomplete or damaged, or does not fit into memory.
    """
    model = open_hugging_face(directory, _CPU)
    if hasattr(model.config, "scratch_gpt"):  # our note about biases that are zero; now they learn
        del model.config.scratch_gpt
    _set_dropout(model, dropout)
    if vocab_size > model.get_input_embeddings().weight.shape[0]:
        _grow_vocabulary(model, vocab_size)
    wrapped = HuggingFaceLM(model)
    if not wrapped.keeps_apart:
        logger.warning(
            "models of type '%s' cannot keep packed conversations apart: each is read by itself, which takes more "
            "time and memory",
            wrapped.architecture,
        )
    return wrapped


def _set_dropout(model: Any, share: float) -> None:
    """The configuration of the run decides, not what the directory says."""
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = share
        elif isinstance(getattr(module, "attention_dropout", None), float):
            module.attention_dropout = share


@torch.no_grad()
def _grow_vocabulary(model: Any, vocab_size: int) -> None:
    """Rows for more tokens; new ones begin as the mean of the old ones, and differ a little."""
    old_size = model.get_input_embeddings().weight.shape[0]
    model.resize_token_embeddings(vocab_size, mean_resizing=False)
    layers = (model.get_input_embeddings(), model.get_output_embeddings())
    weights = {id(layer.weight): layer.weight for layer in layers if layer is not None}  # a tied head is one
    for weight in weights.values():
        mean = weight[:old_size].mean(dim=0)
        weight[old_size:] = mean + 0.01 * torch.randn(vocab_size - old_size, weight.shape[1])


@torch.no_grad()
def _keeps_packed_texts_apart(model: Any) -> bool:
    """Whether a text that follows another in its row gives the logits that it gives alone."""
    places = torch.arange(6, device=next(model.parameters()).device)[None]  # (1, 6)
    ids = places % model.get_input_embeddings().weight.shape[0]
    was_training = model.training
    model.eval()
    try:
        alone = model(input_ids=ids[:, 3:], use_cache=False).logits
        packed = model(input_ids=ids, position_ids=places % 3, use_cache=False).logits[:, 3:]
    except (TypeError, RuntimeError, IndexError):  # it has no positions to give, or none for this
        return False
    finally:
        model.train(was_training)
    return bool((alone - packed).abs().max() <= 1e-4 * alone.abs().max().clamp(min=1.0))
