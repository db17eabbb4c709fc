"""Foreign text can neither steer the terminal nor be read as markup."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tui_chat.text import one_line, plain, visible

CONTROLS = [chr(code) for code in (*range(0x20), 0x7F, *range(0x80, 0xA0)) if chr(code) not in "\n\t"]
BIDI = list("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def test_every_control_becomes_one_visible_character() -> None:
    shown = visible("".join(CONTROLS + BIDI))
    assert len(shown) == len(CONTROLS + BIDI)
    assert not set(shown) & set(CONTROLS + BIDI)
    assert all(character.isprintable() or character == "\ufffd" for character in shown)


def test_an_escape_sequence_that_writes_the_clipboard_is_only_letters() -> None:
    assert visible("\x1b]52;c;aGk=\x1b\\") == "␛]52;c;aGk=␛\\"


def test_newlines_tabs_and_emoji_stay_as_they_are() -> None:
    assert visible("a\n\tb 👩‍👩‍👧 é 漢字") == "a\n\tb 👩‍👩‍👧 é 漢字"


def test_markup_is_literal_text() -> None:
    for hostile in ("x [/] y", "[@click=app.quit]hi[/]", "a [b + c [/#888888]", "[true, false]"):
        content = plain(hostile)
        assert content.plain == hostile
        assert not content.spans


@given(st.text(st.characters(exclude_categories=())), st.integers(0, 50))
def test_the_filter_keeps_lengths_and_may_be_applied_piece_by_piece(text: str, cut: int) -> None:
    assert len(visible(text)) == len(text)
    assert visible(text[:cut]) + visible(text[cut:]) == visible(text)
    visible(text).encode()  # lone surrogates are gone, so that it can be written to a terminal


def test_a_title_is_one_short_line() -> None:
    assert one_line("  a\n\n b\tc \x1b") == "a b c ␛"
    assert len(one_line("word " * 100, 30)) <= 30
    assert one_line("word " * 100, 30).endswith("…")
