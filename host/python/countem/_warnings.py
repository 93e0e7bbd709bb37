"""What is wrong with data, but does not stop work."""


class CountemWarning(UserWarning):
    """A finding of countem: something is missing or doubtful in what was read."""
