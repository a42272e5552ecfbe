"""Rules that make a caption false by one edit: one file each, and the file's name is the rule's.

A rule is a pure function `propose(scene, rng)` that yields edits in random order; `negate` takes the first that is
false of the graph and counts why the others are not.
"""
