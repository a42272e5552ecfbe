"""Words about actions: prompts from class names and descriptions. No torch here."""
