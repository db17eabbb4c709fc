"""One dialogue under way: what was said, and what Chip has been told.

The one rule: families only ever add whole exchanges, so the roles alternate by construction.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Conversation:
    """Exchanges so far, and the memory that later questions draw on."""

    exchanges: list[tuple[str, str]] = field(default_factory=list)
    families: list[str] = field(default_factory=list)  # family of each exchange, for the statistics
    persona: str | None = None  # a table of personas.toml
    user_name: str | None = None
    told: dict[str, str] = field(default_factory=dict)  # "colour" -> "blue", "brother" -> "Tom"
    kind: str = ""  # kind of the last answer: "fact", "joke", "feeling", ...
    held_out: bool = False  # uses something that training must not see

    def add(self, user: str, answer: str, kind: str, family: str) -> None:
        """One exchange."""
        self.exchanges.append((user, answer))
        self.families.append(family)
        self.kind = kind

    @property
    def last_answer(self) -> str:
        return self.exchanges[-1][1] if self.exchanges else ""
