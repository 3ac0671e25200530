"""Sets: LoRAs with their weights and words, under a name."""
