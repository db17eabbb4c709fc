"""The app process: what a person sees and does.

The one rule: torch and transformers are never imported here; models run in engine processes, runs in training
processes.
"""
