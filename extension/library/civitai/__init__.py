"""Civitai on request: what its pages know of the files here. Nothing is sent unless it is asked."""
