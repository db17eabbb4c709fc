"""Fine-tuning: learn to answer. The loss is taken on what the assistant says and on the token that ends it.

    <|user|>Hello<|assistant|>Hi!<|endoftext|>      whole conversations, several to a window with `packing`
    .       .....             ^^^^^^^^^^^^^^^^      ^ = a target

With `prompt_loss` the question counts too, by so much (Huerta-Enochian & Ko 2024: little helps, for short answers).
The one rule: padding is never a target, the end of a reply always is, and questions are only when asked for.
"""

from __future__ import annotations

from trainers.methods.method import NextTokenPrediction


class FineTuning(NextTokenPrediction):
    """Next-token prediction on the assistant's part of conversations; each epoch is in an order of its own."""
