"""`python -m tui_chat` is `tui-chat`."""

from tui_chat.cli import main

main()
