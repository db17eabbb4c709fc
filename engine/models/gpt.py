"""A GPT written out: GPT-2's architecture on one page, for training and for generation.

    ids (B, T) -> token + position embeddings -> num_layers x Block -> layer norm -> head -> logits (B, T, V)
    Block: x + attention(norm(x)), then x + feed_forward(norm(x))            ("pre-norm")

Legend: B batch, T tokens given now, P tokens already in the cache, S = P + T, C embedding_size, H heads,
D = C / H, V vocabulary. Radford et al. 2019, "Language Models are Unsupervised Multitask Learners"; the layers
carry the names of the released weights (wte, wpe, h, ln_1, c_attn, ...), so a checkpoint needs no dictionary.
The one rule: this file knows tensors only; files are read in `checkpoints`, text is handled in `text_generator`.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engine.records import Record

Activation = Literal["gelu", "gelu_new"]


class GPTConfig(Record):
    """The shape of a GPT. The defaults are GPT-2's smallest."""

    vocab_size: int = 50257
    context_length: int = 1024
    embedding_size: int = 768
    num_layers: int = 12
    num_heads: int = 12
    dropout: float = 0.0
    bias: bool = True  # in linear layers and layer norms
    qkv_bias: bool = True  # in the query, key and value projections; needs `bias`
    tied_head: bool = True  # the head shares the token embedding's weights
    activation: Activation = "gelu_new"  # the tanh form, as GPT-2; "gelu" (erf) is 3.5x faster on CPU
    layer_norm_epsilon: float = 1e-5

    def __post_init__(self) -> None:
        """Refuse shapes that cannot be computed."""
        if (
            min(self.vocab_size, self.context_length, self.num_layers, self.num_heads, self.embedding_size)
            < 1
        ):
            raise ValueError("every size of a model must be at least 1")
        if self.embedding_size % self.num_heads:
            raise ValueError(
                f"embedding_size {self.embedding_size} must be a multiple of num_heads {self.num_heads}"
            )


def gpt2_config(size: str) -> GPTConfig:
    """GPT-2 by number of parameters: "124M", "355M", "774M" or "1.5B" (KeyError for others)."""
    layers, heads, width = {
        "124M": (12, 12, 768),
        "355M": (24, 16, 1024),
        "774M": (36, 20, 1280),
        "1.5B": (48, 25, 1600),
    }[size]
    return GPTConfig(num_layers=layers, num_heads=heads, embedding_size=width)


class KeyValueCache:
    """Keys and values of the tokens read so far, in tensors made once for `max_length` tokens."""

    def __init__(self, config: GPTConfig, batch_size: int, max_length: int, like: Tensor) -> None:
        head_size = config.embedding_size // config.num_heads
        shape = (config.num_layers, batch_size, config.num_heads, max_length, head_size)  # (L, B, H, S, D)
        self.keys, self.values = like.new_empty(shape), like.new_empty(shape)
        self.length = 0  # P
        self.max_length = max_length

    def append(self, layer: int, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Store a layer's new keys and values (B, H, T, D); returns all S of them."""
        end = self.length + k.size(2)
        self.keys[layer, :, :, self.length : end] = k
        self.values[layer, :, :, self.length : end] = v
        return self.keys[layer, :, :, :end], self.values[layer, :, :, :end]


class CausalSelfAttention(nn.Module):
    """Multi-head attention in which a token sees itself and what stands before it."""

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        width = config.embedding_size
        self.num_heads = config.num_heads
        self.dropout = config.dropout
        self.c_attn = nn.Linear(width, 3 * width, bias=config.bias and config.qkv_bias)
        self.c_proj = nn.Linear(width, width, bias=config.bias)
        self.residual_dropout = nn.Dropout(config.dropout)

    def forward(self, x: Tensor, mask: Tensor | None, layer: int, cache: KeyValueCache | None) -> Tensor:
        """x (B, T, C) -> (B, T, C). `mask` is what `GPT.attention_mask` made."""
        B, T, C = x.shape
        qkv = self.c_attn(x).view(B, T, 3, self.num_heads, C // self.num_heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)  # 3 x (B, H, T, D)
        if cache is not None:
            k, v = cache.append(layer, k, v)  # (B, H, S, D)
        y = self._attend(q, k, v, mask)  # (B, H, T, D)
        y = y.transpose(1, 2).reshape(B, T, C)
        return self.residual_dropout(self.c_proj(y))

    def _attend(self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None) -> Tensor:
        dropout = self.dropout if self.training else 0.0
        if q.is_cuda:
            causal = mask is None and q.size(2) > 1
            return F.scaled_dot_product_attention(q, k, v, mask, dropout, is_causal=causal)
        # On CPU the plain form, forward and backward, is twice as fast as the fused one up to 512 tokens.
        # Scale and mask ride along with the product, and the softmax keeps the precision of what it is given:
        # its sums are float32 inside, and casting (T, S) matrices to and fro costs more than the products.
        B, H, T, D = q.shape
        S = k.size(2)
        assert mask is not None
        q, k, v = q.reshape(B * H, T, D), k.reshape(B * H, S, D), v.reshape(B * H, S, D)
        scores = torch.baddbmm(mask.expand(B * H, T, S), q, k.transpose(1, 2), alpha=1.0 / math.sqrt(D))
        with torch.autocast("cpu", enabled=False):
            weights = F.dropout(scores.softmax(dim=-1), dropout, self.training)
        return torch.bmm(weights, v).view(B, H, T, D)


class FeedForward(nn.Module):
    """Two linear layers with a GELU between them, four times as wide inside."""

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        width = config.embedding_size
        self.c_fc = nn.Linear(width, 4 * width, bias=config.bias)
        self.c_proj = nn.Linear(4 * width, width, bias=config.bias)
        self.approximate = "tanh" if config.activation == "gelu_new" else "none"
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, C) -> (B, T, C)."""
        return self.dropout(self.c_proj(F.gelu(self.c_fc(x), approximate=self.approximate)))


class Block(nn.Module):
    """Attention, then feed-forward; each adds to what passes through."""

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        self.ln_1 = nn.LayerNorm(config.embedding_size, config.layer_norm_epsilon, bias=config.bias)
        self.attn = CausalSelfAttention(config)
        self.ln_2 = nn.LayerNorm(config.embedding_size, config.layer_norm_epsilon, bias=config.bias)
        self.mlp = FeedForward(config)

    def forward(self, x: Tensor, mask: Tensor | None, layer: int, cache: KeyValueCache | None) -> Tensor:
        """(B, T, C) -> (B, T, C)."""
        x = x + self.attn(self.ln_1(x), mask, layer, cache)
        return x + self.mlp(self.ln_2(x))


class GPT(nn.Module):
    """A decoder-only transformer."""

    future: Tensor  # (context, context), True above the diagonal

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        self.config = config
        self.wte = nn.Embedding(config.vocab_size, config.embedding_size)
        self.wpe = nn.Embedding(config.context_length, config.embedding_size)
        self.drop = nn.Dropout(config.dropout)
        self.h = nn.ModuleList(Block(config) for _ in range(config.num_layers))
        self.ln_f = nn.LayerNorm(config.embedding_size, config.layer_norm_epsilon, bias=config.bias)
        self.lm_head = nn.Linear(config.embedding_size, config.vocab_size, bias=False)
        if config.tied_head:
            self.lm_head.weight = self.wte.weight
        ones = torch.ones(config.context_length, config.context_length, dtype=torch.bool)
        self.register_buffer("future", ones.triu(1), persistent=False)  # (context, context)
        self.apply(self._initialise)
        self._scale_residual_projections()

    @staticmethod
    def _initialise(module: nn.Module) -> None:
        if isinstance(module, (nn.Linear, nn.Embedding)):
            nn.init.normal_(module.weight, std=0.02)
        if isinstance(module, nn.Linear) and module.bias is not None:
            nn.init.zeros_(module.bias)

    def _scale_residual_projections(self) -> None:
        """Each block adds to the stream twice: 1/sqrt(2 L) keeps its variance (GPT-2 paper, section 2.3)."""
        for name, parameter in self.named_parameters():
            if name.endswith("c_proj.weight"):
                nn.init.normal_(parameter, std=0.02 / math.sqrt(2 * self.config.num_layers))

    @property
    def num_parameters(self) -> int:
        """Parameters, embeddings included, a tied head counted once."""
        return sum(parameter.numel() for parameter in self.parameters())

    def new_cache(self, batch_size: int, max_length: int) -> KeyValueCache:
        """An empty cache for up to `max_length` tokens on the model's device, in its precision."""
        return KeyValueCache(self.config, batch_size, max_length, like=self.wte.weight)

    def hidden_states(
        self, ids: Tensor, cache: KeyValueCache | None = None, segments: Tensor | None = None
    ) -> Tensor:
        """ids (B, T) -> what the head reads, (B, T, C). With a cache, `ids` go on where it ends.

        `segments` (B, T) numbers the texts that share a row: a token sees its own text only, and positions begin
        anew in each, so packed texts are computed as if each stood alone.

        Raises:
            ValueError: when P + T is more than `context_length`.
        """
        T = ids.size(1)
        P = cache.length if cache is not None else 0
        if P + T > self.config.context_length:
            raise ValueError(f"{P} + {T} tokens do not fit into a context of {self.config.context_length}")
        positions = (
            torch.arange(P, P + T, device=ids.device) if segments is None else positions_in_segments(segments)
        )
        mask = self.attention_mask(P, T, segments)
        x = self.drop(self.wte(ids) + self.wpe(positions))  # (B, T, C)
        for layer, block in enumerate(self.h):
            x = block(x, mask, layer, cache)
        if cache is not None:
            cache.length = P + T
        return self.ln_f(x)

    def attention_mask(self, P: int, T: int, segments: Tensor | None) -> Tensor | None:
        """What keeps a token from looking ahead, or into another text, in the form its device wants.

        CUDA: True where to look, (T, S) or (B, 1, T, S); None for the plain case that its kernels know by heart.
        CPU: added to the scores, 0 or -inf, (T, S) or (B H, T, S), in the precision that the scores will have.
        """
        on_gpu = self.future.is_cuda
        if on_gpu and segments is None and (not P or T == 1):
            return None
        future = self.future[P : P + T, : P + T]  # (T, S)
        if segments is not None:
            others = segments[:, :, None] != segments[:, None, :]  # (B, T, T)
            future = (future | others).unsqueeze(1)  # (B, 1, T, T)
        if on_gpu:
            return ~future
        dtype = torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else self.wte.weight.dtype
        mask = torch.zeros(future.shape, dtype=dtype).masked_fill_(future, float("-inf"))
        return mask if segments is None else mask.expand(-1, self.config.num_heads, -1, -1).flatten(0, 1)

    def forward(
        self, ids: Tensor, cache: KeyValueCache | None = None, segments: Tensor | None = None
    ) -> Tensor:
        """ids (B, T) -> logits (B, T, V)."""
        return self.lm_head(self.hidden_states(ids, cache, segments))


def positions_in_segments(segments: Tensor) -> Tensor:
    """segments (B, T), each a run of equal numbers -> how many tokens of its own stand before each, (B, T)."""
    places = torch.arange(segments.size(1), device=segments.device).expand_as(segments)
    begins = torch.ones_like(segments, dtype=torch.bool)
    begins[:, 1:] = segments[:, 1:] != segments[:, :-1]
    return places - torch.where(begins, places, 0).cummax(dim=1).values
