"""Names and favourite things: told in one turn, asked for in a later one.

The one rule: what was told comes back letter by letter, also when the name was never seen before.
"""

from __future__ import annotations

from random import Random

from trainers.builtin_corpus.conversation import Conversation
from trainers.builtin_corpus.phrases import capitalised, load, pick, with_article

FACTS = ("live", "age", "job", "like")  # wordings of memory.toml beside favourites


def some_name(rng: Random) -> str:
    """A known first name, or one put together from syllables."""
    names = load("names")
    if rng.random() < 0.6:
        return str(rng.choice(names["first"]))
    name: str = rng.choice(names["start"]) + rng.choice(names["middle"]) + rng.choice(names["end"])
    return name


def tell_name(rng: Random, talk: Conversation, wording: str = "tell") -> None:
    """I'm Oskar; just "Oskar" when Chip has asked (wording "tell_when_asked")."""
    talk.user_name = some_name(rng)
    names = load("names")
    answer = pick(rng, names["tell_answer"], name=talk.user_name)
    talk.add(pick(rng, names[wording], name=talk.user_name), answer, "name", "names")


def ask_name(rng: Random, talk: Conversation) -> None:
    """What is my name?"""
    names = load("names")
    if talk.user_name is None:
        talk.add(pick(rng, names["ask"]), pick(rng, names["unknown_answer"]), "name", "names")
        if rng.random() < 0.5:
            tell_name(rng, talk, "tell_when_asked")
        return
    if rng.random() < 0.06:
        answer = pick(rng, names["forgot_answer"], name=talk.user_name)
        talk.add(pick(rng, names["forgot"]), answer, "name", "names")
        return
    asked = names["ask_common"] if rng.random() < 0.3 else names["ask"]
    talk.add(pick(rng, asked), pick(rng, names["ask_answer"], name=talk.user_name), "name", "names")


def tell_and_ask_name(rng: Random, talk: Conversation) -> None:
    """Hi, I'm Oskar. What is my name?"""
    names = load("names")
    talk.user_name = some_name(rng)
    told = pick(rng, names["tell"][:1] + names["tell"][2:3], name=talk.user_name).rstrip(".!")
    question = f"{told}{rng.choice(('. ', ', ', '! '))}{pick(rng, names['ask'])}"
    talk.add(question, pick(rng, names["ask_answer"][:1], name=talk.user_name), "name", "names")


def names(rng: Random, talk: Conversation) -> None:
    """One step with names: tell, ask, change, or the name of somebody else."""
    table = load("names")
    if talk.user_name is None:
        rng.choices((tell_name, tell_and_ask_name, ask_name, other_name), (62, 10, 10, 18))[0](rng, talk)
    elif rng.random() < 0.12:
        old, talk.user_name = talk.user_name, some_name(rng)
        answer = pick(rng, table["change_answer"], name=talk.user_name)
        talk.add(pick(rng, table["change"], name=talk.user_name, old=old), answer, "name", "names")
    else:
        ask_name(rng, talk)


def other_name(rng: Random, talk: Conversation) -> None:
    """My cat is called Mimi."""
    table = load("names")
    who = rng.choice([who for who in table["who"] if who not in talk.told])
    name = talk.told[who] = some_name(rng)
    slots = {"who": who, "name": name}
    talk.add(
        pick(rng, table["other_tell"], **slots), pick(rng, table["other_answer"], **slots), "name", "names"
    )


def recall(rng: Random, talk: Conversation) -> None:
    """Ask for one thing told earlier."""
    if not talk.told:
        return
    key = rng.choice(list(talk.told))
    value, wordings = talk.told[key], load("memory")["wordings"]
    if key in load("names")["who"]:
        asking, answers = load("names")["other_ask"], load("names")["other_ask_answer"]
        slots = {"who": key, "name": value}
    elif key in FACTS:
        asking, answers = wordings[f"{key}_ask"], wordings[f"{key}_ask_answer"]
        slots = _slots(key, value)
    else:
        asking, answers = wordings["ask"], wordings["ask_answer"]
        slots = {"kind": key, "thing": value, "Thing": capitalised(value)}
    talk.add(pick(rng, asking, **slots), _articles(pick(rng, answers, **slots)), "name", "memory")


def memory(rng: Random, talk: Conversation) -> None:
    """One step with things that people like, are or have."""
    if talk.told and rng.random() < 0.5:
        recall(rng, talk)
    elif rng.random() < 0.45:
        favourite(rng, talk)
    else:
        fact(rng, talk, rng.choices(FACTS, (20, 12, 14, 50))[0])


def favourite(rng: Random, talk: Conversation) -> None:
    """My favourite colour is blue."""
    tables, wordings = load("memory")["favourites"], load("memory")["wordings"]
    kind = rng.choice(list(tables))
    if kind not in talk.told and rng.random() < 0.08:
        talk.add(
            pick(rng, wordings["ask"], kind=kind),
            pick(rng, wordings["unknown_answer"], kind=kind),
            "name",
            "memory",
        )
        if rng.random() < 0.5:
            thing = talk.told[kind] = rng.choice(tables[kind])
            slots = {"thing": thing, "Thing": capitalised(thing)}
            talk.add(
                pick(rng, ["{thing}", "it's {thing}", "{thing}!", "{thing}, of course"], **slots),
                pick(rng, wordings["tell_answer"], **slots),
                "name",
                "memory",
            )
        return
    thing = talk.told[kind] = rng.choice(tables[kind])
    slots = {"kind": kind, "thing": thing, "Thing": capitalised(thing)}
    talk.add(
        pick(rng, wordings["tell"], **slots), pick(rng, wordings["tell_answer"], **slots), "name", "memory"
    )


def fact(rng: Random, talk: Conversation, key: str) -> None:
    """I live in Oslo, I am 30, I am a baker, I like swimming."""
    book = load("memory")
    opinions = load("opinions")
    value = {
        "live": rng.choice(book["wordings"]["places"]),
        "age": str(rng.randint(6, 90)),
        "job": rng.choice(book["wordings"]["jobs"]),
        "like": rng.choice(opinions["liked"] if rng.random() < 0.6 else opinions["likes_verb"]),
    }[key]
    talk.told[key] = value
    slots = _slots(key, value)
    doing = value in opinions["likes_verb"]
    asked = [a for a in book["wordings"][key] if doing or ("often do" not in a and "hobby" not in a)]
    question = pick(rng, [a for a in asked if " is (great" not in a or not value.endswith("s")], **slots)
    talk.add(
        _articles(question),
        _articles(pick(rng, book["wordings"][f"{key}_answer"], **slots)),
        "name",
        "memory",
    )
    if key == "like" and talk.last_answer.endswith("?") and rng.random() < 0.5:
        talk.add(
            pick(rng, book["wordings"]["why_like"]),
            pick(rng, book["wordings"]["why_like_answer"]),
            "name",
            "memory",
        )


def _slots(key: str, value: str) -> dict[str, str]:
    slot = {"live": "place", "age": "n", "job": "job", "like": "thing"}[key]
    return {slot: value, capitalised(slot): capitalised(value)}


def _articles(text: str) -> str:
    for word in text.split():
        if word[0] in "aeo" and word.strip(".!?,") in load("memory")["wordings"]["jobs"]:
            text = text.replace(f" a {word}", f" {with_article(word)}")
    return text
