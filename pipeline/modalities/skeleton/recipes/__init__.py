"""Recipes: one file per way to turn a recording of skeletons into an array, each with `Params` and `prepare`."""
