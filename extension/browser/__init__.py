"""The LoRA tab: its mount in a gradio page, its routes, and the modules the page loads."""
