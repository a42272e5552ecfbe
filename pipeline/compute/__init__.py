"""Engines that run the tasks of a step: `inline`, one after the other, and `processes`, in parallel.

One file an engine, each with `run`; `shared` calls the one that params name. No engine changes the output.
"""
