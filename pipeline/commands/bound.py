"""Shared by the commands over bound encoders: open a row, embed files, and report the files that failed."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from pipeline.core.errors import DataError, UnseenError
from pipeline.core.progress import say, track
from pipeline.models.methods.shared import Array
from pipeline.recognition import Recogniser, rows

Failures = list[tuple[Path, UnseenError]]


def opened(bound: Path | None, split: str | None, seed: int | None) -> Recogniser:
    """The recogniser of the row in a folder, by default of the only row."""
    return Recogniser.load(bound or rows.only_row(), split, seed)


def provenance(recogniser: Recogniser, sense: str) -> dict[str, object]:
    """The weights behind an answer, as JSON values."""
    encoder, row = recogniser.sense(sense), recogniser.row
    training = {"bound": row.folder.name, "split": row.split, "seed": row.seed}
    return {**training, "sense": encoder.name, "modality": encoder.modality, "weights_hash": encoder.weights_hash}


def answered(
    recogniser: Recogniser, paths: Sequence[Path], sense: str, failures: Failures
) -> Iterator[tuple[Path, Array]]:
    """Each clip in the files and folders with its vector; `failures` collects why others have none."""
    clips = recogniser.clips(paths, sense)
    for path, answer in track(recogniser.iter_vectors(clips, sense), total=len(clips), what="clips"):
        if isinstance(answer, UnseenError):
            if len(clips) == 1:
                raise answer
            failures.append((path, answer))
        else:
            yield path, answer


def check(failures: Failures) -> None:
    """Print why clips have no answer, one line each. Raises DataError if there are any."""
    for _, error in failures:
        say(f"no answer: {error}")
    if failures:
        raise DataError(f"clips without an answer: {len(failures)}, see above; mend them or leave them out")
