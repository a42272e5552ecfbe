"""Uploads: one line of JSON, then the bytes of each file, into a fresh folder, within bounds of size, number and time.

No name that was sent becomes a path: of a single file its ending is kept, frames are numbered anew in their form, and
the layout of an array keeps the name that its reader looks for.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from pipeline.formats import skeleton_layout
from pipeline.recognition import files
from pipeline.serving import requests
from pipeline.serving.errors import RequestError
from pipeline.serving.requests import Sent

_MAX_HEAD_BYTES = 1 << 20
_FRAME = re.compile(r"(M?Depth|Thermal)-([0-9]{8})\.png")
_CLIP = "clip"
_NEED_LAYOUT = (".npy", ".npz", ".csv")  # and .json may


@dataclass(frozen=True)
class Limits:
    """Of one upload: all its bytes, its files, the seconds that it may take."""

    max_bytes: int
    max_files: int
    seconds: float


@dataclass(frozen=True)
class Upload:
    """A clip as it arrived: its file or folder of frames, what to call it, and the sense it was sent for."""

    sense: str
    path: Path
    shown: str


async def received(chunks: AsyncIterator[bytes], folder: Path, limits: Limits) -> Upload:
    """The clip of a request's body, written below an empty folder. RequestError for one beyond the bounds."""
    try:
        async with asyncio.timeout(limits.seconds):
            return await _received(_Body(chunks), folder, limits)
    except TimeoutError:
        raise RequestError(408, f"the upload took more than {limits.seconds:g} s; give a smaller clip") from None


async def _received(body: "_Body", folder: Path, limits: Limits) -> Upload:
    sent = requests.parsed(Sent, await body.line())
    num_bytes = sum(size for _, size in sent.files)
    if num_bytes > limits.max_bytes:
        raise too_large(limits)
    if len(sent.files) > limits.max_files:
        raise RequestError(413, f"{len(sent.files)} files, at most {limits.max_files} are taken; give a shorter clip")
    paths = _places(sent, folder)
    for path, (name, size) in zip(paths, sent.files, strict=True):
        path.parent.mkdir(exist_ok=True)
        with path.open("xb") as file:
            await body.copy(file, size, name)
    await body.end()
    clip = next(place for place, path in enumerate(paths) if path.name != skeleton_layout.FILE)
    single = paths[clip].parent == folder
    shown = Path(sent.files[clip][0]).name if single else f"{len(paths)} frames"
    return Upload(sent.sense, paths[clip] if single else paths[clip].parent, shown or _CLIP)


def too_large(limits: Limits) -> RequestError:
    """The error for more bytes than are taken."""
    most = f"{limits.max_bytes / 1e6:g} MB"
    return RequestError(413, f"the clip is larger than {most}; give a smaller one, or start with a higher --max-mb")


def with_layout() -> list[str]:
    """The endings of files that may have a layout.yaml beside them."""
    return [*_NEED_LAYOUT, ".json"]


def endings() -> list[str]:
    """The endings that a single file may have, in the order of the senses."""
    return list(dict.fromkeys(ending for forms in files.FORMS.values() for ending in forms.files))


def _places(sent: Sent, folder: Path) -> list[Path]:
    """Where each file is written: `clip.<ending>`, with its layout, or a folder `clip` of frames by form and number."""
    names = [name for name, _ in sent.files]
    frames = [_FRAME.fullmatch(name) for name in names]
    if all(frames):
        places = [folder / _CLIP / f"{frame[1]}-{int(frame[2]):08d}.png" for frame in frames if frame]
        if len(set(places)) < len(places):
            raise RequestError(400, "a frame was sent twice; send the frames of one clip")
        return places
    if len(names) == 2 and names.count(skeleton_layout.FILE) == 1:
        layout = folder / skeleton_layout.FILE
        return [layout if name == layout.name else _single(name, folder, with_layout()) for name in names]
    if len(names) > 1:
        other = next(name for name, frame in zip(names, frames, strict=True) if not frame)
        raise RequestError(
            400,
            f"'{other}': of several files each is a frame, Depth-00000001.png or Thermal-00000001.png and so on; an "
            f"array comes with its {skeleton_layout.FILE} alone",
        )
    place = _single(names[0], folder, endings())
    if place.suffix in _NEED_LAYOUT:
        layout = skeleton_layout.FILE
        raise RequestError(400, f"'{names[0]}': an array of joints; give its {layout} with it (docs/formats.md)")
    return [place]


def _single(name: str, folder: Path, taken: Sequence[str]) -> Path:
    ending = Path(name).suffix.lower()
    if ending not in taken:
        beside = f" beside {skeleton_layout.FILE}" if taken == with_layout() else ""
        raise RequestError(400, f"'{name}': a clip{beside} ends in {', '.join(taken)}, or is several PNG frames")
    return folder / f"{_CLIP}{ending}"


class _Body:
    """A request's body, read piece by piece."""

    def __init__(self, chunks: AsyncIterator[bytes]) -> None:
        self._chunks = chunks
        self._held = b""

    async def _more(self) -> bool:
        """Hold at least one byte more; False at the end."""
        async for chunk in self._chunks:
            if chunk:
                self._held += chunk
                return True
        return False

    async def line(self) -> bytes:
        while b"\n" not in self._held:
            if len(self._held) > _MAX_HEAD_BYTES:
                raise RequestError(413, f"the head of an upload has at most {_MAX_HEAD_BYTES} bytes")
            if not await self._more():
                raise RequestError(400, "the upload has no files; send a line of JSON, then their bytes")
        head, _, self._held = self._held.partition(b"\n")
        return head

    async def copy(self, file: BinaryIO, size: int, name: str) -> None:
        while size:
            if not self._held and not await self._more():
                raise RequestError(400, f"'{name}': {size} bytes are missing; send it again")
            part, self._held = self._held[:size], self._held[size:]
            file.write(part)
            size -= len(part)

    async def end(self) -> None:
        if self._held or await self._more():
            raise RequestError(400, "the upload has more bytes than its files; send it again")
