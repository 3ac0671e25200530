"""Many users, many LoRAs, one model: a queue that mixes LoRA sets in a batch, and its HTTP API."""
