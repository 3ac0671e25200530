"""One generation: prompts, tags, networks, plan, run, report."""
