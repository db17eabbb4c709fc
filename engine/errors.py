"""The one exception whose text is written for a person.

A `UserError` says in a sentence where something is wrong, what is wrong and what to do now. Everything else
that escapes is a defect of the program and goes to a log with its traceback.
"""


class UserError(Exception):
    """Something the user can understand and mend; `str(error)` is shown as it is."""
