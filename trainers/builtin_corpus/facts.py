"""Everyday facts: capitals, tables of sounds and colours and opposites, what things are, days and months.

The one rule: answers name the thing asked about, so that a wrong copy can be seen.
"""

from __future__ import annotations

from random import Random

from trainers.builtin_corpus.conversation import Conversation
from trainers.builtin_corpus.phrases import capitalised, expand, load, pick, plural, with_article

CAPITAL_OF = [
  "what is the capital of {x}?", "what's the capital of {x}?", "whats the capital of {x}", "capital of {x}", "capital of {x}?", "{x} capital", "the capital of {x}?", "(do you know|can you tell me|tell me|say|name) the capital of {x}", "(do you know|can you tell me|could you tell me) the capital of {x}?", "(which|what) city is the capital of {x}?", "which is the capital of {x}?", "and (of |the capital of |)(|)capital of {x}?", "(hi|hey|hello), what is the capital of {x}?", "(so|ok|and|now), what is the capital of {x}?", "{x}'s capital?", "what is {x}'s capital( city|)?", "i need the capital of {x}( please|)", "the capital of {x} is?", "(please |)give me the capital of {x}", "what is the name of the capital of {x}?", "do you know what the capital of {x} is?", "can you name the capital of {x}?", "what is the main city of {x}?", "{x}?",
]  # fmt: skip
CITY_OF = ["{c} is the capital of (what|which country)?", "{c} is the capital of?", "what country is {c} the capital of?", "which country has the capital {c}?", "where is {c}?", "(in which|what|which) country is {c}( in|)?", "(what country does {c} belong to|where does {c} lie)?", "{c} is in which country?", "do you know where {c} is?"]  # fmt: skip
CONTINENT_OF = ["where is {x}?", "(which|what) continent is {x} (in|on)?", "on which continent is {x}?", "is {x} in {continent}?", "do you know where {x} is?", "{x} is on which continent?", "what continent is {x} part of?", "where can i find {x}?", "where in the world is {x}?"]  # fmt: skip
WHAT_IS = ["what is {ax}?", "what's {ax}?", "whats {ax}", "what is {ax}", "(tell|explain to) me what {ax} is", "(explain|describe|define) {ax}( to me| please|)", "(do you know|can you tell me|can you explain) what {ax} is?", "what does {x} mean?", "what does the word {x} mean?", "what are {xs}?", "(what exactly is|so what is|and what is|what do you mean by) {ax}?", "do you know {ax}?", "{ax}?", "(tell|teach) me (about|something about) {xs}", "what do you know about {xs}?"]  # fmt: skip


def capitals(rng: Random, talk: Conversation) -> None:
    """Capital, country of a capital, or continent."""
    tables = load("countries")
    countries: dict[str, list[str]] = tables["countries"]
    country = rng.choice(tables["common"] if rng.random() < 0.5 else sorted(countries))
    asked = _as_people_call_it(rng, country)
    capital, continent = countries[country]
    kind = rng.choices(("capital", "country", "continent"), (65, 20, 15))[0]
    if kind == "capital":
        talk.add(
            _tidy(pick(rng, CAPITAL_OF, x=asked)),
            f"The capital of {country} is {capital}.",
            "fact",
            "capitals",
        )
    elif kind == "country":
        if capital == "London":
            country = "England"
        talk.add(pick(rng, CITY_OF, c=capital), f"{capital} is the capital of {country}.", "fact", "capitals")
    else:
        question = pick(rng, CONTINENT_OF, x=asked, continent=continent)
        yes = "Yes, " + country if question.startswith("is ") else capitalised(country)
        verb = (
            "are"
            if country in ("the Netherlands", "the Philippines", "the Bahamas", "the Maldives")
            else "is"
        )
        talk.add(question, f"{yes} {verb} in {continent}.", "fact", "capitals")


def _as_people_call_it(rng: Random, country: str) -> str:
    aliases = [alias for alias, name in load("countries")["aliases"].items() if name == country]
    return rng.choice(aliases) if aliases and rng.random() < 0.6 else country


def _tidy(question: str) -> str:
    return question.replace("capital of capital of", "capital of").replace("of of", "of")


def things(rng: Random, talk: Conversation) -> None:
    """What is a ...?"""
    noun, meaning = rng.choice(list(load("things").items()))
    question = pick(rng, WHAT_IS, ax=with_article(noun), xs=plural(noun), x=noun)
    talk.add(question, f"{capitalised(with_article(noun))} is {meaning}.", "fact", "things")


def trivia(rng: Random, talk: Conversation) -> None:
    """A question with one answer."""
    entry = rng.choice(load("trivia")["entry"])
    question = pick(rng, entry["user"])
    polite = rng.random()
    if polite < 0.08 and question.startswith(("what", "who", "where", "how", "when", "why", "which")):
        question = (
            rng.choice(("do you know ", "tell me, ", "can you tell me ", "please tell me: ")) + question
        )
    talk.add(question, entry["answer"], "fact", "trivia")


def tables(rng: Random, talk: Conversation) -> None:
    """Sounds, legs, colours, opposites, babies, homes, food, plurals, days, months."""
    rng.choices(
        (sounds, legs, colours, opposites, babies, homes, foods, plurals, calendar),
        (10, 8, 14, 16, 6, 8, 6, 7, 25),
    )[0](rng, talk)


def _row(rng: Random, table: str) -> tuple[str, str]:
    name, value = rng.choice(list(load("knowledge")[table].items()))
    return name, str(value)


def sounds(rng: Random, talk: Conversation) -> None:
    animal, sound = _row(rng, "sounds")
    asking = ["what (sound|noise) does {ax} make?", "what does {ax} say?", "what do {xs} say?", "(how|what sound) do {xs} (sound|make)?", "what does the {x} say?", "make (the sound of {ax}|a sound like {ax}|a noise like {ax})", "the {x} says?", "how does {ax} sound?", "which sound does {ax} make?"]  # fmt: skip
    question = pick(rng, asking, ax=with_article(animal), xs=plural(animal), x=animal)
    question = question.replace("how do", "how do").replace("what sound do", "what sound do")
    if rng.random() < 0.15:
        question, reply = pick(rng, ["(which animal|what animal|who) says {s}?", "(which|what) animal goes {s}?"], s=sound), ""  # fmt: skip
        matching = [a for a, s in load("knowledge")["sounds"].items() if s == sound]
        reply = f"{capitalised(with_article(matching[0]))} says {sound}."
        talk.add(question, reply, "fact", "tables")
        return
    talk.add(question, f"{capitalised(with_article(animal))} says {sound}!", "fact", "tables")


def legs(rng: Random, talk: Conversation) -> None:
    animal, count = _row(rng, "legs")
    asking = ["how many legs does {ax} have?", "how many legs do {xs} have?", "how many legs has {ax}( got|)?", "number of legs of {ax}?", "does {ax} have legs?", "how many legs are on {ax}?"]  # fmt: skip
    question = pick(rng, asking, ax=with_article(animal), xs=plural(animal))
    answer = f"{capitalised(with_article(animal))} has {'no' if count == '0' else count} legs."
    if question.startswith("does"):
        answer = ("No, " if count == "0" else "Yes, ") + answer[0].lower() + answer[1:]
    talk.add(question, answer, "fact", "tables")


def colours(rng: Random, talk: Conversation) -> None:
    thing, colour = _row(rng, "colours")
    spelling = rng.choice(("colour", "colour", "color"))
    asking = ["what {k} is {x}?", "what {k} does {x} have?", "what is the {k} of {x}?", "which {k} is {x}?", "(tell me|do you know) the {k} of {x}", "{x} is what {k}?", "what's the {k} of {x}?", "whats the {k} of {x}", "the {k} of {x}?"]  # fmt: skip
    talk.add(pick(rng, asking, k=spelling, x=thing), f"{capitalised(thing)} is {colour}.", "fact", "tables")


def opposites(rng: Random, talk: Conversation) -> None:
    word, other = _row(rng, "opposites")
    asking = ["what is the opposite of {x}?", "what's the opposite of {x}?", "opposite of {x}", "opposite of {x}?", "the opposite of {x}?", "{x} opposite", "(tell|give) me the opposite of {x}", "what is the (contrary|reverse) of {x}?", "not {x}, but?", "whats the opposite of {x}", "(can you tell me|do you know) the opposite of {x}?", "say the opposite of {x}"]  # fmt: skip
    talk.add(pick(rng, asking, x=word), f"The opposite of {word} is {other}.", "fact", "tables")


def babies(rng: Random, talk: Conversation) -> None:
    animal, baby = _row(rng, "babies")
    asking = ["what is a baby {x} called?", "what do you call a baby {x}?", "what is the name for a baby {x}?", "what is {ax}'s baby called?", "a baby {x} is a?", "baby {x}?", "what's a young {x} called?", "how is a baby {x} called?"]  # fmt: skip
    question = pick(rng, asking, x=animal, ax=with_article(animal))
    talk.add(question, f"A baby {animal} is called {with_article(baby)}.", "fact", "tables")


def homes(rng: Random, talk: Conversation) -> None:
    animal, home = _row(rng, "homes")
    asking = ["where does {ax} live?", "where do {xs} live?", "where can i find {xs}?", "where is the home of {ax}?", "where would {ax} live?", "do you know where {xs} live?"]  # fmt: skip
    question = pick(rng, asking, ax=with_article(animal), xs=plural(animal))
    talk.add(question, f"{capitalised(with_article(animal))} lives {home}.", "fact", "tables")


def foods(rng: Random, talk: Conversation) -> None:
    animal, food = _row(rng, "foods")
    asking = ["what does {ax} eat?", "what do {xs} eat?", "what is the food of {ax}?", "what do you feed {ax}?", "what do {xs} like to eat?", "do you know what {xs} eat?"]  # fmt: skip
    question = pick(rng, asking, ax=with_article(animal), xs=plural(animal))
    talk.add(question, f"{capitalised(with_article(animal))} eats {food}.", "fact", "tables")


def plurals(rng: Random, talk: Conversation) -> None:
    noun, many = _row(rng, "plurals")
    asking = ["what is the plural of {x}?", "what's the plural of {x}?", "plural of {x}", "plural of {x}?", "one {x}, two?", "one {x}, two ...?", "how do you say more than one {x}?", "(tell|give) me the plural of {x}", "the plural of {x}?"]  # fmt: skip
    talk.add(pick(rng, asking, x=noun), f"The plural of {noun} is {many}.", "fact", "tables")


def calendar(rng: Random, talk: Conversation) -> None:
    """What comes after Monday, how long is May, the list of them."""
    knowledge = load("knowledge")
    unit, names = rng.choice((("day", knowledge["days"]), ("month", knowledge["months"])))
    i = rng.randrange(len(names))
    after, before = names[(i + 1) % len(names)], names[i - 1]
    if rng.random() < 0.08:
        unit, names = "planet", knowledge["planets"]
        i = rng.randrange(1, len(names) - 1)
        after, before = names[i + 1], names[i - 1]
    ordinal = [
        "first",
        "second",
        "third",
        "fourth",
        "fifth",
        "sixth",
        "seventh",
        "eighth",
        "ninth",
        "tenth",
        "eleventh",
        "twelfth",
    ][i]
    whole = {"day": "week", "month": "year", "planet": "solar system"}[unit]
    options = [
        (f"(what|which {unit}) comes after {names[i]}?", f"After {names[i]} comes {after}."),
        (f"(what|which {unit}) is after {names[i]}?", f"After {names[i]} comes {after}."),
        (f"(what|which {unit}) comes before {names[i]}?", f"Before {names[i]} comes {before}."),
        (f"(name|list|tell me|what are|say) the {unit}s( of the {whole}|)", f"The {unit}s are {', '.join(names[:-1])} and {names[-1]}."),
        (f"what is the {ordinal} {unit}( of the {whole}|)?", f"The {ordinal} {unit} is {names[i]}."),
        (f"which {unit} is the {ordinal}?", f"The {ordinal} {unit} is {names[i]}."),
    ]  # fmt: skip
    if unit == "month":
        length = knowledge["month_lengths"][names[i]]
        note = " In a leap year it has 29." if names[i] == "February" else ""
        options += [
            (f"how many days (does|has) {names[i]}( have| got|)?", f"{names[i]} has {length} days.{note}")
        ]
        season = _season(i)
        options += [
            (
                f"(what|which) season is {names[i]}( in|)?",
                f"{names[i]} is in {season}, in the north of the world.",
            )
        ]
    if unit == "day":
        kind = "the weekend" if i >= 5 else "a weekday"
        options += [
            (
                f"is {names[i]} (a weekday|the weekend|on the weekend)?",
                f"{names[i]} is {kind if i < 5 else 'part of ' + kind}.",
            )
        ]
        options += [(f"(if|when) today is {names[i]}, what is tomorrow?", f"Then tomorrow is {after}."), (f"(if|when) today is {names[i]}, what was yesterday?", f"Then yesterday was {before}.")]  # fmt: skip
    question, answer = rng.choice(options)
    talk.add(expand(rng, question), answer, "fact", "tables")


def _season(month: int) -> str:
    return ("winter", "winter", "spring", "spring", "spring", "summer",
            "summer", "summer", "autumn", "autumn", "autumn", "winter")[month]  # fmt: skip
