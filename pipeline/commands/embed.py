"""embed: files of one sense -> their unit vectors as a table, with which weights made them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import msgspec
import pyarrow as pa

from pipeline.commands.bound import Failures, answered, provenance
from pipeline.core import tables
from pipeline.core.errors import DataError
from pipeline.core.schemas import Format
from pipeline.recognition import Recogniser


class VectorRow(msgspec.Struct, frozen=True, gc=False):
    """The vector of a file."""

    file: str  # as it was named
    vector: Annotated[Sequence[float], pa.list_(pa.field("item", pa.float32(), nullable=False))]


VECTORS = Format(
    "vectors",
    version=1,  # meta: the row of bind, its split and seed, the sense and the SHA-256 of its weights
    key=("file",),
    stage="bind",
    row=VectorRow,
)


def check_name(out: Path) -> None:
    """Raise DataError for a name that does not say what is written."""
    if out.suffix != ".parquet":
        raise DataError(f"{out}: vectors are written as parquet; give a name that ends in .parquet")


def embed(recogniser: Recogniser, paths: Sequence[Path], sense: str, *, out: Path, failures: Failures) -> int:
    """Write a row a clip that can be used, in order of names; returns how many. Without any nothing is written."""
    vectors = [
        VectorRow(str(path), vector_D.tolist()) for path, vector_D in answered(recogniser, paths, sense, failures)
    ]
    if vectors:
        tables.write(out, VECTORS, vectors, provenance(recogniser, sense))
    return len(vectors)
