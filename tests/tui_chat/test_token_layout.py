"""Tokens as lines, and in words."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from engine.generation import GenerationSettings
from engine.inspection import Candidate, InspectedToken, Inspection, InspectionDone
from tui_chat import token_table, token_words
from tui_chat.widgets import token_shades
from tui_chat.widgets.token_choices import bar
from tui_chat.widgets.token_layout import NOTE, lay_out

TEXTS = st.lists(st.text("ab 漢😀é\n👩\u200d💻", max_size=12), max_size=12)


def reply_token(text: str, probability: float = 0.5, **figures: object) -> InspectedToken:
    return InspectedToken(
        part="reply",
        token_id=1,
        text=text,
        spelling=figures.pop("spelling", text),
        logprob=math.log(probability),
        **figures,
    )  # type: ignore[arg-type]


@given(TEXTS, st.integers(2, 30))
def test_no_character_is_lost_and_no_line_is_too_wide(texts: list[str], width: int) -> None:
    lines = lay_out(list(enumerate(texts)), width)
    assert "".join(span.text for line in lines for span in line) == "".join(texts).replace("\n", "")
    for number, text in enumerate(texts):
        mine = "".join(span.text for line in lines for span in line if span.token == number)
        assert mine == text.replace("\n", "")
    for line in lines:
        assert sum(span.cells for span in line) <= width
        assert [span.start for span in line] == [
            sum(before.cells for before in line[:place]) for place in range(len(line))
        ]


def test_lines_break_between_words_also_where_a_word_is_many_tokens() -> None:
    lines = lay_out(list(enumerate(["Hel", "lo", " wor", "ld", " again"])), 8)
    assert ["".join(span.text for span in line) for line in lines] == ["Hello ", "world ", "again"]


def test_a_note_stands_on_a_line_of_its_own() -> None:
    lines = lay_out([(0, "a"), (NOTE, "reply"), (1, "b")], 20)
    assert [[span.token for span in line] for line in lines] == [[0], [NOTE], [1]]


@pytest.mark.parametrize(
    ("token", "in_text", "alone"),
    [
        (reply_token(" the"), " the", "·the"),
        (reply_token("\n"), "⏎\n", "⏎"),
        (reply_token("\x1b[2J\t"), "␛[2J⇥", "␛[2J⇥"),
        (reply_token("", spelling="‹F0 9F›"), "‹F0 9F›", "‹F0·9F›"),
        (reply_token("\u200d"), "‹U+200D›", "‹U+200D›"),
        (reply_token("\u202e"), "\ufffd", "\ufffd"),
    ],
)
def test_a_token_is_shown_without_anything_a_terminal_obeys(
    token: InspectedToken, in_text: str, alone: str
) -> None:
    assert token_words.in_text(token) == in_text
    assert token_words.alone(token.spelling) == alone


@given(st.floats(0, 1))
def test_percentages_are_short(probability: float) -> None:
    assert cell_len(token_words.percent(probability)) <= 7


def test_steps_follow_the_figure_and_are_missing_where_it_is() -> None:
    tokens = [
        reply_token("a", 0.9, rank=1),
        reply_token("b", 0.02, rank=200),
        InspectedToken(part="prompt", token_id=1, text="c", spelling="c"),
    ]
    by_name = {
        view.name: token_shades.steps_of(view, tokens, [0.01, 0.05, None]) for view in token_shades.VIEWS
    }
    assert by_name["probability"] == [0, 3, None]
    assert by_name["rank"] == [0, 4, None]
    assert by_name["entropy"] == [None, None, None]
    assert by_name["time"] == [0, 1, None]


def test_steps_differ_without_colours_too() -> None:
    looks = [token_shades.style_of(step, 0, "marks") for step in range(5)]
    assert len(set(looks)) == 5
    assert not any("$" in look for look in looks)
    assert len({token_shades.style_of(step, 0, "ansi") for step in range(5)}) == 5


@pytest.mark.parametrize(("share", "cells", "drawn"), [(0, 4, "    "), (1, 4, "████"), (0.5, 3, "█▌ ")])
def test_a_bar_is_as_long_as_its_share(share: float, cells: int, drawn: str) -> None:
    assert bar(share, cells) == drawn


def test_the_table_and_its_json_tell_the_same() -> None:
    token = reply_token(
        " sea",
        0.25,
        rank=2,
        entropy=1.5,
        drawn=0.5,
        choices=3,
        candidates=(
            Candidate(token_id=9, text="\x1b moon", logprob=math.log(0.5), drawn=0.4),
            Candidate(token_id=1, text=" sea", logprob=math.log(0.25), drawn=0.5),
        ),
    )
    done = InspectionDone(vocab_size=10, context_length=64, prompt_tokens=0, reply_tokens=1)
    inspection = Inspection(tokens=(token,), done=done)
    table = token_table.table(inspection, [0.0123])
    assert table.splitlines()[1].split() == [
        "·sea", "25.0", "%", "50.0", "%", "2", "1.50", "bits", "12.3", "ms", "␛·moon", "50.0", "%"
    ]  # fmt: skip
    assert "perplexity 4" in table
    (told,) = token_table.as_json(inspection, [0.0123])
    assert told["probability"] == pytest.approx(0.25)
    assert (told["rank"], told["drawn_probability"], told["seconds"]) == (2, 0.5, 0.0123)
    assert told["alternatives"][0]["text"] == "\x1b moon"


def test_every_figure_has_a_sentence() -> None:
    figures = token_words.figures_of(reply_token("a", rank=1, entropy=1.0), 100, GenerationSettings(), 0.1)
    assert {figure.name for figure in figures} <= set(token_words.EXPLANATIONS)
    assert len(figures) == 7
