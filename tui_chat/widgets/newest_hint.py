"""A word at the prompt while there is more below: who reads further up sees that, and how to get back.

The one rule: the text being read does not move for it.
"""

from __future__ import annotations

from textual.containers import VerticalScroll

from tui_chat.key_bindings import key_in_words
from tui_chat.text import plain
from tui_chat.widgets.prompt_input import PromptInput

_NEAR = 2  # lines from the end that count as there


def tell_of_newer(texts: VerticalScroll, prompt: PromptInput) -> None:
    """From now on, say at the edge of the prompt whether `texts` go on below."""

    def tell() -> None:
        is_above = texts.max_scroll_y - texts.scroll_y >= _NEAR
        if is_above == bool(prompt.border_subtitle):
            return  # nearly always: this runs at every line that arrives or is scrolled
        key = key_in_words(prompt, "prompt.scroll_end")
        prompt.border_subtitle = plain(f"↓ newer below · {key}") if is_above else ""

    texts.watch(texts, "scroll_y", tell)
    texts.watch(texts, "virtual_size", tell)
