"""Moving about by key where a widget has no key of its own for it: in lists by rows, in texts by lines.

    move(focused, "half_down")

The one rule: the innermost thing around the focus that can move does.
"""

from __future__ import annotations

from typing import Any, Literal

from textual.binding import Binding
from textual.screen import Screen
from textual.widget import Widget

Where = Literal["down", "up", "first", "last", "half_down", "half_up"]

MOVES = [  # of the whole app, behind the keys of every widget
    Binding("ctrl+down", "move('down')", "Down", id="move.down", show=False),
    Binding("ctrl+up", "move('up')", "Up", id="move.up", show=False),
    Binding("ctrl+home", "move('first')", "To the top", id="move.first", show=False),
    Binding("ctrl+end", "move('last')", "To the bottom", id="move.last", show=False),
    Binding("shift+pagedown", "move('half_down')", "Half a page down", id="move.half_down", show=False),
    Binding("shift+pageup", "move('half_up')", "Half a page up", id="move.half_up", show=False),
    Binding("slash", "find", "Search here", id="move.find", show=False),
    Binding("alt+m", "to_messages", "From the prompt to the messages", id="move.messages", show=False),
]

_IN_LISTS: dict[Where, tuple[str, ...]] = {
    "down": ("action_cursor_down",),
    "up": ("action_cursor_up",),
    "first": ("action_first", "action_scroll_top", "action_scroll_home"),
    "last": ("action_last", "action_scroll_bottom", "action_scroll_end"),
    "half_down": ("action_page_down",),
    "half_up": ("action_page_up",),
}


def move(focused: Widget | None, where: Where) -> bool:
    """Move around the focus; False when nothing there can."""
    from textual.containers import ScrollableContainer  # here: the first paint needs none of them
    from textual.widgets import DataTable, Input, ListView, OptionList, TextArea, Tree

    if isinstance(focused, (Input, TextArea)):
        return False  # these keys are the cursor's there
    for node in focused.ancestors_with_self if focused else ():
        if isinstance(node, (OptionList, ListView, DataTable, Tree)):
            return _move_in_list(node, where)
        if isinstance(node, ScrollableContainer) and node.allow_vertical_scroll:
            _scroll(node, where)
            return True
    return False


def find(screen: Screen[Any]) -> bool:
    """Go where this screen searches; False where it does not."""
    search = getattr(screen, "action_search", None)
    if search is not None:
        search()
    return search is not None


def to_messages(focused: Widget | None) -> bool:
    """From a prompt to the newest message above it; False where there is none."""
    from tui_chat.widgets.chat_pane import ChatPane

    panes = [node for node in (focused.ancestors if focused else ()) if isinstance(node, ChatPane)]
    if not panes or focused is not panes[0].prompt or not panes[0].transcript.views:
        return False
    panes[0].transcript.views[-1].focus()
    return True


def _move_in_list(widget: Widget, where: Where) -> bool:
    for name in _IN_LISTS[where]:
        if (action := getattr(widget, name, None)) is not None:
            action()
            return True
    return False


def _scroll(widget: Widget, where: Where) -> None:
    half = max(1, widget.size.height // 2)
    match where:
        case "first":
            widget.scroll_home(animate=False)
        case "last":
            widget.scroll_end(animate=False)
        case "down" | "up":
            widget.scroll_relative(y=1 if where == "down" else -1, animate=False)
        case "half_down" | "half_up":
            widget.scroll_relative(y=half if where == "half_down" else -half, animate=False)
