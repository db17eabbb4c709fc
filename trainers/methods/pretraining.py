"""Pretraining: learn to continue text. Every token of random windows is a target.

The one rule: a window is any stretch of the stream, as in nanoGPT; documents are parted by the end-of-text token.
"""

from __future__ import annotations

from trainers.methods.method import NextTokenPrediction


class Pretraining(NextTokenPrediction):
    """Next-token prediction on random windows of a text, drawn from (seed, step)."""
