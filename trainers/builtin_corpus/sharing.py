"""What people tell about their day, answered with interest.

The one rule: the answer takes up what was said, and never claims to have done it, too.
"""

from __future__ import annotations

from random import Random

from trainers.builtin_corpus.conversation import Conversation
from trainers.builtin_corpus.phrases import load, pick


def sharing(rng: Random, talk: Conversation) -> None:
    """One thing told, one friendly answer."""
    topic = rng.choice(load("sharing")["topic"])
    x = rng.choice(topic["x"])
    talk.add(pick(rng, topic["user"], x=x), pick(rng, topic["answer"], x=x), "sharing", "sharing")
