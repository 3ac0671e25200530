"""How a picture can be begun with, in the webui's words."""

from __future__ import annotations

# How a picture of another shape comes to the size that is drawn.
RESIZE_MODES = (
    *("Just resize", "Crop and resize", "Resize and fill"),
    "Just resize (latent upscale)",
)
FILLS = ("fill", "original", "latent noise", "latent nothing")  # what is masked begins with
