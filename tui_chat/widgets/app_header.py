"""The line at the top: the program's name and its modes."""

from __future__ import annotations

from textual.content import Content
from textual.widgets import Static

_MODES = (("chat", "Chat"), ("training", "Training"))
_SWITCH_KEY = "F3"


class AppHeader(Static):
    """Shows where one is; a click goes to the other mode."""

    def __init__(self, active: str) -> None:
        super().__init__(_content(active), markup=False)


def _content(active: str) -> Content:
    tabs = []
    for mode, title in _MODES:
        if mode == active:
            tabs.append(Content.styled(f" {title} ", "bold $text-primary on $primary-muted"))
        else:  # our own words: the one place where an action may hide in a text
            tabs.append(Content.from_markup(f"[@click=app.switch_mode('{mode}')] {title} {_SWITCH_KEY} [/]"))
    return Content.assemble((" tui-chat ", "bold $text-accent"), " ", Content(" ").join(tabs))
