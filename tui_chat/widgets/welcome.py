"""What an empty conversation shows: what this is, and things to try."""

from __future__ import annotations

from textual.content import Content
from textual.widgets import Static

_THINGS_TO_TRY = (  # no wider than the narrowest pane
    ("Enter", "sends what you write below"),
    ("Ctrl+P", "a joke, a poem, every command"),
    ("Ctrl+O", "another model, or your own"),
    ("Ctrl+T", "a second pane beside this one"),
    ("F3", "train a model and watch it learn"),
)


class Welcome(Static):
    """A friendly empty page."""

    def __init__(self) -> None:
        super().__init__(_content(), markup=False)


def _content() -> Content:
    widest = max(len(key) for key, _ in _THINGS_TO_TRY)
    lines = [
        Content.assemble((key.ljust(widest), "$text-accent"), (f"   {what}", "dim"))
        for key, what in _THINGS_TO_TRY
    ]
    return Content("\n").join(
        [
            Content.styled("Good to see you", "bold $text-primary"),
            Content.styled("Some things to try", "dim"),
            Content(""),
            *lines,
        ]
    )
