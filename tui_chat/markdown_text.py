"""Markdown as text for the terminal: a reply becomes prose segments and code segments, one widget each.

    segments_of("Look:\n```py\nx = 1\n```")     # [Segment("Look:"), Segment("x = 1", is_code=True)]

Textual's Markdown widget makes a widget per paragraph, and loses blocks while it appends (HTML at the end of a
chunk); a long chat then costs thousands of widgets. Here growing text is parsed from its last block on, what
stands before is settled, and the finished reply looks exactly as it did while it grew.
The one rule: text goes through `visible` after Markdown has decoded entities, so nothing hides in `&#x202e;`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from markdown_it import MarkdownIt
from markdown_it.tree import SyntaxTreeNode
from textual.content import Content
from textual.highlight import highlight
from textual.style import Style

from tui_chat.text import plain, visible

_PARSER = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
_PARSER.disable(["html_block", "html_inline"])
_HIGHLIGHT_AT_MOST = 20_000  # characters of one code block; a longer one is shown in one colour
_DEEPEST = 20  # nested quotes and lists

_BARE = re.compile(r"https?://[^\s<>\"'`\]]*[^\s<>\"'`\].,;:!?)]")
_HANGING = re.compile(r" *(?:(?:[•◦▎]|\d{1,9}\.) )+")  # what `_list` and quotes put before a line
_INLINE_STYLES = {"strong": "bold", "em": "italic", "s": "strike", "link": "underline"}
LINK = "web_address"  # what a clicked place of a text leads to
_HEADING_STYLES = {"h1": "bold underline $text-primary", "h2": "bold $text-primary"}
_QUIET = "dim"


@dataclass(frozen=True)
class Segment:
    """What one widget shows: prose, or the code between two fences."""

    content: Content
    is_code: bool = False
    language: str = ""

    def looks_like(self, other: Segment) -> bool:
        """Whether showing one instead of the other changes nothing."""
        same_kind = self.is_code == other.is_code
        return self is other or (same_kind and self.content.is_same(other.content))


@dataclass(frozen=True)
class _Block:
    """A top-level block and the line of the source it begins on."""

    first_line: int
    segment: Segment


def segments_of(text: str) -> list[Segment]:
    """The whole text, rendered."""
    return _merged(block.segment for block in _blocks(text))


def code_blocks(text: str) -> list[str]:
    """The code between fences, as it was written."""
    tokens = _PARSER.parse(text)
    return [token.content for token in tokens if token.type in ("fence", "code_block")]


def links_of(text: str) -> list[str]:
    """The addresses of web pages in a text, in their order, once each: where its links lead, and bare ones."""
    tokens = [token for block in _PARSER.parse(text) for token in block.children or ()]
    found = [str(token.attrs.get("href", "")) for token in tokens if token.type == "link_open"]
    found += [match[0] for token in tokens if token.type == "text" for match in _BARE.finditer(token.content)]
    found.sort(key=lambda address: text.find(address))
    return [address for address in dict.fromkeys(found) if is_web_address(address)]


def is_web_address(address: str) -> bool:
    """Whether an address may be opened at all: http or https, to a host."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname) and visible(address) == address


class GrowingMarkdown:
    """Text that is still being said. What stands before its last block is rendered once."""

    def __init__(self) -> None:
        self._settled: list[Segment] = []
        self._tail = ""

    def feed(self, text: str) -> list[Segment]:
        """All segments so far, with `text` at the end; those that did not change are the same objects."""
        self._tail += visible(text)  # so that only "\n" ends a line, for the parser and for `splitlines`
        blocks = _blocks(self._tail)
        if len(blocks) > 1:
            self._settled = _merged([*self._settled, *(block.segment for block in blocks[:-1])])
            lines = self._tail.splitlines(keepends=True)
            self._tail = "".join(lines[blocks[-1].first_line :])
        return _merged([*self._settled, *(block.segment for block in blocks[-1:])])


def hanging(content: Content, width: int) -> Content:
    """`content` with the lines of lists and quotes wrapped to `width` cells, and indented where they go on."""
    lines = content.split("\n", allow_blank=True)
    if not any(line.cell_length > width and _HANGING.match(line.plain) for line in lines):
        return content
    return Content("\n").join([part for line in lines for part in _hung(line, width)])


def broken_lines(content: Content, width: int) -> list[tuple[int, int]]:
    """Of the lines that `hanging` makes, those that begin in the middle of one, with how far they are indented."""
    found, place = [], 0
    for line in content.split("\n", allow_blank=True):
        mark = _HANGING.match(line.plain)
        parts = len(_hung(line, width)) if width else 1
        found += [(place + part, mark.end() if mark else 0) for part in range(1, parts)]
        place += parts
    return found


def _hung(line: Content, width: int) -> list[Content]:
    mark = _HANGING.match(line.plain)
    if mark is None or line.cell_length <= width or width - mark.end() < 8:
        return [line]
    rest = Content("".join("▎" if character == "▎" else " " for character in mark[0])).stylize(_QUIET)
    parts = line[mark.end() :].wrap(width - mark.end())
    return [Content.assemble(rest if n else line[: mark.end()], part) for n, part in enumerate(parts)]


def _blocks(text: str) -> list[_Block]:
    tree = SyntaxTreeNode(_PARSER.parse(visible(text)))
    return [_Block(node.map[0] if node.map else 0, _segment(node)) for node in tree.children]


def _merged(segments: Iterable[Segment]) -> list[Segment]:
    """Neighbouring prose as one segment, with an empty line between blocks."""
    merged: list[Segment] = []
    for segment in segments:
        if merged and not merged[-1].is_code and not segment.is_code:
            merged[-1] = Segment(Content("\n\n").join([merged[-1].content, segment.content]))
        else:
            merged.append(segment)
    return merged


def _segment(node: SyntaxTreeNode) -> Segment:
    if node.type in ("fence", "code_block"):
        words = node.info.split() if node.type == "fence" else []
        language = visible(words[0]) if words else ""
        return Segment(_code(node.content, language), is_code=True, language=language)
    return Segment(_block(node, 0))


def _code(source: str, language: str) -> Content:
    source = visible(source.rstrip("\n")).expandtabs(4)
    if not language or len(source) > _HIGHLIGHT_AT_MOST:
        return Content(source)
    return highlight(source, language=language.lower())


def _block(node: SyntaxTreeNode, depth: int) -> Content:
    match node.type:
        case "heading":
            return _inline_of(node).stylize(_HEADING_STYLES.get(node.tag, "bold"))
        case "fence" | "code_block":
            return _indented(_code(node.content, node.info.strip()), "  ", "  ")
        case "bullet_list" | "ordered_list" | "blockquote" if depth >= _DEEPEST:
            return Content("…")
        case "bullet_list" | "ordered_list":
            return _list(node, depth)
        case "blockquote":
            bar = Content.styled("▎ ", _QUIET)
            return _indented(_stack(node.children, depth + 1, "\n\n").stylize("italic"), bar, bar)
        case "hr":
            return Content.styled("─" * 24, _QUIET)
        case "table":
            return _table(node)
    return _inline_of(node)


def _stack(nodes: Sequence[SyntaxTreeNode], depth: int, between: str) -> Content:
    return Content(between).join([_block(node, depth) for node in nodes])


def _list(node: SyntaxTreeNode, depth: int) -> Content:
    number = int(node.attrs.get("start", 1))
    items = []
    for place, item in enumerate(node.children):
        mark = f"{number + place}. " if node.type == "ordered_list" else ("• " if depth % 2 == 0 else "◦ ")
        body = _stack(item.children, depth + 1, "\n")
        items.append(_indented(body, Content.styled(mark, _QUIET), " " * len(mark)))
    return Content("\n").join(items)


def _indented(content: Content, first: Content | str, rest: Content | str) -> Content:
    lines = content.split("\n", allow_blank=True)
    return Content("\n").join([Content.assemble(rest if n else first, line) for n, line in enumerate(lines)])


def _table(node: SyntaxTreeNode) -> Content:
    """Columns as wide as their widest cell; the terminal wraps what does not fit."""
    rows = [[_inline_of(cell) for cell in row.children] for part in node.children for row in part.children]
    widths = [max(cell.cell_length for cell in column) for column in zip(*rows, strict=False)]
    bar = Content.styled(" │ ", _QUIET)
    lines = [
        bar.join([cell.pad_right(width - cell.cell_length) for cell, width in zip(row, widths, strict=False)])
        for row in rows
    ]
    lines[0] = lines[0].stylize("bold")
    lines.insert(1, Content.styled("─┼─".join("─" * width for width in widths), _QUIET))
    return Content("\n").join(lines)


def _inline_of(node: SyntaxTreeNode) -> Content:
    inline = [child for child in node.children if child.type == "inline"]
    return Content("").join([_inlines(child.children) for child in inline])


def _inlines(nodes: Sequence[SyntaxTreeNode]) -> Content:
    return Content("").join([_inline(node) for node in nodes])


def _inline(node: SyntaxTreeNode) -> Content:
    match node.type:
        case "text" | "text_special":
            return plain(node.content)
        case "code_inline":
            return plain(node.content).stylize("$text-accent")
        case "softbreak" | "hardbreak":
            return Content("\n")
        case "image":
            return _with_address(f"[image: {node.content}]", str(node.attrs.get("src", "")))
        case "link":
            said = _inlines(node.children)
            return _with_address(said.plain, address := str(node.attrs.get("href", ""))).stylize(
                Style.from_meta({LINK: address}) if is_web_address(address) else ""
            )
        case "strong" | "em" | "s":
            return _inlines(node.children).stylize(_INLINE_STYLES[node.type])
    return plain(node.content)


def _with_address(said: str, address: str) -> Content:
    """A link shows where it leads, and leads nowhere by itself."""
    text = plain(said).stylize("underline")
    if address.removeprefix("mailto:").rstrip("/") == said.rstrip("/"):
        return text
    return Content.assemble(text, plain(f" ({address})").stylize(_QUIET))


def pieces_of(text: str, lines: int = 200) -> list[str]:
    """`text` in pieces of so many lines, each to be drawn by itself: only those on the screen take time."""
    every = text.split("\n")
    return ["\n".join(every[start : start + lines]) for start in range(0, len(every), lines)]
