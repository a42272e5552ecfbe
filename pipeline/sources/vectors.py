"""Published vectors without recordings: every row of their arrays is a clip.

Its id is made of split, file and row: "synse_ntu60/synse_5/ztest/000012".
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pipeline.core.errors import DataError
from pipeline.core.schemas import MAX_CLASSES, ClipRow
from pipeline.core.stamp import StampedFile
from pipeline.datasets import shared
from pipeline.datasets.shared import Dataset
from pipeline.formats import synse


def rows(dataset: Dataset, stamped: Sequence[StampedFile], source: Path) -> list[ClipRow]:
    """The clips of every split whose folder is there; a vector that cannot be used is rejected with its reason.

    gtest holds the clips of ztest once more, under other ids; the split stage gives those no role. A test vector that
    also trains is rejected. Raises DataError for a split of which a file is missing, FormatError for unfit arrays.
    """
    paths = {file.path for file in stamped}
    clips: list[ClipRow] = []
    for split, folder in dataset.vectors.items():
        wanted = {f"{folder}/{name}.npy" for name in (*synse.LABELS, *synse.LABELS.values())}
        if missing := sorted(wanted - paths):
            if wanted & paths:
                raise DataError(f"{source}: split '{split}' lacks {missing}; bring them and scan again")
            continue
        clips += _of_split(dataset, split, source / folder)
    if not clips:
        raise DataError(f"{source}: none of the folders {sorted(dataset.vectors.values())} of {dataset.name} is there")
    return clips


def _of_split(dataset: Dataset, split: str, folder: Path) -> list[ClipRow]:
    num_classes = len(shared.classes(dataset.name))
    trained: dict[str, int] = {}  # content hash -> row of the training file
    clips = []
    for name in synse.LABELS:
        part = synse.read(folder, name)
        for number, class_id in enumerate(part.class_ids_N.tolist()):
            vector_D = part.vector(number)
            digest = part.digest(number)
            first = trained.setdefault(digest, number) if name == synse.TRAIN else trained.get(digest)
            reason = _fault(vector_D, class_id, num_classes)
            if reason is None and first is not None and (name, number) != (synse.TRAIN, first):
                reason = f"duplicate content: the same vector as {synse.TRAIN} {first}"
            clips.append(
                ClipRow(
                    clip_id=f"{dataset.name}/{split}/{name}/{number:06d}",
                    modality=next(iter(dataset.patterns)),
                    class_id=class_id if abs(class_id) <= MAX_CLASSES else -1,
                    subject=None,
                    camera=None,
                    setup=None,
                    replication=None,
                    train_lists=None,
                    test_lists=None,
                    path=f"{folder.name}/{name}.npy",
                    num_frames=0,
                    num_bytes=vector_D.nbytes,
                    content_hash=digest,
                    reason=reason,
                )
            )
    return clips


def _fault(vector_D: npt.NDArray[np.float32], class_id: int, num_classes: int) -> str | None:
    """Why a vector cannot be used, or None."""
    if not 0 <= class_id < num_classes:
        return f"unknown class: {class_id} is none of 0 to {num_classes - 1}"
    if broken := int((~np.isfinite(vector_D)).sum()):
        return f"non-finite: {broken} of {len(vector_D)} numbers"
    return None
