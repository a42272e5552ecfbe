"""One training loop for every network, and what the trained ones give.

`lessons` says who may be learnt from, `loop` trains (its steps are those of `models.learning`), `engines`, `ranks` and
`launch` see to GPUs and several processes, `unfinished` lets a killed training go on, `determinism` makes runs repeat.
`encoders` trains a classifier, `finetune` a CLIP by the losses of `image_text`, which `probe` asks what it knows.
`encoding` runs frozen encoders over clips, `heldout` any over the pictures and texts that were held out.
`frozen` loads such encoders, `hub` those that senses are bound to; `paired` says which clips are pairs, `binding` is
their loss, `starts` what an encoder begins as, `bound_encoders` trains one and `bound_vectors` keeps what it gives.
"""
