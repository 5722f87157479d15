"""The demo's own error."""


class DemoError(Exception):
    """The demo cannot continue; the message is the one line that its user reads."""
