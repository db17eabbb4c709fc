"""Everyday facts: capitals, tables of sounds and colours and opposites, what things are, days and months.

The one rule: answers name the thing asked about, so that a wrong copy can be seen.
"""

from __future__ import annotations

from random import Random

from trainers.builtin_corpus.conversation import Conversation
from trainers.builtin_corpus.phrases import capitalised, expand, load, pick, plural, singular, with_article


def capitals(rng: Random, talk: Conversation) -> None:
    """Capital, country of a capital, or continent."""
    tables = load("countries")
    countries: dict[str, list[str]] = tables["countries"]
    country = rng.choice(tables["common"] if rng.random() < 0.5 else sorted(countries))
    asked = _as_people_call_it(rng, country)
    capital, continent = countries[country]
    kind = rng.choices(("capital", "country", "continent"), (65, 20, 15))[0]
    if talk.last_answer.startswith("The capital of") and kind == "capital" and rng.random() < 0.7:
        question = pick(rng, load("questions")["countries"]["next"], x=asked)
        talk.add(question, f"The capital of {country} is {capital}.", "fact", "capitals")
        return
    if kind == "capital":
        talk.add(
            _tidy(pick(rng, load("questions")["countries"]["capital"], x=asked)),
            f"The capital of {country} is {capital}.",
            "fact",
            "capitals",
        )
    elif kind == "country":
        if capital == "London":
            country = "England"
        talk.add(
            pick(rng, load("questions")["countries"]["country"], c=capital),
            f"{capital} is the capital of {country}.",
            "fact",
            "capitals",
        )
    else:
        question = pick(rng, load("questions")["countries"]["continent"], x=asked, continent=continent)
        yes = "Yes, " + country if question.startswith("is ") else capitalised(country)
        verb = (
            "are"
            if country in ("the Netherlands", "the Philippines", "the Bahamas", "the Maldives")
            else "is"
        )
        talk.add(question, f"{yes} {verb} in {continent}.", "fact", "capitals")


def capitals_in_a_row(rng: Random, talk: Conversation) -> None:
    """A capital, and now and then "and of Italy?" after it."""
    capitals(rng, talk)
    while talk.last_answer.startswith("The capital of") and rng.random() < 0.25:
        capitals(rng, talk)


def _as_people_call_it(rng: Random, country: str) -> str:
    aliases = [alias for alias, name in load("countries")["aliases"].items() if name == country]
    return rng.choice(aliases) if aliases and rng.random() < 0.6 else country


def _tidy(question: str) -> str:
    return question.replace("capital of capital of", "capital of").replace("of of", "of")


def things(rng: Random, talk: Conversation) -> None:
    """What is a ...?"""
    noun, meaning = rng.choice(list(load("things").items()))
    question = pick(
        rng, load("questions")["things"]["meaning"], ax=with_article(noun), xs=plural(noun), x=noun
    )
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
        (sounds, legs, colours, opposites, babies, homes, foods, plurals, calendar, kinds, sizes),
        (10, 8, 14, 16, 6, 8, 6, 7, 25, 12, 6),
    )[0](rng, talk)


def _row(rng: Random, table: str) -> tuple[str, str]:
    name, value = rng.choice(list(load("knowledge")[table].items()))
    return name, str(value)


def sounds(rng: Random, talk: Conversation) -> None:
    animal, sound = _row(rng, "sounds")
    asking = load("questions")["tables"]["sounds"]
    question = pick(rng, asking, ax=with_article(animal), xs=plural(animal), x=animal)
    if rng.random() < 0.15:
        question, reply = (
            pick(rng, ["(which animal|what animal|who) says {s}?", "(which|what) animal goes {s}?"], s=sound),
            "",
        )
        matching = [a for a, s in load("knowledge")["sounds"].items() if s == sound]
        reply = f"{capitalised(with_article(matching[0]))} says {sound}."
        talk.add(question, reply, "fact", "tables")
        return
    talk.add(question, f"{capitalised(with_article(animal))} says {sound}!", "fact", "tables")


def legs(rng: Random, talk: Conversation) -> None:
    animal, count = _row(rng, "legs")
    asking = load("questions")["tables"]["legs"]
    question = pick(rng, asking, ax=with_article(animal), xs=plural(animal))
    answer = f"{capitalised(with_article(animal))} has {'no' if count == '0' else count} legs."
    if question.startswith("does"):
        answer = ("No, " if count == "0" else "Yes, ") + answer[0].lower() + answer[1:]
    talk.add(question, answer, "fact", "tables")


def colours(rng: Random, talk: Conversation) -> None:
    thing, colour = _row(rng, "colours")
    spelling = rng.choice(("colour", "colour", "color"))
    asking = load("questions")["tables"]["colours"]
    talk.add(pick(rng, asking, k=spelling, x=thing), f"{capitalised(thing)} is {colour}.", "fact", "tables")


def opposites(rng: Random, talk: Conversation) -> None:
    word, other = _row(rng, "opposites")
    asking = load("questions")["tables"]["opposites"]
    talk.add(pick(rng, asking, x=word), f"The opposite of {word} is {other}.", "fact", "tables")


def babies(rng: Random, talk: Conversation) -> None:
    animal, baby = _row(rng, "babies")
    asking = load("questions")["tables"]["babies"]
    question = pick(rng, asking, x=animal, ax=with_article(animal))
    talk.add(question, f"A baby {animal} is called {with_article(baby)}.", "fact", "tables")


def homes(rng: Random, talk: Conversation) -> None:
    animal, home = _row(rng, "homes")
    asking = load("questions")["tables"]["homes"]
    question = pick(rng, asking, ax=with_article(animal), xs=plural(animal))
    talk.add(question, f"{capitalised(with_article(animal))} lives {home}.", "fact", "tables")


def foods(rng: Random, talk: Conversation) -> None:
    animal, food = _row(rng, "foods")
    asking = load("questions")["tables"]["foods"]
    question = pick(rng, asking, ax=with_article(animal), xs=plural(animal))
    talk.add(question, f"{capitalised(with_article(animal))} eats {food}.", "fact", "tables")


def plurals(rng: Random, talk: Conversation) -> None:
    noun, many = _row(rng, "plurals")
    asking = load("questions")["tables"]["plurals"]
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
        (
            f"(name|list|tell me|what are|say) the {unit}s( of the {whole}|)",
            f"The {unit}s are {', '.join(names[:-1])} and {names[-1]}.",
        ),
        (f"what is the {ordinal} {unit}( of the {whole}|)?", f"The {ordinal} {unit} is {names[i]}."),
        (f"which {unit} is the {ordinal}?", f"The {ordinal} {unit} is {names[i]}."),
    ]
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
        options += [
            (f"(if|when) today is {names[i]}, what is tomorrow?", f"Then tomorrow is {after}."),
            (f"(if|when) today is {names[i]}, what was yesterday?", f"Then yesterday was {before}."),
        ]
    question, answer = rng.choice(options)
    talk.add(expand(rng, question), answer, "fact", "tables")


def _season(month: int) -> str:
    return (
        "winter",
        "winter",
        "spring",
        "spring",
        "spring",
        "summer",
        "summer",
        "summer",
        "autumn",
        "autumn",
        "autumn",
        "winter",
    )[month]


def kinds(rng: Random, talk: Conversation) -> None:
    """Is a carrot a fruit?"""
    groups = {name: load("knowledge")["lists"][name] for name in load("questions")["tables"]["kind_names"]}
    right, wrong = rng.sample(list(groups), 2)
    item = rng.choice(groups[right])
    one, other = singular(right), singular(wrong)
    thing = item if item in load("questions")["words"]["mass"] or right == "colours" else with_article(item)
    if rng.random() < 0.4:
        question = pick(rng, load("questions")["tables"]["kind"], x=thing)
        talk.add(question, f"{capitalised(thing)} is {with_article(one)}.", "fact", "tables")
    elif rng.random() < 0.5 or item in groups[wrong]:
        talk.add(
            f"is {thing} {with_article(one)}?", f"Yes, {thing} is {with_article(one)}.", "fact", "tables"
        )
    else:
        talk.add(
            f"is {thing} {with_article(other)}?", f"No, {thing} is {with_article(one)}.", "fact", "tables"
        )


def sizes(rng: Random, talk: Conversation) -> None:
    """Which is bigger, a mouse or an elephant?"""
    order = load("questions")["tables"]["by_size"]
    small, big = sorted(rng.sample(range(len(order)), 2))
    first, second = rng.sample((with_article(order[small]), with_article(order[big])), 2)
    larger = rng.random() < 0.6
    words = ("bigger", "larger") if larger else ("smaller",)
    answer = with_article(order[big if larger else small])
    than = with_article(order[small if larger else big])
    word = rng.choice(words)
    question = pick(rng, load("questions")["tables"]["size"], x=first, y=second, word=word)
    talk.add(question, f"{capitalised(answer)} is {words[0]} than {than}.", "fact", "tables")
