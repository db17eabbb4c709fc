"""What is told when: by topic or by chance, and nothing twice before everything was told."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from tui_chat.companions import shelf
from tui_chat.companions.jokes import Joke, joke_fields, shipped_jokes
from tui_chat.companions.poems import Poem, has_form, poem_fields, shipped_poems
from tui_chat.companions.repertoire import Choice, Repertoire
from tui_chat.companions.told import Told

SEA = Poem(title="Tide", topics=("sea", "ocean"), text="It comes,\nit goes.")
CAT = Poem(title="Nap", topics=("cats",), text="She sits by the sea\nand sleeps.")
KITTEN = Poem(title="Kitten", topics=("cat", "haiku"), text="Small paws,\nsmall claws.")
RAIN = Poem(title="Roof", topics=("rain",), text="It drips,\nit drops.")


def some_jokes(count: int) -> list[Joke]:
    return [Joke(kind="why", setup=f"Why {number}?", punchline="So.") for number in range(count)]


def jokes(entries: list[Joke], seed: int = 1, told: Told | None = None) -> Repertoire[Joke]:
    return Repertoire("joke", entries, joke_fields, told, seed)


def poems(*entries: Poem, told: Told | None = None) -> Repertoire[Poem]:
    return Repertoire("poem", entries, poem_fields, told, seed=0)


def shipped(topic: str) -> Choice[Poem]:
    return Repertoire("poem", shipped_poems(), poem_fields, seed=1).about(topic)


def test_every_entry_is_told_once_before_any_is_repeated():
    repertoire = jokes(some_jokes(7))
    for _ in range(3):
        told = sorted(repertoire.about().entry.setup for _ in range(7))
        assert told == [f"Why {number}?" for number in range(7)]


def test_none_is_told_twice_in_a_row():
    for seed in range(20):
        repertoire = jokes(some_jokes(2), seed)
        told = [repertoire.about().entry for _ in range(20)]
        assert all(one != another for one, another in pairwise(told))


def test_a_single_entry_can_be_told_again_and_again():
    repertoire = jokes(some_jokes(1))
    assert [repertoire.about().entry.setup for _ in range(3)] == ["Why 0?"] * 3


def test_a_repertoire_without_entries_is_refused():
    with pytest.raises(ValueError, match="at least one"):
        jokes([])


def test_what_was_told_is_not_repeated_after_a_restart_or_in_another_pane(tmp_path: Path):
    file = tmp_path / "data" / "told.json"
    told = [jokes(some_jokes(9), seed, Told(file)).about().entry.setup for seed in range(9)]
    assert sorted(told) == [f"Why {number}?" for number in range(9)]


def test_one_that_is_new_in_the_collection_comes_before_those_that_were_told(tmp_path: Path):
    file = tmp_path / "told.json"
    old = jokes(some_jokes(4), told=Told(file))
    for _ in range(4):
        old.about()
    assert jokes(some_jokes(5), told=Told(file)).about().entry.setup == "Why 4?"


@pytest.mark.parametrize(
    "damage", [b"", b"{", b'{"jokes": 3}', b"\xff\xfe", b'{"jokes": ["x"], "new": 1}', b"[]"]
)
def test_a_damaged_file_costs_repetitions_and_nothing_else(tmp_path: Path, damage: bytes):
    file = tmp_path / "told.json"
    file.write_bytes(damage)
    told = {jokes(some_jokes(5), seed, Told(file)).about().entry.setup for seed in range(5)}
    assert len(told) == 5


def test_a_file_that_cannot_be_written_costs_nothing_while_the_app_runs(tmp_path: Path):
    (tmp_path / "data").write_text("a file, where a folder should be")
    repertoire = jokes(some_jokes(6), told=Told(tmp_path / "data" / "told.json"))
    assert len({repertoire.about().entry.setup for _ in range(6)}) == 6


def test_the_file_stays_small_however_much_is_told(tmp_path: Path):
    told = Told(tmp_path / "told.json")
    repertoire = jokes(some_jokes(3), told=told)
    for number in range(70):
        repertoire.about()
        told.hear(Joke(kind="why", setup=f"Why m{number}?", punchline="So."))
    assert len(told.keys("joke")) <= 3 + 70
    assert (tmp_path / "told.json").stat().st_mode & 0o077 == 0
    assert len(told.heard()) == 60
    assert told.heard()[-1].setup == "Why m69?"


# ---- by topic


@pytest.mark.parametrize(
    ("topic", "expected"),
    [
        ("a poem about my dogs, please", "Dog at the Door"),
        ("Rainy days", "Rain on the Roof"),
        ("SNOW", "First Snow"),
        ("debugging", "Three in the Morning"),
        ("autumn leaves", "The Maple's Letters"),
        ("birthdays", "Birthday"),
        ("lightning", "Moving In"),
        ("my cat Minka", "A Line from the Cat"),
        # told in other words
        ("puppies", "Dog at the Door"),
        ("downpour", "Rain on the Roof"),
        ("espresso", "Monday"),
        ("a wedding", "Forty Watts"),
        # with a slip
        ("brithday", "Birthday"),
        ("libary", "Library"),
        ("seagul", "A Gull on the Harbour Wall"),
    ],
)
def test_a_topic_finds_its_poem(topic, expected):
    choice = shipped(topic)
    assert (choice.entry.title, choice.fit) == (expected, "topic")


@pytest.mark.parametrize(
    "topic",
    """nature weather winter spring summer autumn animals cat dog birds night computers programming bugs terminals
    training learning GPT robots tea coffee sea river city friendship love patience morning stars trees flowers
    books music birthday family haiku limerick storms food pets seasons sadness happiness""".split(),  # noqa: SIM905
)
def test_the_topics_that_people_ask_for_are_there(topic):
    assert shipped(topic).fit == "topic"


def test_rain_also_finds_a_thunderstorm_once_the_rain_was_told():
    repertoire = Repertoire("poem", shipped_poems(), poem_fields, seed=1)
    titles = [repertoire.about("rain").entry.title for _ in range(2)]
    assert titles == ["Rain on the Roof", "Moving In"]


@pytest.mark.parametrize(
    "topic", ["the Eiffel Tower", "zxcvb", "a tiger in the jungle with a shoe", "馬", "a volcano"]
)
def test_a_topic_without_a_poem_is_admitted(topic):
    assert shipped(topic).fit in ("nearest", "none")


def test_a_mention_in_passing_is_not_a_topic():
    assert shipped("shoes").fit == "nearest"


def test_things_of_one_kind_are_only_near_each_other():
    assert shipped("cheese").fit == "nearest"
    assert shipped("food").fit == "topic"


def test_jokes_are_found_by_topic_too():
    repertoire = jokes(list(shipped_jokes()))
    for topic, word in (("cats", "cat"), ("snowmen", "snowmen"), ("sheep", "sheep")):
        choice = repertoire.about(topic)
        assert choice.fit == "topic" and word in choice.entry.setup.lower()


@pytest.mark.parametrize("topic", ["", "  ", "anything", "a poem please", "?!", "🦄"])
def test_without_a_topic_any_poem_is_right_and_none_is_repeated_early(topic):
    repertoire = Repertoire("poem", shipped_poems(), poem_fields, seed=3)
    choices = [repertoire.about(topic) for _ in shipped_poems()]
    assert len({choice.entry.title for choice in choices}) == len(shipped_poems())
    assert {choice.fit for choice in choices} == {"any"}


def test_a_word_in_the_topics_counts_for_more_than_one_in_passing():
    assert poems(CAT, SEA).about("sea").entry == SEA


def test_asking_again_for_a_topic_gives_every_poem_about_it_and_then_says_that_those_were_all():
    repertoire = poems(SEA, CAT, KITTEN, RAIN)
    choices = [repertoire.about("cats") for _ in range(3)]
    assert {choice.entry for choice in choices[:2]} == {CAT, KITTEN}
    assert [choice.fit for choice in choices] == ["topic", "topic", "again"]
    assert choices[2].entry == choices[0].entry  # the one told longest ago
    assert {repertoire.about().entry for _ in range(2)} == {SEA, RAIN}  # not told yet


def test_more_about_a_topic_is_told_while_there_is_some_and_then_anything_new():
    repertoire = poems(SEA, CAT, KITTEN)
    assert {repertoire.more("cats").entry for _ in range(2)} == {CAT, KITTEN}
    assert repertoire.more("cats") == Choice(SEA, "any")


def test_a_form_that_is_asked_for_is_kept_to():
    repertoire = poems(SEA, CAT, KITTEN, RAIN)

    def is_haiku(poem: Poem) -> bool:
        return has_form(poem, "haiku")

    assert repertoire.about("rain", is_haiku).entry == KITTEN
    assert [repertoire.about("", is_haiku).entry for _ in range(2)] == [KITTEN, KITTEN]
    assert repertoire.about("", lambda poem: False).entry in (SEA, CAT, RAIN)


def test_what_is_known_can_be_asked_without_telling_it():
    repertoire = poems(SEA, CAT)
    assert repertoire.knows("ocean") and repertoire.knows("")
    assert not repertoire.knows("the Eiffel Tower")
    assert not repertoire.knows("ocean", lambda poem: poem is CAT)
    assert {repertoire.about().entry for _ in range(2)} == {SEA, CAT}


# ---- the user's own


def test_the_users_own_jokes_and_poems_are_told_too(home: Path):
    (home / "config").mkdir(parents=True)
    (home / "config" / "jokes.toml").write_text(
        '[[joke]]\nkind = "why"\nsetup = "Why zebras?"\npunchline = "So."\n', encoding="utf-8"
    )
    (home / "config" / "poems.toml").write_text(
        '[[poem]]\ntitle = "Zebra"\ntopics = ["zebra"]\ntext = "Black,\\nwhite."\n', encoding="utf-8"
    )
    repertoire, problem = shelf.jokes()
    assert problem == "" and len(repertoire.entries) == len(shipped_jokes()) + 1
    assert repertoire.about("zebras").entry.setup == "Why zebras?"
    assert shelf.poems()[0].about("a zebra").entry.title == "Zebra"


def test_a_file_of_the_users_that_is_wrong_is_left_out_with_a_sentence_until_it_is_mended(home: Path):
    (home / "config").mkdir(parents=True)
    file = home / "config" / "jokes.toml"
    file.write_text('[[joke]]\nkind = "pun"\n', encoding="utf-8")
    repertoire, problem = shelf.jokes()
    assert problem.startswith("jokes.toml, joke 1: ") and problem.endswith("the others are told.")
    assert repertoire.entries == shipped_jokes()
    file.write_text('[[joke]]\nkind = "knock"\nsetup = "Zoe"\npunchline = "Zoe what."\n', encoding="utf-8")
    repertoire, problem = shelf.jokes()
    assert problem == "" and repertoire.entries[-1].setup == "Zoe"
