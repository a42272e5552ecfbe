"""One training loop for every network, and what the trained ones give.

`lessons` says who may be learnt from, `loop` trains (its steps are those of `models.learning`), `engines`, `ranks` and
`launch` see to GPUs and several processes, `unfinished` lets a killed training go on, `determinism` makes runs repeat,
`checkpoint` keeps weights, `encoding` runs frozen encoders over clips.
"""
