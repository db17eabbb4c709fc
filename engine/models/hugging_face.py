"""Any causal language model that transformers knows, behind the protocol of `language_model`.

    model = load_hugging_face(directory, "cpu", torch.float32)
    cache = model.new_cache(max_length=300)
    logits = model.forward(ids, cache)

`from_pretrained` alone is not enough: it fills weights that are missing at random, opens whatever an adapter
points to and asks questions on the terminal. So the directory is checked before, and what came out after.
T tokens given now, P tokens already in the cache, V vocabulary.
The one rule: nothing here uses the network, and no code of a model runs unless `trust_remote_code` is given.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import torch
from huggingface_hub.errors import StrictDataclassError
from safetensors import SafetensorError
from transformers import AutoConfig, AutoModelForCausalLM, DynamicCache
from transformers.utils import logging as transformers_logging

from engine.errors import UserError
from engine.hub import in_words
from engine.models.directory_checks import StoredWeights, check_directory

transformers_logging.set_verbosity_error()  # else load reports with ANSI colours go to stderr
transformers_logging.disable_progress_bar()

# What transformers raises for directories it cannot make a model of.
_LOAD_ERRORS = (
    ImportError,
    OSError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    RuntimeError,
    ArithmeticError,
    SafetensorError,
    StrictDataclassError,  # a key of config.json has the wrong type
)
_CONTEXT_LENGTHS = ("max_position_embeddings", "n_positions", "max_seq_len", "seq_length", "n_ctx")
_CONTEXT_WITHOUT_LIMIT = 2048  # for models that name none, such as those with ALiBi


@dataclass
class HuggingFaceCache:
    """Keys and values of one sequence, and how many tokens they stand for."""

    past: DynamicCache
    max_length: int
    length: int = 0  # P


class HuggingFaceModel:
    """A loaded model; implements `LanguageModel`."""

    def __init__(self, model: Any, device: torch.device) -> None:
        self._model = model
        config = model.config.get_text_config()
        self.device = device
        self.precision = str(model.dtype).removeprefix("torch.")
        self.architecture: str = model.config.model_type
        self.context_length = _context_length(config)
        self.vocab_size: int = config.vocab_size
        self.num_parameters = sum(parameter.numel() for parameter in model.parameters())
        self.end_of_text_ids = _end_of_text_ids(model)  # a model may know several tokens that end a reply
        takes = inspect.signature(model.forward).parameters
        self._options = {"logits_to_keep": 1} if "logits_to_keep" in takes else {}

    def new_cache(self, max_length: int) -> HuggingFaceCache:
        """An empty cache that takes up to `max_length` tokens (never more than `context_length`)."""
        return HuggingFaceCache(DynamicCache(config=self._model.config), min(max_length, self.context_length))

    @torch.inference_mode()
    def forward(self, ids: torch.Tensor, cache: HuggingFaceCache) -> torch.Tensor:
        """Read `ids` (T,) after what is in the cache; float32 logits (V,) for the token that follows.

        Raises:
            ValueError: when P + T is more than the cache was made for.
        """
        return self._read(ids, cache, self._options)[-1].float()

    @torch.inference_mode()
    def each_logits(self, ids: torch.Tensor, cache: HuggingFaceCache) -> torch.Tensor:
        """Read `ids` (T,) like `forward`; float32 logits (T, V) for the tokens that follow each of them."""
        return self._read(ids, cache, {}).float()

    def _read(self, ids: torch.Tensor, cache: HuggingFaceCache, options: dict[str, int]) -> torch.Tensor:
        T = ids.size(0)
        if cache.length + T > cache.max_length:
            raise ValueError(f"{cache.length} + {T} tokens do not fit into a cache for {cache.max_length}")
        output = self._model(input_ids=ids[None], past_key_values=cache.past, use_cache=True, **options)
        cache.past = output.past_key_values
        cache.length += T
        logits: torch.Tensor = output.logits[0]  # (1, T or 1, V) -> (T or 1, V)
        return logits

    @torch.inference_mode()
    def all_logits(self, ids: torch.Tensor) -> torch.Tensor:
        """Read `ids` (B, T) at once, without a cache; logits (B, T, V) for what follows each."""
        logits: torch.Tensor = self._model(input_ids=ids, use_cache=False).logits
        return logits


def load_hugging_face(
    directory: Path,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
    trust_remote_code: bool = False,
) -> HuggingFaceModel:
    """The model in a directory, whole and ready to generate.

    Raises:
        UserError: when the directory is dangerous, incomplete, damaged or too large; says which and what to do.
    """
    device = torch.device(device)
    model = open_hugging_face(directory, device, dtype, trust_remote_code)
    return HuggingFaceModel(model.to(device).eval(), device)


def open_hugging_face(
    directory: Path,
    device: torch.device,
    dtype: torch.dtype = torch.float32,
    trust_remote_code: bool = False,
) -> Any:
    """The `PreTrainedModel` in a directory, checked; still in main memory, `device` is where it is to go.

    Raises:
        UserError: as `load_hugging_face`.
    """
    weights = check_directory(directory, trust_remote_code)
    try:
        _refuse_what_does_not_fit(directory, weights, device, dtype, trust_remote_code)
        model, report = _open(directory, dtype, trust_remote_code)
    except _LOAD_ERRORS as error:
        raise UserError(f"{directory}: this model cannot be opened ({_in_one_line(error)}).") from error
    _refuse_incomplete(directory, report)
    _refuse_non_finite(directory, model)
    _refuse_without_cache(directory, model)
    return model


def _open(directory: Path, dtype: torch.dtype, trust: bool) -> tuple[Any, dict[str, Any]]:
    """The model, and what transformers found wrong with its weights."""
    opened: Any = AutoModelForCausalLM.from_pretrained(
        directory,
        local_files_only=True,
        trust_remote_code=trust,  # never left unset: it would ask on the terminal
        use_safetensors=True,
        ignore_mismatched_sizes=True,  # reported, and refused with the name of the weight
        output_loading_info=True,
        dtype=dtype,
    )
    model, report = opened
    return model, report


def _refuse_what_does_not_fit(
    directory: Path, weights: StoredWeights, device: torch.device, dtype: torch.dtype, trust: bool
) -> None:
    """Make the model without memory ("meta" device) to see how large it is."""
    config = AutoConfig.from_pretrained(directory, local_files_only=True, trust_remote_code=trust)
    with torch.device("meta"):
        empty = AutoModelForCausalLM.from_config(config, trust_remote_code=trust)
    needed = sum(parameter.numel() for parameter in empty.parameters())
    if needed > weights.num_values:
        raise UserError(
            f"{directory}: config.json describes {needed:,} parameters, but only {weights.num_values:,} are "
            "stored. The configuration does not belong to these weights, or a file is missing."
        )
    size, free = needed * dtype.itemsize, _free_memory(device)
    if size > free:
        raise UserError(
            f"{directory}: the weights need {in_words(size)} of memory and {in_words(free)} are free. "
            "Close other programs, choose a smaller model, or --precision bfloat16."
        )


def _free_memory(device: torch.device) -> int:
    """Bytes that are free where the model is to be."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return free
    return psutil.virtual_memory().available


def _refuse_incomplete(directory: Path, report: dict[str, Any]) -> None:
    """transformers only warns about these, and initialises at random."""
    reasons = {
        "missing_keys": "is missing; the model is incomplete",
        "unexpected_keys": "does not belong to this architecture; config.json and weights do not match",
        "mismatched_keys": "has another shape than config.json says; they do not match",
        "error_msgs": "cannot be read",
    }
    for kind, reason in reasons.items():
        if found := sorted(str(key[0] if isinstance(key, tuple) else key) for key in report.get(kind) or ()):
            more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
            raise UserError(
                f"{directory}: the weight '{found[0][:100]}'{more} {reason}. Get the model again."
            )


def _refuse_non_finite(directory: Path, model: Any) -> None:
    for name, parameter in model.named_parameters():
        if parameter.numel() and not all(bool(torch.isfinite(end)) for end in parameter.detach().aminmax()):
            raise UserError(
                f"{directory}: the weight '{name}' holds NaN or infinity; this model is broken. Get it again."
            )


def _refuse_without_cache(directory: Path, model: Any) -> None:
    if "past_key_values" not in inspect.signature(model.forward).parameters:
        raise UserError(
            f"{directory}: models of type '{model.config.model_type}' keep their memory in a way that is not "
            "supported here. Choose a transformer."
        )


def _context_length(config: Any) -> int:
    lengths = (getattr(config, name, None) for name in _CONTEXT_LENGTHS)
    return next((length for length in lengths if isinstance(length, int)), _CONTEXT_WITHOUT_LIMIT)


def _end_of_text_ids(model: Any) -> tuple[int, ...]:
    ids = model.generation_config.eos_token_id if model.generation_config else model.config.eos_token_id
    return tuple(ids) if isinstance(ids, list | tuple) else (ids,) if isinstance(ids, int) else ()


def _in_one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__
