"""Personas: who a model is to be, and how it is to answer; a TOML file each, those that ship beside this file."""
