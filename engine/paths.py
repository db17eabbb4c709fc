"""Where everything of the user's lives. The one rule: no other module makes up a path.

`TUI_CHAT_HOME=DIR` puts config, data and cache under DIR (tests, portable use); otherwise the system decides.
"""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

APP_NAME = "tui-chat"


def _home() -> Path | None:
    home = os.environ.get("TUI_CHAT_HOME")
    return Path(home).expanduser().absolute() if home else None


def typed_path(text: str) -> Path:
    """A path as a person typed it: ~ is the home directory, and an unknown ~name stays as it is."""
    return Path(os.path.expanduser(text))  # noqa: PTH111 - Path.expanduser raises RuntimeError for ~nobody


def config_path() -> Path:
    """The settings file (TOML)."""
    home = _home()
    return (
        home / "config" if home else Path(platformdirs.user_config_dir(APP_NAME, appauthor=False))
    ) / "config.toml"


def personas_path() -> Path:
    """The user's own personas, one TOML file each."""
    return config_path().parent / "personas"


def data_path() -> Path:
    """Conversations, runs and models."""
    home = _home()
    return home / "data" if home else Path(platformdirs.user_data_dir(APP_NAME, appauthor=False))


def cache_path() -> Path:
    """What can be made again."""
    home = _home()
    return home / "cache" if home else Path(platformdirs.user_cache_dir(APP_NAME, appauthor=False))


def conversations_path() -> Path:
    """The conversation database (SQLite)."""
    return data_path() / "conversations.db"


def prompts_path() -> Path:
    """The user's prompt templates, a file each."""
    return config_path().with_name("prompts")


def own_jokes_path() -> Path:
    """Jokes of the user's own, beside those that ship."""
    return config_path().with_name("jokes.toml")


def own_poems_path() -> Path:
    """Poems of the user's own, beside those that ship."""
    return config_path().with_name("poems.toml")


def told_path() -> Path:
    """Which jokes and poems were told already."""
    return data_path() / "told.json"


def workspace_path() -> Path:
    """How the panes of the app stood when it was left."""
    return data_path() / "workspace.json"


def runs_path() -> Path:
    """Training runs, one directory each."""
    return data_path() / "runs"


def datasets_path() -> Path:
    """Data sets that the app makes of what was said of replies."""
    return data_path() / "datasets"


def models_path() -> Path:
    """Imported models, one directory each."""
    return data_path() / "models"


def logs_path() -> Path:
    """Logs of the app and of engine processes."""
    return data_path() / "logs"


def hub_cache_path() -> Path:
    """Models downloaded from the Hugging Face Hub: the cache that other programs of this machine share.

    `HF_HUB_CACHE` and `HF_HOME` decide, as they do elsewhere; a TUI_CHAT_HOME keeps downloads to itself.
    """
    if cache := os.environ.get("HF_HUB_CACHE"):
        return Path(cache).expanduser().absolute()
    if home := os.environ.get("HF_HOME"):
        return Path(home).expanduser().absolute() / "hub"
    shared = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser().absolute()
    return (cache_path() if _home() else shared) / "huggingface" / "hub"


def private_directory(path: Path) -> Path:
    """Make `path` and its parents, readable by the user only, and return it."""
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    return path
