"""The layout files of a source folder: which one counts for a recording, checked to be the one that was stamped."""

from functools import cached_property
from pathlib import Path, PurePosixPath

from pipeline.core import stamp
from pipeline.core.errors import DataError
from pipeline.core.hashing import known_digest
from pipeline.formats import segments, skeleton_arrays, skeleton_layout


class Layouts:
    """What `layout.yaml` files say of a dataset's skeletons: an array means nothing without them."""

    def __init__(self, dataset: str, folder: Path) -> None:
        self._dataset, self._folder = dataset, folder

    def digest(self, modality: str, path: str) -> str | None:
        """The digest of the layout of a recording, by its path in the folder; None where no layout counts.

        Raises DataError where the layout is not the one that was scanned.
        """
        file = self._folder / segments.file_of(path)
        if modality != "skeleton" or file.suffix.lower() not in skeleton_arrays.ENDINGS:
            return None
        layout = skeleton_layout.file_of(file)
        if layout is None:
            return None
        found = known_digest(layout)
        if found not in [self._stamped.get(layout)]:
            raise DataError(
                f"{layout}: the layout was added or changed since the folder was scanned; run "
                f"`unseen raw scan {self._dataset}`, then `dvc repro`"
            )
        return found

    @cached_property
    def _stamped(self) -> dict[Path, str]:
        """By layout file: its digest."""
        root = self._folder.absolute()
        files = [file for file in stamp.read(self._folder) if PurePosixPath(file.path).name == skeleton_layout.FILE]
        return {root / file.path: file.content_hash for file in files}
