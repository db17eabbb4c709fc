"""What the settings say about jokes and poems.

The one rule: whoever is named, the collection stands behind them; a wish is never left without an answer.
"""

from __future__ import annotations

from typing import Annotated

from engine.records import Record, word


class CompanionsSection(Record):
    """Who tells jokes and poems."""

    jokes: Annotated[
        str,
        word(
            "collection = ours and yours; model = the pane's; mixed = the model for topics not in the collection; "
            "or a reference such as api:PROVIDER/MODEL."
        ),
    ] = "collection"
    poems: Annotated[str, word("The same for poems: collection, model, mixed, or a reference.")] = (
        "collection"
    )
    recognise: Annotated[
        bool,
        word('Answer "tell me a joke" and "write a poem about rain" this way; off: they go to the model.'),
    ] = True
