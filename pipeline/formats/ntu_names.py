"""The names of NTU RGB+D's recordings: what a file name says, and the owners' lists of missing skeletons."""

import re
from pathlib import Path

from pipeline.core import outside
from pipeline.core.errors import FormatError

ANY_SETUP = r"\d{3}"

_FILES = {
    "skeleton": r"\.skeleton$",
    "depth": r"/M?Depth-\d{8}\.png$",
    "thermal": r"_ir\.avi$",
    "video": r"_rgb\.(?:avi|mp4)$",
}
_RECORDING = re.compile(r"S\d{3}C\d{3}P\d{3}R\d{3}A\d{3}")
_MAX_LIST_BYTES = 1 << 20
_HEADER_LINES = 3  # the owners' copies explain themselves in three lines, others lost them


def patterns(setup: str, **endings: str) -> dict[str, re.Pattern[str]]:
    """The file names in all modalities, of the setups that a pattern of three digits allows.

    `endings` are patterns, by modality, of how names end otherwise.
    """
    recording = (
        rf"(?:^|/)(?P<recording>S(?P<setup>{setup})C(?P<camera>\d{{3}})P(?P<subject>\d{{3}})"
        r"R(?P<replication>\d{3})A(?P<class>\d{3}))"
    )
    return {modality: re.compile(recording + end) for modality, end in (_FILES | endings).items()}


def read_missing_skeletons(file: Path, num_recordings: int) -> set[str]:
    """The recordings that a list of missing skeletons names; up to three lines of text may stand before them.

    Raises FormatError if another line is no recording, or if there are not exactly `num_recordings`.
    """
    lines = outside.text(file, _MAX_LIST_BYTES, "a list of recordings").splitlines()
    lines = [line.strip() for line in lines if line.strip()]
    header = next((i for i, line in enumerate(lines) if _RECORDING.fullmatch(line)), len(lines))
    recordings = set(lines[header:])
    strange = sorted(line for line in recordings if not _RECORDING.fullmatch(line))
    if header > _HEADER_LINES or strange or len(recordings) != num_recordings:
        fault = f"'{strange[0]}' among them" if strange else f"{len(recordings)} after {header} other lines"
        raise FormatError(
            f"{file}: expected {num_recordings} recordings such as S001C002P005R002A008 after at most "
            f"{_HEADER_LINES} other lines, found {fault}; take the list that the owners of the dataset publish"
        )
    return recordings
