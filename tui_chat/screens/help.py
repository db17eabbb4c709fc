"""How to get going, and what the keys do here.

The keys are read from the bindings of the screen below (`key_bindings`), so this page is never out of date.
The one rule: no key is written down here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import ItemGrid, VerticalScroll
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Static

from tui_chat.key_bindings import Key, Place, key_in_words, key_words, places_of
from tui_chat.text import plain, visible
from tui_chat.widgets.key_hints import KeyHints

GETTING_STARTED = (
    (
        "Talk",
        "Write in the box below the chat; the model loads meanwhile. Nothing leaves this machine unless you choose "
        "the model of a server. A / at the beginning lists commands, such as /system, /attach or /joke.",
    ),
    (
        "Everything",
        "$palette opens the command palette: type a few letters of what you want, such as model, new chat, joke, "
        "theme or quit.",
    ),
    (
        "Another model",
        "'model' in the palette: the built-in one, one in a folder, one you trained (run:NAME), one from the "
        "Hugging Face Hub (hf:OWNER/NAME), or one of a server (api:PROVIDER/MODEL).",
    ),
    (
        "Train your own",
        "'training' in the palette, then a new run: give it a text file, or conversations, and a recipe. It goes "
        "on when you close this program, and you can chat with it while it learns.",
    ),
    (
        "In a shell",
        "tui-chat --help lists what works without this screen; tui-chat doctor says what this machine can do.",
    ),
)


class HelpScreen(Screen[None]):
    """First steps, and the keys of the screen it was called from."""

    CSS_PATH = "help.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,f1,question_mark,q", "dismiss", "Back", id="help.close")
    ]

    def __init__(self, remapped: Mapping[str, str] | None = None, key_set: str = "standard") -> None:
        super().__init__()
        self._remapped = remapped or {}  # by the set of keys, and by the [keys] of the settings
        self._key_set = key_set

    def compose(self) -> ComposeResult:
        below = self._screen_below()
        places = places_of(below, self._remapped) if below else []
        with VerticalScroll(id="help"):
            yield Static(Content.styled("Getting going", "bold"), classes="help-title")
            first_steps = (self._paragraph(name, text) for name, text in GETTING_STARTED)
            yield Static(Content("\n").join(first_steps), classes="help-paragraphs")
            yield Static(Content.styled(self._title(), "bold"), classes="help-title")
            if below is not None and below.HELP:
                yield Static(plain(below.HELP), classes="help-about")
            with ItemGrid(min_column_width=50, id="help-places"):
                for place in places:
                    yield Static(self._keys(place), classes="help-place")
        yield KeyHints()

    def on_mount(self) -> None:
        self.query_one("#help").focus()

    def _title(self) -> str:
        """A set other than the usual is named, with where it was chosen."""
        settings = key_in_words(self, "app.settings")
        of_set = f"  (the {self._key_set} set: ui.key_set in the settings, {settings})"
        return "Keys here" + ("" if self._key_set == "standard" else of_set)

    def _screen_below(self) -> Screen[Any] | None:
        others = [screen for screen in self.app.screen_stack if screen is not self]
        return others[-1] if others else None

    def _keys(self, place: Place) -> Content:
        lines = [Content.styled(place.title, "bold $text-accent")]
        names = [" ".join(key_words(self.app, name) for name in key.keys) for key in place.keys]
        width = max(14, *map(len, names)) + 2
        lines += [self._line(name.ljust(width), key) for name, key in zip(names, place.keys, strict=True)]
        return Content("\n").join(lines)

    def _line(self, names: str, key: Key) -> Content:
        return Content.assemble((visible(names), "$text-primary"), visible(key.description))

    def _paragraph(self, name: str, text: str) -> Content:
        palette = key_in_words(self, "app.palette")
        return Content.assemble((f"{name}. ", "bold $text-accent"), text.replace("$palette", palette))
