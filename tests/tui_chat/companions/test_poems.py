"""Finding a poem, reciting it, showing it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from engine.errors import UserError
from tui_chat.companions.poems import Poem, PoemTeller, as_markdown, poem_about, read_poems, shipped_poems

SEA = Poem(title="Tide", topics=("sea", "ocean"), text="It comes,\nit goes.")
CAT = Poem(title="Nap", topics=("cats",), text="She sits by the sea\nand sleeps.")
KITTEN = Poem(title="Kitten", topics=("cat",), text="Small paws,\nsmall claws.")


@pytest.mark.parametrize(
    ("topic", "expected"),
    [
        ("ocean waves", "Tide"),
        ("a poem about my dogs, please", "Dog at the Door"),
        ("Rainy days", "Rain on the Roof"),
        ("SNOW", "First Snow"),
        ("debugging", "Three in the Morning"),
        ("autumn leaves", "The Maple's Letters"),
        ("birthdays", "Birthday"),
        ("thunder", "Moving In"),
        ("my cat Minka", "A Line from the Cat"),
    ],
)
def test_a_topic_finds_its_poem(topic, expected):
    match = poem_about(topic, seed=1)
    assert (match.poem.title, match.matched) == (expected, True)


@pytest.mark.parametrize(
    "topic",
    """nature weather winter spring summer autumn animals cat dog birds night computers programming bugs terminals
    training learning GPT robots tea coffee sea river city friendship love patience morning stars trees
    flowers books music birthday family haiku limerick""".split(),  # noqa: SIM905 - a list would fill a page
)
def test_the_topics_that_people_ask_for_are_there(topic):
    assert poem_about(topic, seed=0).matched


@pytest.mark.parametrize("topic", ["the Eiffel Tower", "zxcvb", "a tiger in the jungle with a shoe", "馬"])
def test_a_topic_without_a_poem_is_admitted(topic):
    match = poem_about(topic, seed=0)
    assert not match.matched
    assert match.poem in shipped_poems()


def test_a_mention_in_passing_is_not_a_topic():
    assert not poem_about("shoes", seed=0).matched


@pytest.mark.parametrize("topic", [None, "", "  ", "anything", "a poem please", "?!", "🦄"])
def test_without_a_topic_any_poem_is_right_and_none_is_repeated_early(topic):
    teller = PoemTeller(seed=3)
    told = {teller.about(topic).poem.title for _ in shipped_poems()}
    assert len(told) == len(shipped_poems())
    assert teller.about(topic).matched


def test_a_word_in_the_topics_counts_for_more_than_one_in_passing():
    assert PoemTeller([CAT, SEA], seed=0).about("sea").poem == SEA


def test_asking_twice_for_a_topic_gives_two_poems_where_there_are_two():
    teller = PoemTeller([SEA, CAT, KITTEN], seed=0)
    assert {teller.about("cats").poem.title for _ in range(2)} == {"Nap", "Kitten"}


def test_the_same_seed_gives_the_same_poem():
    assert poem_about(None, seed=8) == poem_about(None, seed=8)
    assert len({poem_about(None, seed=seed).poem.title for seed in range(8)}) > 1


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
