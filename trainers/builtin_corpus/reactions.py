"""What people say next: answers to Chip's questions, "really?", "why?", "tell me more", "are you sure?".

The one rule: a reaction fits the kind of the answer before it.
"""

from __future__ import annotations

from random import Random

from trainers.builtin_corpus import exchanges, jokes, memory, rhymes, stories
from trainers.builtin_corpus.conversation import Conversation
from trainers.builtin_corpus.phrases import load, pick


def react(rng: Random, talk: Conversation) -> None:
    """Maybe one reaction to the last answer."""
    if _answers_a_question(rng, talk) or rng.random() > 0.16 or talk.kind not in load("reactions")["after"]:
        return
    if talk.kind in ("fact", "sum", "list", "name") and rng.random() < 0.12:
        talk.add(pick(rng, load("reactions")["again"]), talk.last_answer, talk.kind, "reactions")
        return
    pair = rng.choice(load("reactions")["after"][talk.kind])
    slots = exchanges.slots(rng)
    talk.add(pick(rng, pair["user"], **slots), pick(rng, pair["answer"], **slots), "reaction", "reactions")


def _answers_a_question(rng: Random, talk: Conversation) -> bool:
    """Chip asked something: the person answers, half of the time."""
    last = talk.last_answer.split("! ")[-1].split(". ")[-1]
    if not last.endswith("?") or talk.kind in ("setup", "fact", "riddle") or rng.random() < 0.5:
        return False
    if "ow are you" in last or "And you?" in last or "bout you?" in last or "is your day" in last:
        if talk.kind not in ("chat", "greeting", "name"):
            return False
        exchanges.exchange(rng, talk, "user_is_fine" if rng.random() < 0.75 else "user_is_so_so")
        return True
    if "name?" in last or ("What's yours?" in last and talk.kind == "identity"):
        memory.tell_name(rng, talk, "tell_when_asked")
        return True
    return _takes_an_offer(rng, talk, last)


def _takes_an_offer(rng: Random, talk: Conversation, last: str) -> bool:
    offered = [word for word in ("joke", "poem", "story", "riddle") if word in last]
    if "nother one?" in last and talk.kind == "joke":
        offered = ["joke"]
    if not offered:
        return False
    book = load("reactions")
    if rng.random() < 0.2:
        talk.add(rng.choice(book["no"]), pick(rng, book["no_answer"]), "chat", "reactions")
        return True
    wish = rng.choice(offered)
    several = len(offered) > 1
    question = (
        rng.choice((f"a {wish}", f"a {wish} please", wish, f"{wish}!", f"{wish} please"))
        if several
        else rng.choice(book["yes"])
    )
    if wish == "joke":
        jokes.tell(rng, talk, question)
    elif wish == "poem":
        rhymes.rhymes(rng, talk, question)
    elif wish == "story":
        stories.stories(rng, talk, question)
    else:
        talk.add(question, pick(rng, ["{riddle}"], **exchanges.slots(rng)), "riddle", "reactions")
    return True
