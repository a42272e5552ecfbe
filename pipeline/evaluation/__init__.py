"""Evaluation: metrics with intervals as pure functions, the leak audit, and the rows that a report shows.

`compositional` asks spaces of pictures and texts what is true, `clusters` gives intervals over images, `comparison` the
rows of fine-tuned weights beside their start.

Nothing here knows a method; it sees scores, truths and who was trained on what.
"""
