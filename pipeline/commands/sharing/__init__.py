"""Features and weights as things to share: what is there, whether it is sound, and packs of it.

`unseen features` and `unseen weights`; each of their verbs is a file here.
"""
