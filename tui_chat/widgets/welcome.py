"""What an empty conversation shows: what this is, and things to try."""

from __future__ import annotations

from textual.content import Content
from textual.widgets import Static

_THINGS_TO_TRY = (
    ("Enter", "say hello: your model is loading behind this page"),
    ("Ctrl+P", "a joke, a poem, and every other command"),
    ("Ctrl+O", "another model, or one you trained yourself"),
    ("Ctrl+T", "a second pane, to compare two models"),
    ("F3", "train a model, and chat with it while it learns"),
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
