"""A stand-in for the webui's packages: what our host touches of them, with the same rules."""
