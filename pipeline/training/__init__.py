"""One training loop for every network: `loop` trains, `determinism` makes runs repeat, `checkpoint` keeps weights."""
