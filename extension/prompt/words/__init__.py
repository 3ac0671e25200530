"""What the words of a prompt mean to the webui: AND, schedules, emphasis, chunks. No torch."""
