"""A small stand-in for published vectors of clips: every class a cloud around its own direction, in SynSE's files."""

# Shapes: N clips, K classes, D feature size.
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from pipeline.core.params import Params
from pipeline.core.seeds import generator
from pipeline.formats import synse


class Folder(Params):
    """The folder of one split, and its unseen classes."""

    name: str = Field(pattern=r"^\w+$")
    unseen: list[int] = Field(min_length=1)


class VectorsWorld(Params):
    """Vectors of as many clips of each class for training as for testing."""

    kind: Literal["vectors"]
    seed: int
    classes: int = Field(ge=2)
    clips: int = Field(ge=1)  # of each class, for training and once more for testing
    dim: int = Field(ge=1)
    folders: list[Folder] = Field(min_length=1)


def write_vectors(world: VectorsWorld, folder: Path) -> None:
    """Write the arrays of every split below a folder."""
    for split in world.folders:
        random = generator(world.seed, "vectors", split.name)
        centres_KD = random.normal(size=(world.classes, world.dim))
        seen = sorted(set(range(world.classes)) - set(split.unseen))
        train, unseen, rest = (_clips(world, centres_KD, ids, random) for ids in (seen, split.unseen, seen))
        everyone = np.concatenate([unseen[0], rest[0]]), np.concatenate([unseen[1], rest[1]])
        (folder / split.name).mkdir()
        synse.write(folder / split.name, synse.TRAIN, *train)
        synse.write(folder / split.name, synse.UNSEEN_TEST, *unseen)
        synse.write(folder / split.name, synse.ALL_TEST, *everyone)


def _clips(
    world: VectorsWorld, centres_KD: npt.NDArray[np.float64], class_ids: Sequence[int], random: np.random.Generator
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    class_ids_N = np.repeat(np.array(class_ids, np.int64), world.clips)
    noise_ND = 0.3 * random.normal(size=(len(class_ids_N), world.dim))
    return (centres_KD[class_ids_N] + noise_ND).astype(np.float32), class_ids_N
