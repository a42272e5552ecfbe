"""One training loop for every network.

`lessons` says who may be learnt from, `loop` trains, `determinism` makes runs repeat, `checkpoint` keeps weights.
"""
