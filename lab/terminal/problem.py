"""What went wrong, for people: one line that says what to do about it."""


class ProblemError(Exception):
    """An expected failure. The command line prints its text alone and ends with status 1."""
