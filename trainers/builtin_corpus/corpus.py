"""The open corpus: documents read from a folder given by the person who trains. Its text never enters the project.

The one rule: what a person says in dialog_* is never given to the assistant, or the model claims to be human.
"""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path
from random import Random
from typing import Any

from engine.errors import UserError
from trainers.builtin_corpus.exchanges import groups, slots
from trainers.builtin_corpus.phrases import capitalised, load, pick, with_article

Row = dict[str, Any]
Messages = list[dict[str, str]]
UNFRIENDLY = re.compile(
    r"\b(kill\w*|shot|shoot\w*|gun|bullets?|dead|sex\w*|whore|bitch|fuck\w*|shit|rape\w*|nazi\w*|hitler|suicide"
    r"|drunk|burn\w*|drugs?|slave\w*|whip\w*|hang(?:ed)?|blood\w*|naked|penis|boobs?|porn|nigg\w*|negro\w*|jew\w*|catholic)\b",
    re.IGNORECASE,
)
OTHER_IDENTITY = re.compile(
    r"\b(techies|microsoft|cortana|alexa|siri|bing|my boss|i'm a girl|i'm a boy)\b", re.IGNORECASE
)
OTHER_CHARACTER = (  # scenarios whose answers are somebody else's: another maker, another place, another humour
    "Bot_Creator",
    "Bot_Where",
    "Bot_Age",
    "Bot_Boss",
    "Bot_Opinion_Mean",
    "Bot_Who",
    "Bot_What",
    "Bot_Ability",
    "Bot_Opinion_W",
    "Bot_Family",
    "Bot_Did",
    "Command_",
    "Criticism_",
    "Relationship_",
    "User_Sad",
    "User_Bored",
    "User_Hungry",
    "User_Statement",
    "Dialog_What",
    "mixed",
)
OUR_ANSWERS = {  # intents of the open queries, answered by groups of our own
    "what_is_your_name": "name",
    "who_made_you": "maker",
    "are_you_a_bot": "real",
    "what_can_i_ask_you": "can",
    "how_old_are_you": "age",
    "what_are_your_hobbies": "like_you",
    "meaning_of_life": "meaning",
    "thank_you": "thanks",
    "goodbye": "bye",
    "translate": "language",
    "flip_coin": "coin",
    "roll_dice": "dice",
    "change_ai_name": "rename",
    "fun_fact": "fun_fact",
    "do_you_have_pets": "pets",
    "weather": "weather",
    "time": "time",
    "date": "date",
    "yes": "yes",
    "no": "no",
    "maybe": "maybe",
    "who_do_you_work_for": "boss",
}
STORY_CHARACTERS = (300, 1100)
POEM_CHARACTERS = 400
MOST_CHARACTERS = 1500  # about 430 tokens


def read(folder: Path, name: str) -> list[Row]:
    """The rows of NAME.jsonl or NAME.jsonl.gz."""
    for path in (folder / f"{name}.jsonl", folder / f"{name}.jsonl.gz"):
        if path.exists():
            opener = gzip.open if path.suffix == ".gz" else open
            with opener(path, "rt", encoding="utf-8") as file:
                return [json.loads(line) for line in file]
    raise UserError(
        f"{folder}: there is no {name}.jsonl or {name}.jsonl.gz. --corpus names the folder with the open corpus."
    )


def as_script(messages: Messages, speakers: tuple[str, str]) -> str:
    """A dialogue as plain text, one line per message; a system message opens it without a speaker."""
    names = {"user": f"{speakers[0]}: ", "assistant": f"{speakers[1]}: ", "system": ""}
    return "\n".join(names[message["role"]] + message["content"] for message in messages)


def texts(folder: Path, name: str, simple: float = 0.0) -> list[str]:
    """Documents of one file as plain text; dialogues between people get the neutral speakers A and B."""
    speakers = ("A", "B") if name.startswith("dialog_") else ("User", "Assistant")
    rows = [row for row in read(folder, name) if row.get("simple", 1.0) >= simple]
    return [row["text"] if "text" in row else as_script(row["messages"], speakers) for row in rows]


def chats(folder: Path, name: str) -> list[Messages]:
    """Dialogues of one chat file that Chip can say as its own."""
    return [row["messages"] for row in read(folder, name) if _suits_chip(name, row)]


def _suits_chip(name: str, row: Row) -> bool:
    messages: Messages = row["messages"]
    whole = " ".join(message["content"] for message in messages)
    answers = [message["content"] for message in messages if message["role"] == "assistant"]
    if len(whole) > MOST_CHARACTERS or UNFRIENDLY.search(whole) or OTHER_IDENTITY.search(" ".join(answers)):
        return False
    match name:
        case "chat_smalltalk":
            return not row.get("scenario", "").startswith(OTHER_CHARACTER)
        case "chat_poems":
            return max(map(len, answers)) <= POEM_CHARACTERS and row.get("simple", 1.0) >= 0.8
        case "instruct_rasbt":
            return len(whole) <= 400 and "ranslate" not in whole
        case "chat_jokes":  # "I don't know. Why?" to every question would be learnt too well
            return not answers[0].startswith(("I don't know", "Tell me")) or len(whole) % 4 == 0
        case "facts_cc0" | "facts_wordnet":
            return not _told_otherwise(messages[0]["content"], answers[0])
    return True


def _told_otherwise(question: str, answer: str) -> bool:
    """Whether our own tables say this, perhaps in other words: two answers to one question confuse a small model."""
    if re.match(r"(?i)(tell me|name|give me|list) (a|an|one|two|three|four|five)\b", question):
        return True
    countries = {country.removeprefix("the ").lower() for country in load("countries")["countries"]}
    if "capital" in answer:
        return any(country in answer.lower() for country in countries)
    if match := re.match(r"The opposite of (\w+)", answer):
        return match[1] in load("knowledge")["opposites"]
    words = set(re.findall(r"[a-z]+", question.lower()))
    return question.lower().startswith(("what is a", "what's a", "define", "tell me what")) and bool(
        words & set(load("things"))
    )


def persona_chats(folder: Path, rng: Random) -> list[Messages]:
    """Dialogues with a system message that says who the assistant plays; the first turns only."""
    found = []
    for row in read(folder, "dialog_persona"):
        messages: Messages = row["messages"]
        if messages[0]["role"] == "system" and not UNFRIENDLY.search(str(messages)):
            turns = 1 + 2 * rng.randint(2, 6)
            messages = messages[:turns]
            if messages[-1]["role"] == "assistant":
                found.append(messages)
    return found


def query_chats(folder: Path, rng: Random) -> list[Messages]:
    """Questions as many people typed them, with our own answers."""
    found = []
    for row in read(folder, "queries_clinc"):
        group = OUR_ANSWERS.get(row["intent"])
        about = group == "fun_fact" and "about" in row["text"]  # our facts are about something else
        if group and not about and not UNFRIENDLY.search(row["text"]):
            question = re.sub(r"^Ai,? ", "", row["text"])
            question = (
                question[0].lower() + question[1:].rstrip(".")
                if rng.random() < 0.6
                else capitalised(question)
            )
            answer = pick(rng, groups()[group].answer, **slots(rng))
            messages = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
            found.append(messages)
    return found


def story_chats(folder: Path, rng: Random) -> list[Messages]:
    """Short stories as answers to "tell me a story", about their hero where one is named early."""
    book = load("stories")
    found = []
    for row in read(folder, "stories_tiny"):
        text: str = row["text"]
        if not STORY_CHARACTERS[0] <= len(text) <= STORY_CHARACTERS[1] or row.get("simple", 1.0) < 0.9:
            continue
        if text[0].islower() or UNFRIENDLY.search(text) or text.rstrip()[-1] not in '.!?"':
            continue
        opening = set(re.findall(r"[a-z]+", text[:150].lower()))
        heroes = [animal for animal in book["animals"] if animal in opening]
        kind = "about" if heroes else "any"
        question = pick(rng, book["asking"][kind], hero=with_article(heroes[0]) if heroes else "")
        found.append([{"role": "user", "content": question}, {"role": "assistant", "content": text}])
    return found
