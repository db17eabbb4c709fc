"""Finding and keeping conversations: the list with its pins and tags, and the search.

    shelf = Shelf(conversations.file)
    shelf.page("camellia #work")     the first of those tagged work (or workshop ...) that say so

With 10,000 conversations each call takes a few milliseconds (`benchmarks/conversations.py`).
The one rule: no call here changes a word of what was said.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tui_chat.conversation_file import ConversationFile
from tui_chat.conversation_records import storable
from tui_chat.text import one_line

PAGE = 100  # rows of the list that are read at once
_LONGEST_TAG = 30
_PREVIEW = 300  # characters

# The page is cut before its rows are looked at more closely: a preview for each of 10,000 would take a second.
_PAGE = """
    WITH page AS (
        SELECT id, title, created, updated, pinned, leaf FROM conversations
        WHERE deleted IS NULL {tagged} {found} ORDER BY pinned DESC, updated DESC, id DESC LIMIT :limit OFFSET :start)
    SELECT id, title, created, updated, pinned,
           coalesce((SELECT group_concat(tag, ' ') FROM tags WHERE conversation = page.id), ''),
           coalesce((SELECT substr(content, 1, {preview}) FROM messages m WHERE m.conversation = page.id
                     AND (page.leaf IS NULL OR m.id = page.leaf) ORDER BY m.id DESC LIMIT 1), '')
    FROM page ORDER BY pinned DESC, updated DESC, id DESC
"""
_TAGGED = (
    "AND EXISTS (SELECT 1 FROM tags WHERE conversation = id AND tag >= :{0} AND tag < :{0} || char(1114111))"
)
_FOUND = "AND id IN (SELECT value FROM json_each(:found))"
_HIT_MESSAGES = """
    SELECT conversation, max(id) FROM messages
    WHERE id IN (SELECT rowid FROM messages_fts WHERE messages_fts MATCH :terms) GROUP BY conversation
"""
_HITS_IN_ONE = """
    SELECT id FROM messages
    WHERE conversation = :conversation AND id IN (SELECT rowid FROM messages_fts WHERE messages_fts MATCH :terms)
"""
# FTS5 has `snippet()`, but begins the whole search again for each message that is asked for.
_CONTENTS = "SELECT id, content FROM messages WHERE id IN (SELECT value FROM json_each(:messages))"
_WORDS_BEFORE = 3  # the hit, in a preview


@dataclass(frozen=True)
class Shelved:
    """What the list shows of a conversation."""

    id: int
    title: str
    created: float
    updated: float
    pinned: bool = False
    tags: tuple[str, ...] = ()
    preview: str = ""  # its last words, or what a search found in it
    found_in: int | None = None  # the newest message in which a search found it


@dataclass(frozen=True)
class Wish:
    """What is looked for: words that are all said in one message or stand in the title, and beginnings of tags."""

    words: str = ""
    tags: tuple[str, ...] = ()

    @classmethod
    def from_query(cls, query: str) -> Wish:
        """ "tea #work" as typed into the search box."""
        parts = storable(query).split()
        tags = tuple(tag for part in parts if part.startswith("#") and (tag := clean_tag(part)))
        return cls(" ".join(part for part in parts if not part.startswith("#")), tags)


class Shelf:
    """The conversations as a whole. Methods may be called from any thread."""

    def __init__(self, file: ConversationFile) -> None:
        self._file = file

    # ---- finding

    def page(self, query: str = "", limit: int = PAGE, start: int = 0) -> list[Shelved]:
        """Those that `query` finds (all, when it is empty): pinned ones first, then the latest. Refuses no query."""
        wish = Wish.from_query(query)
        found, hits = self._found(wish)
        return self._with_hits(self._page(wish, limit, start, found), hits, wish.words)

    def _found(self, wish: Wish) -> tuple[list[int] | None, dict[int, int]]:
        """Conversations with the words (None = no words are looked for), and the newest message that has them."""
        if not wish.words:
            return None, {}
        terms = fts_terms(wish.words)
        hits = dict(self._file.read(_HIT_MESSAGES, {"terms": terms})) if terms else {}
        return [*hits, *self._titled(wish.words)], hits

    def _page(self, wish: Wish, limit: int, start: int, found: Sequence[int] | None) -> list[Shelved]:
        names = [f"tag_{number}" for number in range(len(wish.tags))]
        tagged = " ".join(_TAGGED.format(name) for name in names)
        query = _PAGE.format(tagged=tagged, found=_FOUND if found is not None else "", preview=_PREVIEW)
        values: dict[str, Any] = {"limit": limit, "start": start, **dict(zip(names, wish.tags, strict=True))}
        values |= {} if found is None else {"found": json.dumps(found)}
        return [
            Shelved(id, title, created, updated, bool(pinned), tuple(sorted(tags.split())), preview)
            for id, title, created, updated, pinned, tags, preview in self._file.read(query, values)
        ]

    def _titled(self, words: str) -> list[int]:
        """Conversations with these words in their title; asked of Python, for SQLite folds the case of ASCII only."""
        wanted = words.casefold()
        titles = self._file.read("SELECT id, title FROM conversations WHERE deleted IS NULL")
        return [id for id, title in titles if wanted in title.casefold()]

    def _with_hits(self, found: Sequence[Shelved], hits: dict[int, int], words: str) -> list[Shelved]:
        """The conversations with the words around the newest hit as their preview."""
        messages = [hits[talk.id] for talk in found if talk.id in hits]
        contents = dict(self._file.read(_CONTENTS, {"messages": json.dumps(messages)})) if messages else {}
        return [
            replace(talk, preview=around(contents[message], words), found_in=message)
            if (message := hits.get(talk.id, 0)) in contents
            else talk
            for talk in found
        ]

    def hits(self, conversation: int, query: str) -> list[int]:
        """The messages of a conversation that have the words of a query."""
        terms = fts_terms(Wish.from_query(query).words)
        values = {"terms": terms, "conversation": conversation}
        return [int(id) for (id,) in self._file.read(_HITS_IN_ONE, values)] if terms else []

    def count(self) -> int:
        """How many conversations there are."""
        return int(self._file.read("SELECT count(*) FROM conversations WHERE deleted IS NULL")[0][0])

    def get(self, conversation: int) -> Shelved | None:
        """One conversation, or None when it is gone."""
        return next(iter(self._page(Wish(), 1, 0, [conversation])), None)

    def ids(self, query: str = "") -> list[int]:
        """All that a query finds."""
        wish = Wish.from_query(query)
        return [talk.id for talk in self._page(wish, -1, 0, self._found(wish)[0])]

    def tagged(self, tag: str) -> list[int]:
        """All that have exactly this tag, the latest first."""
        query = """
            SELECT c.id FROM tags JOIN conversations c ON c.id = conversation
            WHERE tag = :tag AND deleted IS NULL ORDER BY updated DESC, c.id DESC
        """
        return [int(id) for (id,) in self._file.read(query, {"tag": clean_tag(tag)})]

    def last_deleted(self) -> int | None:
        """The conversation deleted last that can still be brought back."""
        query = (
            "SELECT id FROM conversations WHERE deleted IS NOT NULL ORDER BY deleted DESC, id DESC LIMIT 1"
        )
        return next((int(id) for (id,) in self._file.read(query)), None)

    # ---- keeping

    def pin(self, conversation: int, pinned: bool) -> None:
        """Let a conversation stand before the others, or no longer."""
        self._file.change("UPDATE conversations SET pinned = ? WHERE id = ?", int(pinned), conversation)

    def tag(self, conversation: int, tags: Iterable[str]) -> None:
        """Give a conversation these tags, and no others."""
        with self._file.writing() as execute:
            execute("DELETE FROM tags WHERE conversation = ?", (conversation,))
            for tag in clean_tags(tags):
                execute("INSERT INTO tags (conversation, tag) VALUES (?, ?)", (conversation, tag))

    def tags(self) -> list[tuple[str, int]]:
        """All tags, with how many conversations have them, the most common first."""
        query = """
            SELECT tag, count(*) FROM tags JOIN conversations c ON c.id = conversation
            WHERE c.deleted IS NULL GROUP BY tag ORDER BY count(*) DESC, tag
        """
        return [(tag, count) for tag, count in self._file.read(query)]


def fts_terms(query: str) -> str:
    """An FTS5 query that means all words of `query`; every character is searched for, none is syntax."""
    return " ".join(f'"{word}"*' for word in _bare_words(query))


def _bare_words(query: str) -> list[str]:
    words = storable(query).replace("\0", " ").replace('"', " ").split()
    return [word for word in words if any(character.isalnum() for character in word)]


def around(text: str, words: str) -> str:
    """A few hundred characters of `text`, from shortly before the first place that begins with one of `words`."""
    begins = "|".join(re.escape(word) for word in sorted(_bare_words(words), key=len, reverse=True))
    hit = re.search(rf"\b(?:{begins})", text, re.IGNORECASE) if begins else None
    before = text[: hit.start()].split(" ") if hit else [""]
    if len(before) <= _WORDS_BEFORE + 1:
        return text[:_PREVIEW]
    start = len(" ".join(before[: -_WORDS_BEFORE - 1])) + 1
    return f"…{text[start : start + _PREVIEW]}"


def found_line(talk: Shelved) -> str:
    """What stands where a search found something."""
    return one_line(talk.preview, 90)


def clean_tag(text: str) -> str:
    """A tag as it is kept: "#Work at home" as "work-at-home"; empty when there is nothing of a tag in it."""
    return re.sub(r"[^\w-]+", "-", text.strip().casefold())[: _LONGEST_TAG + 1].strip("-")[:_LONGEST_TAG]


def clean_tags(texts: Iterable[str]) -> list[str]:
    """Tags as they are kept, each once."""
    return sorted({tag for text in texts if (tag := clean_tag(text))})
