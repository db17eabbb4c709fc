"""The one exception whose text is written for a person.

A `UserError` says in a sentence where something is wrong, what is wrong and what to do now. Everything else
that escapes is a defect of the program and goes to a log with its traceback.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping


class UserError(Exception):
    """Something the user can understand and mend; `str(error)` is shown as it is."""


@contextlib.contextmanager
def said_with(names: Mapping[str, str], source: str) -> Iterator[None]:
    """Inside, a `UserError` about `source` calls settings as the user did: {"num_heads": "n_head"}."""
    try:
        yield
    except UserError as error:
        where = f"{source}: "
        what = str(error).removeprefix(where)
        for ours, theirs in names.items():
            what = re.sub(rf"\b{ours}\b", theirs, what)
        raise UserError(where + what) from None
