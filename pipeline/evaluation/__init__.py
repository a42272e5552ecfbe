"""Evaluation: metrics with intervals as pure functions, the leak audit, and the rows that a report shows.

`metrics` has the figures of one split with intervals over cells of subject and class, `intervals` those over splits and
seeds, `generalised` the figures of seen and unseen classes together, `differences` two methods split by split.
`compositional` asks spaces of pictures and texts what is true, `clusters` gives intervals over images, `comparison` the
rows of fine-tuned weights beside their start.

Nothing here knows a method: it reads scores, true classes and the provenance of weights.
"""
