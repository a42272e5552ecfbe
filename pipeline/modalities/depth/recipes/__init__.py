"""Recipes: one file per way to turn footage into an array, each with `Params`, `prepare` and `view`."""
