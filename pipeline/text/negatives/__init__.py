"""Rules that make a caption false by one edit, one file each; the file's name is the rule's name.

A rule is a pure function `propose(scene, rng)` that yields edits in random order. `negate` takes the first ones that
are false of the graph, and counts why it drops others.
"""
