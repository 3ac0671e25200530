"""No other extension is installed."""


def active():
    return []
