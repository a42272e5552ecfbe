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
from pipeline.core.sampling import num_nonempty_frames
from pipeline.formats import skeleton_layout
from pipeline.sources import decoding
from pipeline.sources.decoding import Row, Source
from pipeline.steps import preprocess

_INGESTED = "data/ingest/"


def seed(root: Path) -> Iterator[str]:
    """Put the clips of every store of preprocess into the side cache, and say of each row what came of it.

    A store that is not there, or that is not what the present code makes of the present settings and inputs, gives
    nothing, and a line says why.
    """
    tree = params.read(root / params.PARAMS_FILE)
    instances = dag.instances(root / "dvc.yaml", tree)
    lock = root / "dvc.lock"
    state = State(instances, tree, (profile.read_lock(lock).get("stages") or {}) if lock.is_file() else {}, root)
    cached = ArrayCache(root / preprocess.SAMPLES)
    for instance in instances:
        if instance.stage == "preprocess" and instance.key:
            try:
                row = params.parse(Row, tree["preprocess"]["rows"][instance.key], f"preprocess.rows.{instance.key}")
                yield f"{instance.name}: {_seed(instance, row, state, cached, root)}"
            except UnseenError as error:
                yield f"{instance.name}: not seeded: {error}"


def _seed(instance: Instance, row: Row, state: State, cached: ArrayCache, root: Path) -> str:
    """Seed a row; what came of it in words. DataError where its store does not say what the cache would hold."""
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
    source = root / row.source
    for file in stamp.read(source):
        if Path(file.path).name == skeleton_layout.FILE and not (source / file.path).is_file():
            raise DataError(f"{source / file.path}: not there, and what its recordings mean is part of their keys")
    clips = next(dep for dep in instance.deps if dep.startswith(_INGESTED))
    sources = preprocess.accepted(root / clips, row, source)
    missing = [clip for clip in sources if clip.key not in cached]
    _fill(cached, _Entries(root / path, row), missing)
    return f"{len(missing)} clips seeded, {len(sources) - len(missing)} were there"


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
