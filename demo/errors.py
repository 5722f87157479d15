"""The one kind of failure that the demo explains."""


class DemoError(Exception):
    """The demo cannot go on; the message is the one line that its user reads."""
