"""Models that answer: tokenizers, GPTs, sampling, and the process that runs them.

The modules of this package are the torch-free counter that the app imports; everything that needs torch
lives behind it in `engine.models`. The one rule: nothing here imports `trainers` or `tui_chat`.
"""
