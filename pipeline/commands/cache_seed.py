"""cache seed: stores that were pulled -> the side cache, so that one new clip costs one clip on a fresh machine too."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pipeline.commands import profile
from pipeline.commands.plan_state import State
from pipeline.core import dag, params, prepared, stamp
from pipeline.core.array_cache import ArrayCache
from pipeline.core.dag import Instance
from pipeline.core.errors import DataError, UnseenError
from pipeline.core.prepared import ClipArrays
from pipeline.core.profile_rules import Tree
from pipeline.core.sampling import num_nonempty_frames
from pipeline.formats import skeleton_layout
from pipeline.sources import decoding
from pipeline.sources.decoding import Row, Source
from pipeline.steps import preprocess

_INGESTED, _PREPARED = "data/ingest/", "features/preprocess/"


def seed(root: Path) -> Iterator[str]:
    """Put the clips of every store of preprocess and extract into the side cache, and say of each what came of it.

    A store that is not there, or that is not what the present code makes of the present settings and inputs, gives
    nothing, and a line says why.
    """
    tree = params.read(root / params.PARAMS_FILE)
    instances = dag.instances(root / "dvc.yaml", tree)
    lock = root / "dvc.lock"
    state = State(instances, tree, (profile.read_lock(lock).get("stages") or {}) if lock.is_file() else {}, root)
    for instance in instances:
        if instance.stage in _SEEDS and instance.key:
            try:
                _check(instance, state, root)
                num_seeded, num_known = _SEEDS[instance.stage](instance, tree, root)
                yield f"{instance.name}: {num_seeded} entries seeded, {num_known} were there"
            except UnseenError as error:
                yield f"{instance.name}: not seeded: {error}"


def _check(instance: Instance, state: State, root: Path) -> None:
    """Raise DataError unless the store of an instance is what the present code makes of what is here."""
    (path,) = instance.outs
    if not (root / path).exists():
        raise DataError(f"{path} is not there; `dvc pull {path}` brings it, if somebody has pushed it")
    differing = state.differing(instance)
    if differing is None:
        raise DataError(
            f"dvc.lock does not say that {path} is of the present code, settings and data; run "
            f"`dvc repro {instance.name}`"
        )
    if differing:
        raise DataError(f"{differing[0]} is not what dvc.lock says; run `dvc pull {differing[0]}`")


def _decoded(instance: Instance, tree: Tree, root: Path) -> tuple[int, int]:
    """Seed a row of preprocess; returns how many clips the cache got and had."""
    row = params.parse(Row, tree["preprocess"]["rows"][instance.key], f"preprocess.rows.{instance.key}")
    source, cached = root / row.source, ArrayCache(root / preprocess.SAMPLES)
    for file in stamp.read(source):
        if Path(file.path).name == skeleton_layout.FILE and not (source / file.path).is_file():
            raise DataError(f"{source / file.path}: not there, and what its recordings mean is part of their keys")
    sources = preprocess.accepted(root / _read(instance, _INGESTED), row, source)
    missing = [clip for clip in sources if clip.key not in cached]
    _fill(cached, _Entries(root / instance.outs[0], row), missing)
    return len(missing), len(sources) - len(missing)


def _encoded(instance: Instance, tree: Tree, root: Path) -> tuple[int, int]:
    """Seed a row of extract; returns how many arrays the cache got and had."""
    from pipeline.steps import extract  # torch, for those alone who have such a store
    from pipeline.training.encoding import Batches

    row = params.parse(extract.Row, tree["extract"]["rows"][instance.key], f"extract.rows.{instance.key}")
    counts = extract.seed(
        row,
        params.parse(Batches, tree["extract"]["batches"], "extract.batches"),
        arrays=root / _read(instance, _PREPARED),
        weights=root / row.weights,
        features=root / instance.outs[0],
        cache=root / extract.ENCODED,
    )
    return counts["seeded"], counts["known"]


def _read(instance: Instance, folder: str) -> str:
    """What an instance reads of a folder of artefacts."""
    return next(dep for dep in instance.deps if dep.startswith(folder))


class _Entries:
    """What decoding has made of the clips of a store."""

    def __init__(self, path: Path, row: Row) -> None:
        self._clips = ClipArrays(path)
        attrs = self._clips.store.attrs
        self._layout = str(attrs["layout"])
        self._reasons = dict(attrs["rejected"])
        self._places = {clip_id: place for place, clip_id in enumerate(self._clips.ids)}
        self._boxes = prepared.read_boxes(self._clips.store, prepared.GROUP) if row.boxes else None

    def __getitem__(self, clip_id: str) -> tuple[dict[str, object], npt.NDArray[np.float32]]:
        """Header and array, as `decoding.decoded` gives them."""
        if clip_id in self._reasons:
            return {"reason": self._reasons[clip_id]}, np.zeros(0, np.float32)
        if clip_id not in self._places:
            raise DataError(f"{self._clips.store.path}: {clip_id} is missing")
        place = self._places[clip_id]
        (x_CT,) = self._clips[[place]]
        header: dict[str, object] = {"layout": self._layout, "num_nonempty_frames": num_nonempty_frames(x_CT)}
        if self._boxes is not None:
            header["boxes"] = decoding.box_rows(self._boxes[place])
        return header, x_CT


def _fill(cached: ArrayCache, entries: _Entries, clips: list[Source]) -> None:
    """A pack for as many clips as one that decoding writes."""
    for start in range(0, len(clips), preprocess.BLOCK_CLIPS):
        with cached.writing() as pack:
            for clip in clips[start : start + preprocess.BLOCK_CLIPS]:
                pack.keep(clip.key, *entries[clip.clip.clip_id])


_SEEDS = {"preprocess": _decoded, "extract": _encoded}
