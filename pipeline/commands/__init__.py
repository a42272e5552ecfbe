"""What only the `unseen` command does, one file a command; no stage runs it."""
