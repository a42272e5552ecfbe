"""Completes the side cache for all encoders of a row: in one run of the engine, which may have to wait for workers.

Clips that the cache has are encoded along, to see that its vectors and those of the workers agree to the last bit.
"""

# Shapes: N clips.
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import overload

import numpy as np
import numpy.typing as npt

from pipeline.compute import shared as compute_engines
from pipeline.compute.shared import Compute
from pipeline.core.array_cache import ArrayCache
from pipeline.core.progress import say, track
from pipeline.training import encoded
from pipeline.training.encoded import Block, EncodedClips, Lacks, Witness
from pipeline.training.encoding import Batches


def complete(
    several: Mapping[str, EncodedClips], cached: ArrayCache, batches: Batches, compute: Compute, what: str
) -> int:
    """Compute what the cache lacks of some encoders; returns how often one had to be run on a clip.

    Each block of clips has one that the cache knows, where there is any: if its vector differs by a bit, as that of
    another processor may, what the cache had of that encoder is computed as well.
    """
    asked = {name: _Asked(vectors, vectors.lacks()) for name, vectors in several.items()}
    foreign = _run(asked, cached, batches, compute, what)
    for name in foreign:
        say(
            f"{what}: {name}: the cache {cached.folder} holds vectors that differ from this machine's in the last "
            "bits; they are computed again"
        )
    for name in _run({name: asked[name].others() for name in foreign}, cached, batches, compute, what):
        say(
            f"{what}: {name}: the workers differ from each other in the last bits, as other kinds of processor do; for "
            f"vectors of one kind, choose workers of one kind, remove {cached.folder} and run the stage again"
        )
    return sum(len(one.vectors) if name in foreign else one.num_clips for name, one in asked.items())


@dataclass(frozen=True)
class _Asked:
    """What is to be computed by an encoder."""

    vectors: EncodedClips
    lacks_N: Lacks

    @property
    def num_clips(self) -> int:
        """How many clips are to be encoded."""
        return int(np.count_nonzero(self.lacks_N))

    def others(self) -> "_Asked":
        """All but this."""
        return _Asked(self.vectors, self.lacks_N ^ np.uint8(self.vectors.every))

    def witnesses(self) -> list[Witness]:
        """A few clips whose vectors the cache has and that are not to be computed."""
        return self.vectors.witnesses(np.flatnonzero(self.lacks_N & self.vectors.bit("pooled") == 0))


def _run(asked: Mapping[str, _Asked], cached: ArrayCache, batches: Batches, compute: Compute, what: str) -> list[str]:
    """Encode clips into the cache; returns the encoders of which a vector of the cache was not met to the bit."""
    blocks = _Blocks(asked, batches, compute)
    if not blocks:
        return []
    differ = set()
    running = compute_engines.run(compute, encoded.encode, blocks)
    for number, agrees in enumerate(track(running, total=len(blocks), what=f"{what}: blocks of clips")):
        if not agrees:
            differ.add(blocks.encoder_of(number))
    cached.refresh()
    return [name for name in asked if name in differ]


@dataclass(frozen=True)
class _Part:
    """The clips of an encoder which all lack the same arrays: `size` of them in a block."""

    name: str
    asked: _Asked
    bits: int
    size: int
    witnesses: Sequence[Witness]

    def rows(self) -> npt.NDArray[np.intp]:
        """Which clips they are."""
        return np.flatnonzero(self.asked.lacks_N == self.bits)


class _Blocks(Sequence[Block]):
    """The tasks of a run, by encoder, so that a worker seldom loads another one.

    Whole batches, a few at a time and no more than all workers have to do. Each task is made when it is asked for: it
    holds a key of every array, and all keys of all clips and encoders would fill memory.
    """

    def __init__(self, asked: Mapping[str, _Asked], batches: Batches, compute: Compute) -> None:
        self._parts: list[_Part] = []
        nums_blocks: list[int] = []
        for name, one in asked.items():
            witnesses = one.witnesses() if one.num_clips else []
            bits, nums_clips = np.unique(one.lacks_N[one.lacks_N > 0], return_counts=True)
            for some, num_clips in zip(bits.tolist(), nums_clips.tolist(), strict=True):
                num_batches = -(-num_clips // batches.batch_size)
                size = min(encoded.BLOCK_READS, -(-num_batches // compute.num_workers)) * batches.batch_size
                self._parts.append(_Part(name, one, some, size, witnesses))
                nums_blocks.append(-(-num_clips // size))
        self._ends = list(accumulate(nums_blocks))
        self._last: tuple[int, npt.NDArray[np.intp]] | None = None  # the rows of the part that was asked for last

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    @overload
    def __getitem__(self, number: int) -> Block: ...

    @overload
    def __getitem__(self, number: slice) -> list[Block]: ...

    def __getitem__(self, number: int | slice) -> Block | list[Block]:
        if isinstance(number, slice):
            return [self[one] for one in range(len(self))[number]]
        number = range(len(self))[number]
        at = self._part_of(number)
        if self._last is None or self._last[0] != at:
            self._last = at, self._parts[at].rows()
        part, number_in_part = self._parts[at], number - (self._ends[at - 1] if at else 0)
        rows = self._last[1][number_in_part * part.size :][: part.size].tolist()
        witness = part.witnesses[number % len(part.witnesses)] if part.witnesses else None
        return part.asked.vectors.block(part.bits, rows, witness)

    def encoder_of(self, number: int) -> str:
        """The name of the encoder of a block."""
        return self._parts[self._part_of(number)].name

    def _part_of(self, number: int) -> int:
        return bisect_right(self._ends, number)
