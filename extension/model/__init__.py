"""What a model's layers are called: canonical names, blocks, and the layers of each base model."""
