"""The screens of the app. The one rule: a screen arranges widgets and answers their messages."""
