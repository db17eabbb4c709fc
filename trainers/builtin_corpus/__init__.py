"""The data on which the built-in chat model is trained: dialogues written here, mixed with an open corpus.

    *.toml          everything that is said, written by hand: (a|b) is a choice, {name} a slot
    phrases.py      reads the TOML files and expands choices
    conversation.py one dialogue under way, and what it remembers
    greetings..     one module per family of exchanges
    composition.py  families strung together into dialogues, typed the way people type
    corpus.py       the open corpus, read from a folder, never copied here
    mixture.py      shares, held-out documents, the files that come out

The one rule: the same seed and the same corpus give the same files.
"""
