"""Complete params files by name; `unseen profile use NAME` makes one of them the params.yaml of a checkout."""
