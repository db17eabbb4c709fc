"""Jokes and poems that ship with the program: told without a model, without a network, without waiting.

The one rule: nothing is read before somebody asks for a joke or a poem.
"""
