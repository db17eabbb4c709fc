"""Whether a message asks for a joke or a poem, and for which.

    wish_in("Do you know a good joke about cats?")        Wish(companion="joke", topic="cats")
    wish_in("can you write me a haiku, please")           Wish(companion="poem", form="haiku")
    wish_in("another one", after="joke")                  Wish(companion="joke", is_another=True)
    wish_in("Why is this joke funny?")                    None

English only: a wish in another language goes to the model, like any other message.
The one rule: the whole message must be the wish. One that sets a condition ("in German", "with ten lines",
"and explain it"), that speaks of a joke or a poem, or that says anything more, is the model's.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import Literal

from msgspec.structs import replace

from engine.records import Record

Companion = Literal["joke", "poem"]
_LONGEST = 160  # characters; a wish is short
_LONGEST_TOPIC = 6  # words


class Wish(Record, frozen=True):
    """What somebody wants to hear."""

    companion: Companion
    topic: str = ""
    form: str = ""  # "knock-knock", "haiku", "limerick" or "lullaby"
    is_another: bool = False  # "another one": said of what was told last
    like: str = ""  # the topic of what was told last: more about it, as long as there is some

    def in_words(self) -> str:
        """As a person would ask a model for it."""
        topic = self.topic or self.like
        about = f" about {topic}" if topic else ""
        if self.companion == "joke":
            return f"Tell me a {f'{self.form} ' if self.form else ''}joke{about}."
        return f"Write a {self.form or 'short poem'}{about}."


def wish_in(text: str, after: Companion | None = None) -> Wish | None:
    """The wish that a message is; None for any other message. `after` is who was heard last."""
    said = _tidied(text)
    if not said or len(said) > _LONGEST or "\n" in said:
        return None
    core = _BEFORE.sub("", said, count=1)
    is_polite = bool(_PLEASE.search(said))
    core = core[: end.start()] if (end := _AFTER.search(core)) else core
    wish = _wish("joke", _JOKE.fullmatch(core), is_polite) or _wish("poem", _POEM.fullmatch(core), is_polite)
    if wish is None and _FUNNY.fullmatch(core):
        wish = Wish(companion="joke")
    return wish or (_another(after, _ANOTHER.fullmatch(core)) if after else None)


def like_before(wish: Wish, said_before: Iterable[str]) -> Wish:
    """ "Another one", as the wish before it was meant; `said_before` is what the user said, newest first."""
    if not wish.is_another or wish.topic:
        return wish
    for text in said_before:
        earlier = wish_in(text, after=wish.companion)
        if earlier and (earlier.topic or earlier.form or not earlier.is_another):
            is_same = earlier.companion == wish.companion
            return replace(wish, like=earlier.topic, form=earlier.form) if is_same else wish
    return wish


def literal(text: str) -> str | None:
    r"""What `\tell me a joke` says to the model; None for a text that is no wish behind a backslash."""
    rest = text.removeprefix("\\")
    return rest if rest != text and wish_in(rest, after="joke") else None


def _wish(companion: Companion, match: re.Match[str] | None, is_polite: bool) -> Wish | None:
    if match is None:
        return None
    topic, kind = _trimmed(match["topic"]), _trimmed(match["kind"])
    is_asked = match["opening"] or is_polite or _MORE.fullmatch(match["article"] or "")
    is_remark = (kind or match["adjectives"]) and not topic  # "a bad joke", "good poem"
    if _WHAT_IS.fullmatch(match["opening"] or "") and not _BEST.fullmatch(match["article"] or ""):
        return None  # "what is a joke?"
    if not is_asked and (is_remark or not (match["article"] or (match["noun"] or "s")[-1:] not in "sy")):
        return None
    if not _is_plain(topic) or _NOT_A_KIND.search(kind):
        return None
    mood = " ".join(_MOOD.findall(match["adjectives"])) if companion == "poem" else ""
    wanted = " ".join(part for part in (mood, kind, topic) if part)
    return Wish(companion=companion, topic=wanted, form=_form(match["form"]))


def _another(companion: Companion, match: re.Match[str] | None) -> Wish | None:
    if match is None or not _is_plain(topic := _trimmed(match["topic"])):
        return None
    is_enough = match["opening"] or topic or match["which"].lower() != "one"
    is_told_more = re.match(r"(?i).*\btell\b", match["opening"] or "") and match["which"].lower() == "more"
    if not is_enough or is_told_more:
        return None
    return Wish(companion=companion, topic=topic, is_another=True)


def _form(said: str | None) -> str:
    words = (said or "").lower()
    if words.startswith("knock"):
        return "knock-knock"
    return "lullaby" if words.startswith("lullab") else words.removesuffix("s")


_PLAIN_SIGNS = {0x2018: "'", 0x2019: "'", 0x201C: '"', 0x201D: '"', 0xFE0F: None, 0x200D: None}


def _tidied(text: str) -> str:
    """Without emoji and smileys, with plain apostrophes."""
    text = text.strip()[: _LONGEST + 40].translate(_PLAIN_SIGNS)
    text = "".join(character for character in text if unicodedata.category(character) not in ("So", "Sk"))
    text = re.sub(r"(?<!\w)[:;=]-?[()DPp](?!\w)", "", text)
    return re.sub(r"[ \t]+", " ", text).strip()


def _trimmed(words: str | None) -> str:
    return (words or "").strip(" \"'.,!?…")


def _is_plain(topic: str) -> bool:
    """Whether a topic is a few words, without conditions and without things said before."""
    words = re.findall(r"[\w'-]+", topic.lower())
    has_signs = re.search(r"[^\w\s'\",&+-]", topic) or any(map(str.isdigit, topic))
    return len(words) <= _LONGEST_TOPIC and not has_signs and not _CONDITION.search(" ".join(words))


_LANGUAGES = (
    "english|french|german|spanish|italian|latin|chinese|japanese|korean|russian|dutch|polish|arabic|hindi"
)
_CONDITION = re.compile(  # in a topic: a clause, a demand, or something that only the conversation knows
    r"\b(it|its|this|that|these|those|him|her|them|they|he|she|above|below|following|last|previous|same|"
    r"me|myself|us|we|our|you|your|yours|yourself|i|i'm|who|whose|which|when|where|why|how|what|whether|if|"
    r"is|are|was|were|be|has|have|had|can|cannot|can't|could|should|must|will|would|does|do|don't|"
    r"without|using|use|including|include|starting|beginning|ending|mentioning|containing|but|then|because|"
    r"explain|translate|make|keep|write|tell|give|add|style|lines?|words?|sentences?|stanzas?|syllables?|"
    r"paragraphs?|rhym\w+|letters?|acrostic|perspective|for|as|by|from|"
    rf"in (?:{_LANGUAGES}|prose|verse|iambic|free))\b"
)
_NOT_A_KIND = re.compile(  # before the noun: such a joke or poem exists already, or the collection has none
    r"\b(practical|inside|private|running|own|no|not|this|that|the|these|those|my|your|our|his|her|their|same|"
    r"last|first|second|previous|old|earlier|long|longer|epic|few|two|three|four|five|six|seven|ten|many|"
    r"several|more|about|of|to|for|and|or|is|are|me|it|one|a|an|with|like|famous|original|free|prose|nursery|"
    rf"acrostic|concrete|what|how|why|{_LANGUAGES})\b|\d",
    re.IGNORECASE,
)
_MOOD = re.compile(r"(?i)\b(funny|silly|hilarious)\b")  # poems have it as a topic
_MORE = re.compile(r"(?i)(another|one more|some more|any more|any other|more) ")
_WHAT_IS, _BEST = re.compile(r"(?i)what(?:'s| is) "), re.compile(r"(?i)(?:your|the) .*")
_PLEASE = re.compile(r"(?i)\b(please|pls|plz|thanks|thank you|thx|(?:can|could|would|will) you)\b")

# What may stand around a wish. Atomic groups, so that no message takes long.
_GREETING = (
    r"hey|hi|hello|yo|ok|okay|so|well|oh|and|now|then|alright|please|pls|maybe|perhaps|just|also|chip|there|"
    r"ha(?:ha)*h?|lol|hm+"
)
_REMARK = (
    r"ha(?:ha)*\w{0,3}|lol|hm+|um+|yes|yeah|yep|sure|right|wow|thanks|thank you|thx|nah|no|good (?:morning|"
    r"evening|day|one|bot|job)|(?:that was |that's |very |so |not )?(?:good|great|funny|nice|bad|awful|lovely|"
    r"cool|beautiful)|i(?:'m| am) (?:so |very |a bit )?(?:bored|sad|tired|down)|come on|go on|by the way|btw|"
    r"i (?:like|love|liked|loved) (?:it|that)|well done"
)
_BEFORE = re.compile(
    rf"^(?:(?>(?:{_GREETING})(?:\s*[,.!:…-]+\s*|\s+))|(?>(?:{_REMARK})\s*[,.!?…-]+\s*))*+", re.IGNORECASE
)
_AFTER = re.compile(
    r"(?:[\s,.!?-]++(?:please|pls|plz|thanks|thank you|thx|now|then|ok|okay|today|tonight|right now|quickly|"
    r"real quick|instead|lately|recently|for (?:a change|me|us|kids|children|today|once)|"
    r"to (?:cheer me up|make me laugh)|if you (?:can|like|want|will|please|would|don't mind|have (?:one|any)|"
    r"know (?:one|any))|(?:would|will|can|could) you|chip|my friend|buddy|by any chance|i(?:'m| am) bored)\b)*+"
    r"[\s.!?…]*+$",
    re.IGNORECASE,
)

# The wish itself.
_MAYBE = r"(?:(?:please|maybe|perhaps|kindly|also|possibly|just|now) )*"
_ASK = (
    rf"(?:(?:can|could|would|will|won't|may|might) you {_MAYBE}|(?:i want|i'd like|i would like|i need) you to |"
    rf"why don't you |{_MAYBE})"
)
_WANT = (
    rf"(?:(?:do|did|don't) (?:you|u|ya) {_MAYBE}(?:know|have|happen to know|remember)|(?:you )?(?:know|got|have)|"
    r"have you (?:got|heard)|(?:you )?heard|(?:i|we)(?: really| just)* (?:want|wanna|need|feel like|could use|"
    r"fancy)(?: to)?(?: hear(?:ing)?| have| get)?|(?:i|we)(?: would|'d)(?: really)? (?:like|love)(?: to)?"
    r"(?: hear| have| get)?|(?:i'm|i am) in the mood for|"
    rf"(?:can|could|may|might) (?:i|we) {_MAYBE}(?:hear|have|get|ask for)|let(?:'s| me| us) (?:hear|have)|"
    r"how about|what about|(?:it's )?time for|any chance of|(?:surprise|entertain|cheer) me(?: up)? with)"
)
_TO_US = r"(?: me| us)?(?: with)?"
_TELL = (
    rf"{_ASK}(?:tell|give|share|say|crack|make up|make|send|show|write|invent|create|think of|come up with|"
    rf"hit|do){_TO_US}"
)
_RECITE = (
    rf"{_ASK}(?:write|compose|create|make up|make|recite|read|tell|give|say|show|generate|invent|share|pen|"
    rf"craft|come up with|think of|find|quote|send|sing){_TO_US}"
)
_ARTICLE = (
    r"(?P<article>(?:another|one more|some more|any more|any other|more|a|an|one|some|any|"
    r"(?:your|the) (?:very )?(?:best|favou?rite|funniest|finest|newest)) )?"
)
_ADJECTIVES = (
    r"(?P<adjectives>(?:(?:really|very|so|super|good|great|nice|short|quick|new|other|different|clean|little|"
    r"small|tiny|random|simple|best|better|fresh|lovely|beautiful|pretty|funny|silly|bad|terrible|awful|corny|"
    r"cheesy|lame|stupid|dumb|cute|funnier|shorter|hilarious|classic|friendly|family-friendly) )*+)"
)
_KIND = r"(?:(?P<kind>[^\W\d][\w'-]*(?: [\w'-]+)?) )?"
_JOKE = re.compile(
    rf"(?P<opening>(?:{_TELL}|{_WANT}|what(?:'s| is)) )?{_ARTICLE}{_ADJECTIVES}(?:(?P<form>knock[ ,-]*knock) |"
    rf"{_KIND})(?P<noun>jokes?|one-liners?)(?: of the day)?"
    r"(?: (?:about|on|with|involving|regarding|featuring) (?P<topic>.+))?",
    re.IGNORECASE,
)
_POEM = re.compile(
    rf"(?P<opening>(?:{_RECITE}|{_WANT}|what(?:'s| is)) )?{_ARTICLE}(?:(?:piece|bit) of )?{_ADJECTIVES}(?:"
    rf"(?P<verse>verses?|rhymes?)|{_KIND}(?P<noun>poems?|poetry|(?P<form>haikus?|limericks?|lullab(?:y|ies))))"
    r"(?: (?:about|on|of|regarding|celebrating) (?P<topic>.+))?",
    re.IGNORECASE,
)
_FUNNY = re.compile(
    rf"{_ASK}make (?:me|us) (?:laugh|smile|giggle|chuckle)|{_ASK}be funny|"
    rf"(?:{_TELL}|{_WANT}) (?:something|anything) funny|"
    r"(?:i|we) (?:need|want|could use) (?:a (?:good )?laugh|to laugh)",
    re.IGNORECASE,
)
_ANOTHER = re.compile(
    rf"(?P<opening>(?:{_TELL}|{_RECITE}|{_WANT}) )?(?P<which>another one|another|one more|(?:any|some) more|more|"
    r"a (?:different|new|better|funnier|shorter|nicer) one|(?:the )?next(?: one)?|encore|more like that|one)"
    r"(?: (?:about|on|with|of) (?P<topic>.+))?",
    re.IGNORECASE,
)
