"""What a frozen encoder gives for clips, from the side cache or computed: a block of clips at a time, in any process.

An entry is named by all that decides it: the clip's array, the weights, the code, the libraries and the number of
threads. Each clip is encoded alone, so that no other changes its bytes (`encoding.outputs`). So a new clip costs its
own encoding, a killed run goes on where it stopped, and warm and cold runs write the same bytes.
"""

# Shapes: N clips, C channels, T frames, D feature size, K variants or boxes.
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from itertools import chain, islice
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pipeline.core.array_cache import ArrayCache, Pack
from pipeline.core.boxes import Boxes
from pipeline.core.closure import Code
from pipeline.core.errors import DataError, ParamsError
from pipeline.core.hashing import array_digest, value_digest
from pipeline.core.prepared import ClipArrays
from pipeline.models.encoder import Encoder, PictureEncoder
from pipeline.training import encoding, frozen
from pipeline.training.encoding import Batches, IsEmpty, Masked
from pipeline.training.frozen import EncoderRequest, FrozenEncoder

Array = npt.NDArray[np.float32]
Lacks = npt.NDArray[np.uint8]  # (N,): which arrays each clip lacks, a bit for each of the names that are wanted
Witness = tuple[int, str]  # a clip that the cache has: its row, and the digest of its vector

CODE = ("pipeline.training.encoding", "pipeline.training.frozen")  # that, beside an encoder's own, decides vectors
BLOCK_READS = 16  # of `batch_size` clips each: a task, which is what a kill costs at most
_CANDIDATES = 8
_LIBRARIES = ("torch", "numpy", "open_clip_torch")  # whose versions may change the last bits


class LostError(DataError):
    """An entry of the cache was there and is not, or is damaged."""


@dataclass(frozen=True)
class Wanted:
    """What is kept of each clip beside `pooled`."""

    tokens: bool
    masked: Masked | None
    regions: bool

    @property
    def names(self) -> tuple[str, ...]:
        """The arrays of a group."""
        beside = {"tokens": self.tokens, "masked": self.masked is not None, "regions": self.regions}
        return ("pooled", *(name for name, is_wanted in beside.items() if is_wanted))


@dataclass(frozen=True)
class Source:
    """An encoder as a fresh process can load it."""

    request: EncoderRequest
    weights: Path
    layout: str
    group: str
    weights_hash: str


@dataclass(frozen=True)
class Block:
    """One task: clips, by their rows, and the keys of the arrays that each lacks, by name; all lack the same."""

    source: Source
    arrays: Path
    wanted: Wanted
    boxes: Mapping[int, Boxes]
    batches: Batches
    cache: Path
    keys: Mapping[int, Mapping[str, str]]
    witness: Witness | None  # encoded along


@dataclass(frozen=True)
class Clips:
    """Prepared clips, with a digest (N, 64 hexadecimal digits) and the boxes of each."""

    arrays: ClipArrays
    digest_N: npt.NDArray[np.str_]
    boxes: Sequence[Boxes]  # none where no regions are wanted


def read(arrays: ClipArrays, boxes: Sequence[Boxes], is_empty: IsEmpty, batches: Batches) -> Clips:
    """All clips, read once. Raises DataError, naming the clip, if one is empty."""
    digest_N = np.empty(len(arrays), "S64")
    for rows in encoding.in_turn(arrays, batches):
        x_NCT = arrays[rows]
        encoding.refuse_empty_batch(is_empty, arrays.ids[rows], x_NCT)
        digest_N[rows] = [array_digest(x_CT) for x_CT in x_NCT]
    return Clips(arrays, digest_N, boxes)


class EncodedClips:
    """What one encoder gives for clips.

    `is_checked`: arrays are read to see whether the cache has them; else its list of keys says so.
    """

    def __init__(
        self,
        clips: Clips,
        source: Source,
        wanted: Wanted,
        batches: Batches,
        cached: ArrayCache,
        *,
        is_checked: bool,
    ) -> None:
        self._clips, self._source, self._wanted, self._batches = clips, source, wanted, batches
        self._cached, self._is_checked = cached, is_checked
        decided_by = {
            "encoder": [source.request.modality, source.request.encoder, source.request.options],
            "layout": source.layout,
            "weights": source.weights_hash,
            "code": _code(source.request.modality, source.request.encoder),
            "libraries": {name: version(name) for name in _LIBRARIES},
            "num_threads": batches.num_threads,
            "device": "cpu",
        }
        self._decided_by = value_digest(decided_by)

    def key(self, row: int, name: str) -> str:
        """The cache key of an array of a clip: a digest of all that decides it."""
        clips, masked = self._clips, self._wanted.masked
        told: dict[str, object] = {"encoder": self._decided_by, "name": name, "clip": clips.digest_N[row].decode()}
        if name == "masked" and masked is not None:
            told |= {"masked": masked.model_dump(), "clip_id": clips.arrays.ids[row]}
        if name == "regions":
            some = clips.boxes[row]
            told["boxes"] = [array_digest(some.frame_K), array_digest(some.corners_K4)]
        return value_digest(told)

    def __len__(self) -> int:
        """How many clips there are."""
        return len(self._clips.arrays)

    def lacks(self) -> Lacks:
        """What the cache has not of each clip."""
        bits = [(name, self.bit(name)) for name in self._wanted.names]
        lacks = (sum(bit for name, bit in bits if not self._has(self.key(row, name))) for row in range(len(self)))
        return np.fromiter(lacks, np.uint8, len(self))

    def bit(self, name: str) -> int:
        """Which bit of what clips lack stands for an array."""
        return 1 << self._wanted.names.index(name)

    @property
    def every(self) -> int:
        """The bits of all arrays."""
        return (1 << len(self._wanted.names)) - 1

    def witnesses(self, rows: npt.NDArray[np.intp]) -> list[Witness]:
        """A few of some clips whose vectors the cache has."""
        found = ((row, self._cached.load(self.key(row, "pooled"))) for row in _spread(rows))
        return [(row, array_digest(entry[1])) for row, entry in found if entry is not None]

    def block(self, bits: int, rows: list[int], witness: Witness | None) -> Block:
        """A task: clips which all lack the same arrays."""
        clips, names = self._clips, [name for name in self._wanted.names if bits & self.bit(name)]
        return Block(
            self._source,
            clips.arrays.store.path,
            self._wanted,
            {row: clips.boxes[row] for row in rows} if "regions" in names else {},
            self._batches,
            self._cached.folder,
            {row: {name: self.key(row, name) for name in names} for row in rows},
            witness,
        )

    def rows(self, name: str) -> Iterator[Array]:
        """An array of each clip, in the order of the clips, one in memory at a time. Raises LostError."""
        for row, clip_id in enumerate(self._clips.arrays.ids):
            entry = self._cached.load(self.key(row, name))
            if entry is None:
                folder = self._cached.folder
                raise LostError(f"{folder}: what was encoded of {clip_id} is gone or damaged; run the stage again")
            yield entry[1]

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape of an array of the first clip."""
        return next(self.rows(name)).shape

    def take(self, name: str, arrays: Iterable[Array]) -> int:
        """Keep an array of each clip, in their order, that was computed before; returns how many the cache lacked."""
        lacking = ((key, array) for row, array in enumerate(arrays) if (key := self.key(row, name)) not in self._cached)
        num_kept = 0
        while some := list(islice(lacking, self._batches.batch_size)):
            with self._cached.writing() as pack:
                for key, array in chain(some, islice(lacking, (BLOCK_READS - 1) * self._batches.batch_size)):
                    pack.keep(key, {}, array)
                    num_kept += 1
        return num_kept

    def agrees(self, pooled: Callable[[int], Array]) -> bool:
        """Whether a few clips, encoded here and now, have the very bytes of vectors that were computed before."""
        encoder = _loaded(self._source)
        read = _read_rows(self._clips.arrays, _spread(np.arange(len(self))), self._batches)
        with encoding.frozen(self._batches):
            found = encoding.outputs(lambda x_NCT: (encoder(x_NCT),), read)
            return all(pooled_D.numpy().tobytes() == pooled(row).tobytes() for row, (pooled_D,) in found)

    def _has(self, key: str) -> bool:
        return self._cached.load(key) is not None if self._is_checked else key in self._cached


def encode(block: Block) -> bool:
    """Put what the clips of a block lack into the cache; returns False if a vector there differs from what is computed.

    Raises ParamsError for what the encoder cannot give.
    """
    work = _Work(block)
    with encoding.frozen(block.batches), ArrayCache(block.cache).writing() as pack:
        agrees = work.forward(pack)
        if "masked" in work.names:
            work.masked(pack)
        if "regions" in work.names:
            work.regions(pack)
    return agrees


class _Work:
    """A block at work."""

    def __init__(self, block: Block) -> None:
        self._block, self._clips = block, ClipArrays(block.arrays)
        self._rows = list(block.keys)
        self.names = tuple(block.keys[self._rows[0]])
        self._encoder = _loaded(block.source)
        self._check()

    def _check(self) -> None:
        """Say what the encoder cannot give before it is run."""
        request, masked, parts = self._block.source.request, self._block.wanted.masked, self._encoder.parts
        if masked is not None and masked.part not in parts:
            raise ParamsError(
                f"{request.where}: masked: {request.encoder} knows no '{masked.part}' to hide, only {sorted(parts)}"
            )
        if self._block.wanted.regions and not isinstance(self._encoder, PictureEncoder):
            raise ParamsError(f"{request.where}: regions: {request.encoder} keeps no map of places; set it to false")

    def forward(self, pack: Pack) -> bool:
        """Vectors and tokens; returns False if the vector of a clip that is encoded along is not that of the cache."""
        encoder, agrees = self._encoder, True
        names = [name for name in ("pooled", "tokens") if name in self.names]
        compute = encoder.with_tokens if "tokens" in names else lambda x_NCT: (encoder(x_NCT),)
        rows = self._rows if names else []
        witness = self._block.witness
        asked = ((row, False) for row in rows)
        along = [] if witness is None else [(witness[0], True)]
        read = _read_rows(self._clips, [row for row, _ in along] + rows, self._block.batches)
        items = (((row, is_along), x_CT) for (row, is_along), (_, x_CT) in zip([*along, *asked], read, strict=True))
        for (row, is_along), found in encoding.outputs(compute, items):
            if is_along and witness is not None:
                agrees = array_digest(found[0].numpy()) == witness[1]
                continue
            for name, vectors in zip(("pooled", "tokens"), found, strict=False):
                if name in names:
                    self._keep(pack, row, name, vectors.numpy())
        return agrees

    def masked(self, pack: Pack) -> None:
        """Vectors of variants."""
        masked = self._block.wanted.masked
        assert masked is not None
        encoder, axis = self._encoder, self._encoder.parts[masked.part] - 1
        for row, x_CTVM in _read_rows(self._clips, self._rows, self._block.batches):
            hidden = enumerate(encoding.variants(x_CTVM, self._clips.ids[row], axis, masked))
            found = encoding.outputs(lambda x_NCT: (encoder(x_NCT),), hidden)
            self._keep(pack, row, "masked", np.stack([pooled_D.numpy() for _, (pooled_D,) in found]))

    def regions(self, pack: Pack) -> None:
        """Vectors of boxes."""
        encoder = self._encoder
        assert isinstance(encoder, PictureEncoder)
        frames, height, width = self._clips[:1].shape[2:]
        items = _read_rows(self._clips, self._rows, self._block.batches)
        for row, (places_DSGP,) in encoding.outputs(lambda x_NCT: (encoder.places(x_NCT),), items):
            boxes = self._block.boxes[row]
            region_KD = encoding.region_means(encoder, places_DSGP, boxes, (frames, height, width))
            self._keep(pack, row, "regions", region_KD)

    def _keep(self, pack: Pack, row: int, name: str, array: Array) -> None:
        pack.keep(self._block.keys[row][name], {}, array)


def remember(source: Source, encoder: FrozenEncoder) -> None:
    """Keep an encoder for the blocks that this process encodes, in place of the one before."""
    _LAST[:] = [(source, encoder)]


_LAST: list[tuple[Source, FrozenEncoder]] = []


def _loaded(source: Source) -> Encoder:
    """The encoder of a source. Raises DataError if its weights have changed since the keys were made."""
    if not _LAST or _LAST[0][0] != source:
        load = frozen.encoders(source.request, source.weights, source.layout).get(source.group)
        if load is not None:
            remember(source, load())
    if not _LAST or _LAST[0][0] != source or _LAST[0][1].weights_hash != source.weights_hash:
        raise DataError(f"{source.weights}: changed while clips were encoded; run the stage again")
    return _LAST[0][1].encoder


def _read_rows(clips: ClipArrays, rows: list[int], batches: Batches) -> Iterator[tuple[int, Array]]:
    """Clips by their rows, `batch_size` of them read at a time."""
    for start in range(0, len(rows), batches.batch_size):
        some = rows[start : start + batches.batch_size]
        yield from zip(some, clips[some], strict=True)


def _spread(rows: npt.NDArray[np.intp]) -> list[int]:
    """A few of some rows, far from each other."""
    some: list[int] = rows[:: max(1, -(-len(rows) // _CANDIDATES))].tolist()
    return some


@cache
def _code(modality: str, encoder: str) -> str:
    """Digest of the code between a prepared clip and its vectors; of this file alone, for it also uses the cache."""
    code = Code()
    return value_digest([code.digest(*CODE, f"pipeline.modalities.{modality}.{encoder}"), code.own(__name__)])
