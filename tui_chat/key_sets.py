"""Named sets of keys, chosen by `ui.key_set`; a key of one's own in [keys] goes before its set.

    keys_in_force("vim", {"message.look": "x"})      {"message.up": "k,up", ..., "message.look": "x"}

The one rule: a set names only what it changes; everything else keeps the key it is bound to.
"""

from __future__ import annotations

from collections.abc import Mapping

_VIM = {
    "move.down": "j",
    "move.up": "k",
    "move.first": "g",
    "move.last": "G",
    "move.half_down": "ctrl+d",
    "move.half_up": "ctrl+u",
    "move.messages": "escape",
    "message.leave": "i,a,escape",
    "message.look": "t",
    "conversations.leave": "escape,i",  # Escape is what the hint names: i is a letter in the search
    "conversations.import": "I",
    "lens.previous": "h,left",
    "lens.next": "l,right",
    "question.previous": "h,left,up",
    "question.next": "l,right,down",
    "chart.left": "h,left",
    "chart.right": "l,right",
    "slider.less": "h,left",
    "slider.more": "l,right",
    "drawer.previous": "k,up",
    "drawer.next": "j,down",
}
KEY_SETS: Mapping[str, Mapping[str, str]] = {"standard": {}, "vim": _VIM}


def keys_in_force(key_set: str, own: Mapping[str, str]) -> dict[str, str]:
    """The keys that differ from those of the bindings, by the id of their action."""
    return {**KEY_SETS[key_set], **own}
