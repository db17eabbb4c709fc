"""What an empty conversation shows: what this is, and things to try.

The one rule: the keys are those in force, and what is suggested is what the model can do.
"""

from __future__ import annotations

from textual.content import Content
from textual.widgets import Static

from tui_chat.key_bindings import key_in_words
from tui_chat.text import one_line, plain
from tui_chat.widgets.prompt_input import PromptInput

_THINGS_TO_TRY = (  # no wider than the narrowest pane
    ("app.palette", "a joke, a poem, every command"),
    ("chat.model", "another model, or your own"),
    ("chat.new_pane", "a second pane beside this one"),
    ("app.training", "train a model and watch it learn"),
)
_GREETING = ("Good to see you", "Some things to try")
_CONTINUES = (
    "This model continues texts",
    "It answers no questions. Begin one for it,",
    "such as: Once upon a time, there was a",
)
_LINES_OF_GREETING = 6


class Welcome(Static):
    """A friendly empty page."""

    def __init__(
        self, continues_text: bool = False, enter_sends: bool = True, persona: str = "", greeting: str = ""
    ) -> None:
        super().__init__(markup=False)
        self._continues_text = continues_text
        self._enter_sends = enter_sends
        self._persona = persona
        self._greeting = greeting

    def on_mount(self) -> None:
        self.screen.bindings_updated_signal.subscribe(self, lambda _: self._show())
        self._show()

    def invite(self, continues_text: bool, enter_sends: bool, persona: str = "", greeting: str = "") -> None:
        """Suggest what the model of this pane can do, or let its persona say hello."""
        before = self._continues_text, self._enter_sends, self._persona, self._greeting
        if (continues_text, enter_sends, persona, greeting) != before:
            self._continues_text, self._enter_sends = continues_text, enter_sends
            self._persona, self._greeting = persona, greeting
            self._show()

    def _show(self) -> None:
        send = key_in_words(self, "prompt.send" if self._enter_sends else "prompt.newline", PromptInput)
        does = (
            "has it continue what you write below" if self._continues_text else "sends what you write below"
        )
        lines = [(send, does), *((key_in_words(self, id), what) for id, what in _THINGS_TO_TRY)]
        widest = max(len(key) for key, _ in lines)
        title, *below = _CONTINUES if self._continues_text else _GREETING
        if self._persona:
            title, below = (
                one_line(self._persona, 60),
                self._greeting.strip().splitlines()[:_LINES_OF_GREETING],
            )
        things = [
            Content.assemble((key.ljust(widest), "$text-accent"), (f"   {what}", "dim"))
            for key, what in lines
        ]
        words = [
            plain(title).stylize("bold $text-primary"),
            *(plain(line) if self._persona else Content.styled(line, "dim") for line in below),
        ]
        self.update(Content("\n").join([*words, Content(""), *things]))
