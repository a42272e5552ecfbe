"""One training loop for every network, and what the trained ones give.

`lessons` says who may be learnt from, `loop` trains, `determinism` makes runs repeat, `checkpoint` keeps weights,
`encoding` runs frozen encoders over clips, `heldout` any over the pictures and texts that were held out.
"""
