"""The small model made again from nothing: its world, its training, its LoRAs and the scorer."""
