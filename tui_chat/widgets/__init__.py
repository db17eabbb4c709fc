"""The widgets of the app. The one rule: a widget knows its own business and tells its parent by messages."""
