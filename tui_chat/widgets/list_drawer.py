"""Where the list of conversations is: beside the chat, or over it where there is little room, or put away.

    Ctrl+B    put away -> shown, with the focus -> put away; shown without the focus -> with it
    Escape    back to the prompt

The one rule: a list that is put away leaves word of how many conversations there are, and how to see them.
"""

from __future__ import annotations

from collections.abc import Callable

from tui_chat.key_bindings import key_in_words
from tui_chat.widgets.conversation_list import ConversationList

NARROW_SCREEN = 100  # cells; below it the list lies over the chat, and only when asked for


class ListDrawer:
    """Shows and hides the list; `focus_prompt` is where the focus goes when it is left."""

    def __init__(self, listed: ConversationList, is_wanted: bool, focus_prompt: Callable[[], object]) -> None:
        self._list = listed
        self._focus_prompt = focus_prompt
        self.is_wanted = is_wanted  # where it fits beside the chat

    @property
    def _is_wide(self) -> bool:
        return self._list.screen.size.width >= NARROW_SCREEN

    def arrange(self) -> None:
        """The screen has another size, or the settings say otherwise."""
        self._list.screen.set_class(not self._is_wide, "-narrow")
        self._list.display = self._list.has_focus_within if not self._is_wide else self.is_wanted

    def chat_has_focus(self) -> None:
        """The focus went to a pane: where the list lies over it, it goes away."""
        if not self._is_wide:
            self._list.display = False

    def toggle(self) -> None:
        """Show it, or go to it where it is shown already; from it, put it away."""
        if self._list.display and self._list.has_focus_within:
            self._show(False)
            self._focus_prompt()
        else:
            self._show(True)
            self._list.focus_titles()

    def search(self) -> None:
        """Show it, with the cursor in the search box."""
        self._show(True)
        self._list.focus_search()

    def _show(self, is_shown: bool) -> None:
        self._list.display = is_shown
        if self._is_wide:
            self.is_wanted = is_shown

    def word_of_it(self) -> str:
        """What the header says while it is put away: "12 conversations  Ctrl+B"."""
        count = self._list.count
        if self._list.display or not count:
            return ""
        return f"{count} conversation{'s' if count != 1 else ''}  {key_in_words(self._list, 'chat.list')}"
