"""Where a row of the bind stage keeps what it leaves, below features/bind/<row>.

    <sense>/<split>-<seed>.safetensors   the trained encoder of a sense (training.bound)
    <sense>.zarr                         its vectors, in the format of extract: groups `<split>-<seed>`, array `pooled`
    hub.zarr                             the vectors of the clips that senses were bound to
    fused-<name>.zarr                    of the clips that several senses have: their unit vectors end to end

Stores hold the clips that the row's split table names, of every role, as far as the sense has recorded them.
The vectors of all stores have the hub's size and length 1 (those of `fused` are as long as all their parts together).
Attributes of a store: `dataset`, `split_table`, `modality` (of `fused` those it joins, with `+` between), `encoder`,
`recipe`, `senses` (of `fused` those it joins, else one); of a group: `split`, `seed`, `training_classes` (whose labels
or texts any weight was taught), `training_clips` (what names the clips whose labels these were, as core.roles has it),
`paired_classes` (of clips that were bound, of another dataset by their names), `pairs` (fit | fit_and_val | all),
`weights_hash` (the hub's, beside which class texts lie; of a hub that learned: before it did), `pretrained`.
"""

from pathlib import Path

HUB = "hub"


def weights(row: Path, sense: str, split: str, seed: int) -> Path:
    """The trained encoder of a sense."""
    return row / sense / f"{split}-{seed}.safetensors"


def vectors(row: Path, sense: str) -> Path:
    """The store of a sense's vectors, or of the hub's."""
    return row / f"{sense}.zarr"


def fused(row: Path, name: str) -> Path:
    """The store of several senses' vectors end to end."""
    return row / f"fused-{name}.zarr"
