"""The LoRA files on disk: found, named, described. No torch and no gradio."""
