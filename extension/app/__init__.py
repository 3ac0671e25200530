"""The embedded default: a small page, a command line, and the models they draw with."""
