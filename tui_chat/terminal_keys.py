"""Keys as terminals send them, where Textual reads something else.

Most terminals send Alt with another key as Escape and that key. Textual takes some of these for what a Mac keyboard
writes with Option (Escape 1 as "¡"), or for words to the left and right (Escape b and f), which Macs do send so.
The one rule: Alt with a digit is that key; Alt+B and Alt+F are left to the words, so nothing may be bound to them.
"""

from __future__ import annotations

from textual._ansi_sequences import ANSI_SEQUENCES_KEYS

TAKEN = ("alt+b", "alt+f")  # by the words
_WRITTEN = "0123456789-="


def let_alt_be_alt() -> None:
    """From now on, Alt with a digit does what it is bound to, and writes nothing."""
    for key in _WRITTEN:
        ANSI_SEQUENCES_KEYS.pop(f"\x1b{key}", None)  # type: ignore[attr-defined]
