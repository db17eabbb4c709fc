"""The collection of poems, and how one is shown."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from engine.errors import UserError
from tui_chat.companions.poems import Poem, as_markdown, as_plain, has_form, read_poems, shipped_poems

SEA = Poem(title="Tide", topics=("sea", "ocean"), text="It comes,\nit goes.")


def test_the_shipped_poems_are_many_short_and_all_different():
    poems = shipped_poems()
    assert len(poems) >= 48
    assert len({poem.title for poem in poems}) == len({poem.text for poem in poems}) == len(poems)
    for poem in poems:
        lines = [line for line in poem.text.splitlines() if line.strip()]
        shortest = 3 if "haiku" in poem.topics else 4
        assert shortest <= len(lines) <= 16, poem.title
        assert poem.topics, poem.title
        assert not any(line.startswith(" ") for line in lines), poem.title


@pytest.mark.parametrize("form", ["haiku", "limerick", "lullaby"])
def test_there_are_poems_of_each_form_that_can_be_asked_for(form):
    assert any(has_form(poem, form) for poem in shipped_poems())
    assert not all(has_form(poem, form) for poem in shipped_poems())


def test_markdown_keeps_the_lines_and_the_stanzas():
    poem = Poem(title="Two", text="one\ntwo\n\nthree\n")
    assert as_markdown(poem) == "**Two**\n\none  \ntwo\n\nthree\n"


def test_a_poem_full_of_signs_is_shown_as_it_was_written():
    lines = [
        "# not a title",
        "- not a list",
        "1. nor this",
        "<b>*stars* `code` [x](y) &amp; a_b_c|~~d~~",
        "---",
        "= =",
    ]
    poem = Poem(title="*Signs*", text="\n".join(lines))
    paragraphs = [
        token
        for token in MarkdownIt("gfm-like", {"linkify": False}).parse(as_markdown(poem))
        if token.children
    ]
    title, body = ("".join(_as_seen(child) for child in token.children or ()) for token in paragraphs)
    assert title == "*Signs*"
    assert body.split("\n") == lines
    assert as_plain(as_markdown(poem)) == "*Signs*\n\n" + "\n".join(lines) + "\n"


def _as_seen(token) -> str:
    return "\n" if token.type == "hardbreak" else token.content


async def test_textual_shows_each_line_of_a_poem_on_a_line_of_its_own():
    from textual.app import App, ComposeResult
    from textual.widgets import Markdown

    class Page(App[None]):
        def compose(self) -> ComposeResult:
            yield Markdown(as_markdown(SEA))

    async with Page().run_test() as pilot:
        shown = [str(block._content) for block in pilot.app.query("MarkdownParagraph")]
    assert shown == ["Tide", "It comes,\nit goes."]


def test_a_broken_collection_of_poems_is_refused_with_the_file_and_the_entry(tmp_path: Path):
    file = tmp_path / "mine.toml"
    file.write_text('[[poem]]\ntitle = "Tide"\n', encoding="utf-8")
    with pytest.raises(UserError, match=r"mine.toml, poem 1: 'text' is missing."):
        read_poems(file)


def test_importing_the_companions_reads_nothing_and_needs_no_torch():
    program = (
        "import sys, tui_chat.companions.jokes, tui_chat.companions.poems;"
        "sys.exit(any(name in sys.modules for name in ('tomli', 'torch', 'transformers', 'numpy')))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
