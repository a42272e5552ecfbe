"""Groups of weights and of their vectors: `<split>-<seed>`, or `all-<seed>` and `all` where they belong to no split."""

from collections.abc import Collection


def of_run(names: Collection[str], split: str, seed: int) -> str | None:
    """The group for a split and seed: the split's only one, or of several that of the seed; else one for all splits.

    >>> of_run(["s0-0", "s1-0"], "s0", 3)
    's0-0'
    """
    of_split = [name for name in names if name.rpartition("-")[0] == split]
    if len(of_split) == 1:
        return of_split[0]
    wanted = [f"{split}-{seed}"] if of_split else [f"all-{seed}", "all"]
    return next((name for name in wanted if name in names), None)
