"""Replies look like Markdown, lose nothing and hide nothing."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tui_chat.markdown_text import GrowingMarkdown, code_blocks, pieces_of, segments_of
from tui_chat.text import visible

EVERYTHING = """# Title

Some **bold**, *lean* and `code`, see [here](https://example.org).

1. one
2. two
   - nested

> quoted
> lines

| a | bee |
|---|-----|
| 1 | 2   |

```py
x = [1, 2]
```

The end <b>not html</b>
"""


def shown(text: str) -> str:
    return "\n\n".join(segment.content.plain for segment in segments_of(text))


def test_prose_and_code_become_segments_of_their_own() -> None:
    segments = segments_of(EVERYTHING)
    assert [segment.is_code for segment in segments] == [False, True, False]
    assert segments[1].content.plain.strip() == "x = [1, 2]"
    assert segments[1].language == "py"


def test_marks_become_looks_and_words_stay() -> None:
    text = shown(EVERYTHING)
    for words in ("Title", "Some bold, lean and code", "here (https://example.org)", "2. two", "◦ nested"):
        assert words in text
    assert "▎ quoted\n▎ lines" in text
    assert "a │ bee\n──┼────\n1 │ 2  " in text
    assert "<b>not html</b>" in text


def test_a_fence_that_is_not_closed_yet_is_code() -> None:
    segments = segments_of("Look:\n\n```\nprint('hi')\n")
    assert [(segment.content.plain, segment.is_code) for segment in segments] == [
        ("Look:", False),
        ("print('hi')", True),
    ]


def test_nothing_hides_in_an_entity_or_a_link() -> None:
    text = shown(
        "a &#x202e; b &#27;[2J [x](javascript:alert(1)) [@click=app.quit]hi[/] ![i](http://e.org/&#x202e;)"
    )
    assert visible(text) == text
    assert "[@click=app.quit]hi[/]" in text


def test_the_code_blocks_of_a_reply_can_be_copied_as_written() -> None:
    assert code_blocks("a\n```py\nx\t= 1\n```\nb\n```\nls\n```\n") == ["x\t= 1\n", "ls\n"]


def test_while_it_grows_a_reply_shows_what_the_finished_one_shows() -> None:
    for step in (1, 3, 7, 50):
        growing = GrowingMarkdown()
        for start in range(0, len(EVERYTHING), step):
            segments = growing.feed(EVERYTHING[start : start + step])
        assert [segment.content.plain for segment in segments] == [
            s.content.plain for s in segments_of(EVERYTHING)
        ]


def test_settled_segments_stay_the_same_objects() -> None:
    growing = GrowingMarkdown()
    before = growing.feed("a\n\n```\ncode\n```\n\nb\n\nc")
    after = growing.feed(" and more")
    assert after[1] is before[1]


@settings(max_examples=200)
@given(st.text(st.sampled_from("ab \n*_`>#-1.|[]()<!&;\t\\~"), max_size=80))
def test_any_text_can_be_shown(text: str) -> None:
    segments_of(text)
    growing = GrowingMarkdown()
    for character in text:
        growing.feed(character)


def test_deeply_nested_text_is_cut_not_crashed() -> None:
    shown("> " * 300 + "x")
    shown("".join("  " * depth + "- x\n" for depth in range(100)))


def test_a_long_text_comes_in_pieces_that_make_it_up_again() -> None:
    text = "\n".join(["a", "", "b"] * 150)
    assert len(pieces_of(text)) == 3
    assert "\n".join(pieces_of(text)) == text
    assert pieces_of("") == [""]
