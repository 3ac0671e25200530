"""Samplers and schedule types under the webui's names: from noise to latents, over any UNet."""
