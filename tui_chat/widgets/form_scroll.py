"""A form that is longer than the screen: Up and Down go from field to field, and the form follows the focus.

The one rule: it binds neither arrow, for a scrolling container's own would come before those of its screen.
"""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll


class FormScroll(VerticalScroll, can_focus=False, inherit_bindings=False):
    """Scrolls by page and by wheel."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("pageup", "page_up", "Page up", show=False, id="form.page_up"),
        Binding("pagedown", "page_down", "Page down", show=False, id="form.page_down"),
    ]
