"""The torch room of training: one loop, the methods it runs, and what a step needs.

The one rule: nothing outside this package and `engine.models` imports torch.
"""
