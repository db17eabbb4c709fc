"""Every figure of the monitor in plain words, with its value in the run on show.

The one rule: an explanation says what the figure means, and what a good or a bad one looks like.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from trainers.run_directory import RunStatus
from trainers.verdict import Verdict
from tui_chat import quantities
from tui_chat.widgets.chart_scale import short_number
from tui_chat.widgets.dialog_keys import DialogKeys
from tui_chat.widgets.run_curves import verdict_words

_EXPLANATIONS = {
    "loss": "How surprised the model is by each next token of the training text, in nats, averaged. 0 would be "
    "certainty; a model that knows nothing has the logarithm of the vocabulary's size. Lower is better.",
    "validation loss": "The same on text that is never trained on. Only this one tells learning from memorising: "
    "when it rises while the training loss falls, the model learns its text by heart.",
    "perplexity": "e to the power of the validation loss: between how many equally likely tokens the model "
    "hesitates, as it were. It depends on the tokenizer, as the loss does.",
    "bits per byte": "The validation loss for each byte of text instead of each token, in bits. It does not depend "
    "on the tokenizer, so it is the figure to compare models by. General compressors reach about 2 on English.",
    "accuracy": "How often the likeliest token was the right one, on the validation text.",
    "floors": "The dotted lines: what models reach that only count which token follows which (bigram), which two "
    "(trigram), which four (5-gram). A network above the bigram line has not learnt much yet.",
    "learning rate": "How far each step moves the weights. It rises during the warm-up, then falls on a schedule. "
    "Too high, and the loss jumps or rises; too low, and it creeps.",
    "gradient norm": "How strongly the batch pulls at the weights, before clipping. Even or slowly changing is "
    "healthy; a sudden peak often comes before a jump of the loss.",
    "tokens per second": "How much text is learnt from each second, evaluations and checkpoints apart.",
    "compute": "Useful arithmetic per second: 6 operations for each parameter and token, and those of attention.",
    "share of peak": "Useful arithmetic as a share of what the card's maker promises for bfloat16 (MFU). 30 to 50 % "
    "is good for a large model; a small one cannot keep a card busy. Unknown for processors.",
    "memory": "What the training process, or the card, holds: weights, gradients, the optimizer's averages and the "
    "activations of one pass.",
    "memory expected": "What the run was thought to need at its highest, part by part, before its first step. Most of "
    "a small model's is the program itself; smaller passes (micro_batch_size) lower the activations.",
    "parameters": "The numbers that are learnt.",
    "training tokens": "The size of the training text in tokens. As a rule of thumb a model wants about 20 tokens "
    "for each parameter; with fewer it can still learn, but begins to memorise sooner.",
}


class ExplainNumbers(ModalScreen[None]):
    """The figures with their values; scrolls where they do not fit."""

    CSS = """
    ExplainNumbers .dialog { height: 90%; }
    ExplainNumbers VerticalScroll { height: 1fr; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,question_mark,q,enter", "dismiss(None)", "Close", id="explain.close")
    ]

    def __init__(
        self,
        values: dict[str, str],
        verdict: Verdict | None,
        explanations: Mapping[str, str] | None = None,
    ) -> None:
        """`explanations` are of other figures than those of the monitor."""
        super().__init__()
        self._values, self._verdict = values, verdict
        self._explanations = _EXPLANATIONS if explanations is None else explanations

    def compose(self) -> ComposeResult:
        """The verdict whole, then one paragraph a figure."""
        width = min(84, self.app.size.width * 95 // 100) - 9
        with Vertical(classes="dialog"):
            yield Static("What the numbers mean", classes="dialog-title", markup=False)
            with VerticalScroll():
                yield Static(
                    explanation_words(self._values, self._verdict, width, self._explanations), markup=False
                )
            yield DialogKeys("↑↓ scroll", ("explain.close", "closes"))

    def on_mount(self) -> None:
        """The arrow keys scroll."""
        self.query_one(VerticalScroll).focus()


def explanation_words(
    values: dict[str, str],
    verdict: Verdict | None,
    width: int,
    explanations: Mapping[str, str] = _EXPLANATIONS,
) -> Content:
    """All explanations, `width` cells wide."""
    parts = [] if verdict is None else [verdict_words(verdict), Content("")]
    for name, text in explanations.items():
        value = values.get(name, "")
        parts.append(Content.assemble((name, "bold $text-accent"), "  ", (value, "bold")))
        parts += [Content.styled(f"  {line}", "$foreground 80%") for line in textwrap.wrap(text, width - 2)]
        parts.append(Content(""))
    return Content("\n").join(parts[:-1])


def values_of(status: RunStatus, latest: dict[str, float | None], compute: str, share: str) -> dict[str, str]:
    """The values to show; `latest` are the last ones of the curves by name."""
    accuracy = latest.get("val_accuracy")
    return {
        "loss": quantities.loss(status.loss),
        "validation loss": quantities.loss(status.val_loss),
        "perplexity": quantities.perplexity(status.val_loss),
        "bits per byte": short_number(status.val_bits_per_byte),
        "accuracy": f"{accuracy:.1%}" if accuracy is not None else quantities.NOTHING,
        "learning rate": short_number(status.learning_rate),
        "gradient norm": short_number(latest.get("gradient_norm")),
        "tokens per second": short_number(status.tokens_per_second),
        "compute": compute or quantities.NOTHING,
        "share of peak": share or quantities.NOTHING,
        "memory": quantities.byte_count(status.memory_bytes),
        "memory expected": _parts(status),
        "parameters": quantities.count(status.num_parameters or None),
        "training tokens": quantities.count(status.train_tokens or None),
    }


def _parts(status: RunStatus) -> str:
    """The memory that was expected, with its larger parts."""
    if status.memory_parts is None:
        return quantities.NOTHING
    parts = sorted(status.memory_parts.to_dict().items(), key=lambda part: -part[1])
    words = ", ".join(f"{name} {quantities.byte_count(size)}" for name, size in parts if size)
    return f"{quantities.byte_count(status.memory_parts.total)}: {words}"
