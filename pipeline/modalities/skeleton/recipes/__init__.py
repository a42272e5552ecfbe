"""Recipes: one file per way to turn a recording into an array, each with `Params` and `prepare`."""
