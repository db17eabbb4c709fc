"""Work beside the screen: how a coroutine function becomes a Textual worker.

The one rule: a worker is given a function, never the coroutine itself. A worker that is cancelled before its
first step (the app ends, a newer one takes its place) would leave a coroutine that nobody ever awaits.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from textual.dom import DOMNode
from textual.worker import Worker


def start_worker(
    node: DOMNode,
    work: Callable[[], Coroutine[Any, Any, None]],
    group: str = "default",
    exclusive: bool = False,
) -> Worker[None]:
    """Run `work` beside the screen until it ends or `node` goes; an `exclusive` one cancels its `group` first."""
    worker: Worker[None] = node.run_worker(work, group=group, exclusive=exclusive)
    return worker
