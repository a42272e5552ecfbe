"""embed: files of one sense -> their unit vectors as a table, with which weights made them."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from pipeline.commands.bound import Failures, answered, provenance
from pipeline.core import tables
from pipeline.core.errors import DataError
from pipeline.core.schemas import Format
from pipeline.recognition import Recogniser

VECTORS = Format(
    "vectors",
    version=1,  # meta: the row of bind, its split and seed, the sense and the SHA-256 of its weights
    key=("file",),
    stage="bind",
    schema=pa.schema(
        [
            pa.field("file", pa.string(), nullable=False),  # as it was named
            pa.field("vector", pa.list_(pa.field("item", pa.float32(), nullable=False)), nullable=False),
        ]
    ),
)


def check_name(out: Path) -> None:
    """Raise DataError for a name that does not say what is written."""
    if out.suffix != ".parquet":
        raise DataError(f"{out}: vectors are written as parquet; give a name that ends in .parquet")


def embed(recogniser: Recogniser, paths: Sequence[Path], sense: str, *, out: Path, failures: Failures) -> int:
    """Write a row a clip that can be used, in order of names; returns how many. Without any nothing is written."""
    vectors = [
        {"file": str(path), "vector": vector_D.tolist()}
        for path, vector_D in answered(recogniser, paths, sense, failures)
    ]
    if vectors:
        tables.write(out, VECTORS, vectors, provenance(recogniser, sense))
    return len(vectors)
