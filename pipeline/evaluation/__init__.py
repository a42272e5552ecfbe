"""Evaluation: metrics with intervals as pure functions, the leak audit, and the rows that a report shows.

Nothing here knows a method; it sees scores, truths and who was trained on what.
"""
