"""Prompt templates: ours, the user's, and files that cannot be used."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.errors import UserError
from tui_chat.prompt_templates import next_blank, prompt_templates, template_named


def test_those_that_come_with_the_program_have_an_explanation_and_blanks(tmp_path: Path) -> None:
    templates, problems = prompt_templates(tmp_path)
    assert problems == []
    assert len(templates) >= 6
    for template in templates:
        assert template.what
        assert template.what != template.prompt
        assert template.blanks or template.name == "quiz-me"
        assert max(map(len, template.prompt.split("\n"))) <= 120


def test_files_of_ones_own_come_on_top_and_go_before_ours(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("Dear {name},\nyours\n")
    (tmp_path / "explain.toml").write_text('what = "mine"\nprompt = "Why {x}? {x} {} {0} { y }"\n')
    (tmp_path / "ignored.py").write_text("x")
    templates, problems = prompt_templates(tmp_path)
    assert problems == []
    assert template_named("letter", templates).prompt == "Dear {name},\nyours"
    mine = template_named("explain", templates)
    assert (mine.what, mine.blanks) == ("mine", ("{x}",))


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("a.toml", "prompt = ", "a.toml, line 1: not valid TOML"),
        ("a.toml", 'promt = "x"', "Did you mean 'prompt'"),
        ("a.txt", " \n", "the prompt is empty"),
    ],
)
def test_a_file_that_cannot_be_used_is_told_and_hides_no_other(
    tmp_path: Path, name: str, text: str, sentence: str
) -> None:
    (tmp_path / name).write_text(text)
    templates, (problem,) = prompt_templates(tmp_path)
    assert sentence in problem
    assert len(templates) >= 6


def test_a_file_that_is_no_text_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"\xff")
    assert "not UTF-8" in prompt_templates(tmp_path)[1][0]


def test_a_name_that_is_none_comes_with_the_one_meant(tmp_path: Path) -> None:
    templates, _ = prompt_templates(tmp_path)
    with pytest.raises(UserError, match="Did you mean 'explain'"):
        template_named("explian", templates)
    with pytest.raises(UserError, match="Yours belong into .*prompts"):
        template_named("zzz", templates)


def test_blanks_are_gone_through_in_a_circle_and_other_braces_are_left_alone() -> None:
    text = "{a} {0} {b} {a}"
    assert next_blank(text, ("{a}", "{b}"), 0) == (0, 3)
    assert next_blank(text, ("{a}", "{b}"), 3) == (8, 11)
    assert next_blank(text, ("{b}",), 12) == (8, 11)
    assert next_blank("filled", ("{a}",), 0) is None
