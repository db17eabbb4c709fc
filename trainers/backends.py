"""Whether the libraries that a backend needs are here, seen before anything is started. Torch-free.

The one rule: looking for a library does not load it.
"""

from __future__ import annotations

import importlib.util

from engine.errors import UserError
from trainers.config import TrainingConfig


def check_backend(config: TrainingConfig) -> None:
    """Refuse a backend whose libraries are not here.

    Raises:
        UserError: saying what to install, or what to choose instead.
    """
    if config.backend == "trainer" and importlib.util.find_spec("accelerate") is None:
        raise UserError(
            "backend trainer needs the package accelerate, which is not installed. Install it with "
            "`pip install 'tui-chat[trainer]'`, or set backend to hf, which computes the same in our own loop."
        )
