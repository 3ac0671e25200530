"""Live LoRA: applies LoRA files while the model runs, without merging them."""
