"""SynSE's features: for every split a folder of NumPy arrays, the vectors of clips and their classes, clips unnamed.

train.npy, train_label.npy   clips of the seen classes, for training
ztest.npy, z_label.npy       test clips of the unseen classes
gtest.npy, g_label.npy       test clips of all classes: those of ztest once more, and those of the seen ones

After Gupta, Sharma, Sarvadevabhatla, "Syntactically guided generative embeddings for zero-shot skeleton action
recognition", ICIP 2021, and the loader of its released code.
"""

# Shapes: N clips, D feature size.
import hashlib
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.core import outside
from pipeline.core.errors import FormatError
from pipeline.formats import npy

TRAIN, UNSEEN_TEST, ALL_TEST = "train", "ztest", "gtest"
LABELS = {TRAIN: "train_label", UNSEEN_TEST: "z_label", ALL_TEST: "g_label"}


@dataclass(frozen=True, eq=False)
class Part:
    """Row i of `vectors_ND`, a read-only view of the file, belongs to `class_ids_N[i]`."""

    vectors_ND: npt.NDArray[Any]
    class_ids_N: npt.NDArray[np.int64]

    def vector(self, row: int) -> npt.NDArray[np.float32]:
        """One clip's vector; a number too large for float32 becomes infinite."""
        with np.errstate(over="ignore"):
            return np.asarray(self.vectors_ND[row], np.float32)

    def digest(self, row: int) -> str:
        """SHA-256 of one clip's vector."""
        return hashlib.sha256(self.vector(row).tobytes()).hexdigest()


def read(folder: Path, part: str) -> Part:
    """One of LABELS, e.g. read(folder, "ztest"). Raises FormatError for arrays of other kinds, shapes or lengths."""
    file, labels = folder / f"{part}.npy", folder / f"{LABELS[part]}.npy"
    vectors_ND, class_ids_N = _mapped(file, "f", ndim=2), _mapped(labels, "iu", ndim=1)
    if len(vectors_ND) != len(class_ids_N):
        raise FormatError(
            f"{file}: {len(vectors_ND)} vectors, but {len(class_ids_N)} labels in {labels.name}; bring both files of "
            "one release"
        )
    if class_ids_N.max() > np.iinfo(np.int64).max:
        raise FormatError(f"{labels}: class {class_ids_N.max()} cannot be; bring the released file")
    return Part(vectors_ND, class_ids_N.astype(np.int64))


def write(folder: Path, part: str, vectors_ND: npt.NDArray[np.float32], class_ids_N: npt.NDArray[np.int64]) -> None:
    """Write one of LABELS as `read` wants it."""
    np.save(folder / f"{part}.npy", vectors_ND, allow_pickle=False)
    np.save(folder / f"{LABELS[part]}.npy", class_ids_N, allow_pickle=False)


def _mapped(file: Path, kinds: str, *, ndim: int) -> npt.NDArray[Any]:
    """An array as a view of its file, which refuses arrays of objects: they would have to be unpickled."""
    outside.check_file(file, "a .npy array")
    try:
        with (
            np.errstate(over="ignore"),
            warnings.catch_warnings(),
        ):  # a size beyond the numbers: the map does not fit it
            warnings.simplefilter("ignore", UserWarning)  # a header as Python 2 wrote it
            array = np.lib.format.open_memmap(file, mode="r")
    except npy.HEADER_ERRORS as error:
        what = " ".join(str(error).split()) or type(error).__name__
        raise FormatError(f"{file}: no readable .npy array ({what}); bring the released file") from None
    if array.ndim != ndim or array.dtype.kind not in kinds or not array.size:
        wanted = "vectors (clips, size) of floats" if ndim == 2 else "class ids (clips) of integers"
        raise FormatError(f"{file}: expected {wanted}, found shape {array.shape}, type {array.dtype}")
    return array
