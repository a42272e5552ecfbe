"""Video files: frames by index in one forward pass of the decoder, and a writer whose bytes repeat.

Frames are counted in decode order from 0, because avi files carry no trustworthy times and container headers miscount
(a header may promise 49 frames where 48 decode). Every file is hostile: broken ones raise FormatError.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from pipeline.core import outside
from pipeline.core.errors import FormatError
from pipeline.core.outputs import whole
from pipeline.formats import segments
from pipeline.formats.film_damage import Tally
from pipeline.formats.shared import Footage, Indices, check_picture, check_same_size

Frames = npt.NDArray[Any]
Pixels = Literal["rgb24", "gray", "gray16le"]

_MAX_PIXELS = 1 << 26  # of one frame: 8192 x 8192; a header that promises more is not believed
# Files that hold their own pictures; a list of other files would be read wherever those lie.
_CONTAINERS = {
    "format_whitelist": "avi,asf,flv,matroska,webm,mov,mp4,m4a,3gp,3g2,mj2,mpeg,mpegts,mpegvideo,m4v,h264,hevc,ogg",
    "protocol_whitelist": "file",
}
# Rate control that looks ahead gives other bytes now and then, even with one thread; a fixed quantiser does not.
_X264 = {
    "preset": "veryfast",
    "qp": "20",
    "x264-params": "threads=1:sliced-threads=0:sync-lookahead=0:rc-lookahead=0:mbtree=0",
}
_MIN_FRAMES = 2  # one picture is not a clip


@dataclass(frozen=True)
class VideoFacts:
    """What a whole forward pass tells: frames that really decode, size in pixels, frames a second if known."""

    num_frames: int
    height: int
    width: int
    frames_per_second: float | None
    bits: int


def facts(path: Path, stop: int | None = None) -> VideoFacts:
    """Decode and count, the whole file or its first `stop` frames.

    Raises FormatError if it does not decode, has fewer than two frames or lacks frames that it should have
    (formats.film_damage).
    """
    size = None  # of the pictures: the header may say otherwise
    with _opened(path) as (container, stream):
        tally = Tally(container, stream)
        for frame in _tallied(tally):
            _check_size(path, frame)
            size = size or (frame.height, frame.width)
            check_same_size(path, (frame.height, frame.width), size)
            if tally.num_decoded == stop:
                break
        fault = tally.fault(is_whole=tally.num_decoded != stop)
        rate = stream.average_rate
        bits = _bits(stream)
    if fault is not None:
        raise FormatError(f"{path}: {fault}: the film is cut short or damaged; replace the file")
    if size is None or tally.num_decoded < _MIN_FRAMES:
        raise FormatError(
            f"{path}: {tally.num_decoded} frames decode, a clip needs at least {_MIN_FRAMES}; replace the file"
        )
    return VideoFacts(tally.num_decoded, *size, float(rate) if rate else None, bits)


def _tallied(tally: Tally) -> Iterator[Any]:
    """The frames of a film, each after the packets that it came from."""
    for packet in tally.container.demux():
        tally.packet(packet)
        if packet.stream_index == tally.stream.index:
            for frame in packet.decode():
                tally.frame(frame)
                yield frame


def read(path: Path, indices: Indices, pixels: Pixels = "rgb24") -> Frames:
    """The frames at ascending 0-based indices (repeats allowed), in the order asked for.

    Shape (T, H, W, 3) uint8 for "rgb24", (T, H, W) uint8 for "gray" and uint16 for "gray16le". Raises FormatError if
    the file does not decode as far as the last index.
    """
    wanted = [int(index) for index in indices]
    if not wanted or wanted[0] < 0 or wanted != sorted(wanted):
        raise ValueError(f"indices must be ascending and not negative, found {wanted}")
    pictures: dict[int, Frames] = {}
    as_pixels = _converter(pixels)
    with _opened(path) as (container, stream):
        missing = iter(sorted(set(wanted)))
        target = next(missing)
        for number, frame in enumerate(container.decode(stream)):
            if number == target:
                _check_size(path, frame)
                pictures[number] = as_pixels(frame)
                check_picture(path, pictures[number], pictures[wanted[0]], len(wanted))
                if number == wanted[-1]:
                    break
                target = next(missing)
    if wanted[-1] not in pictures:
        raise FormatError(f"{path}: frame {wanted[-1]} was asked for, the file ends before; run `dvc repro ingest`")
    return np.stack([pictures[index] for index in wanted])


def footage(path: Path) -> Footage:
    """A colour video, or the part of one that a path such as `v.mp4#seconds=3-7.5` names."""
    return _footage(path, "rgb24", "rgb")


def grey_footage(path: Path) -> Footage:
    """A video of one channel: "grey16" if it is one of 16 bits, else "grey8" (of colours and other depths, brightness).

    The decoder stretches 10 or 14 bits to 16, which would change the counts of a radiometric camera.
    """
    with _opened(Path(segments.parse(str(path))[0])) as (_container, stream):
        pixels = stream.codec_context.format
        deep = pixels is not None and len(pixels.components) == 1 and _bits(stream) == 16
    return _footage(path, "gray16le", "grey16") if deep else _footage(path, "gray", "grey8")


def _footage(path: Path, pixels: Pixels, layout: str) -> Footage:
    name, segment = segments.parse(str(path))
    file = Path(name)
    if segment is None:
        return Footage(layout, lambda: facts(file).num_frames, lambda indices: read(file, indices, pixels))
    rate = _rate(file)
    first = segment.frames(sys.maxsize, rate).start

    def count() -> int:
        recorded = facts(file, segment.frames(sys.maxsize, rate).stop)
        return len(segment.frames(recorded.num_frames, rate))

    return Footage(layout, count, lambda indices: read(file, [first + int(index) for index in indices], pixels))


def rate(path: Path) -> float | None:
    """Frames a second as the file says it, of a part that a path names too; None where it says nothing."""
    return _rate(Path(segments.file_of(str(path))))


def write(path: Path, frames: Frames, *, frames_per_second: int, codec: str) -> None:
    """Write (T, H, W, 3) uint8 as colour or (T, H, W) uint8 / uint16 as grey video; the same frames give the same file.

    `codec` is "libx264" or "mpeg4" (lossy, 8 bit) or "ffv1" (lossless, also 16 bit; container avi or mkv).
    """
    import av

    source = "rgb24" if frames.ndim == 4 else ("gray16le" if frames.dtype == np.uint16 else "gray")
    stored = source if codec == "ffv1" and frames.ndim == 3 else ("bgr0" if codec == "ffv1" else "yuv420p")
    container_format = {".mp4": "mp4", ".avi": "avi", ".mkv": "matroska"}[path.suffix]
    with whole(path) as scratch, av.open(str(scratch), "w", format=container_format) as container:
        container.flags |= 0x0400  # bit-exact: no library version in the file
        options = _X264 if codec == "libx264" else {}
        stream: Any = container.add_stream(codec, rate=Fraction(frames_per_second), options=options)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = stored
        stream.codec_context.thread_count = 1
        stream.codec_context.flags |= 1 << 23  # bit-exact
        if codec == "mpeg4":
            stream.codec_context.qmax = 4
        for picture in frames:
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format=source)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


@contextmanager
def _opened(path: Path) -> Iterator[tuple[Any, Any]]:
    """Open the first video stream; every fault of the decoder becomes a FormatError with the path."""
    import av  # .1 s: only who decodes pays, and whoever knows a dataset imports this module

    outside.check_file(path, "a video")
    try:
        # Old avi files carry titles in any encoding; they are none of our business.
        with av.open(str(path), metadata_errors="ignore", options=_CONTAINERS) as container:
            if not container.streams.video:
                raise FormatError(f"{path}: no video stream in the file; replace the file")
            stream = container.streams.video[0]
            if stream.codec_context is None:
                raise FormatError(f"{path}: no decoder for its video; convert it, say to H.264")
            stream.codec_context.thread_count = 1  # parallelism is by processes
            yield container, stream
    except (av.FFmpegError, OSError, MemoryError) as error:
        what = " ".join(str(error).split()).replace(f": '{path}'", "")
        raise FormatError(f"{path}: does not decode as video ({what}); replace the file") from None


def _converter(pixels: Pixels) -> Callable[[Any], Frames]:
    """Converts frames to arrays of one pixel format.

    A frame's own method would set up a new converter with threads each time, which takes far longer.
    """
    from av.video.reformatter import VideoReformatter

    reformatter = VideoReformatter()

    def converted(frame: Any) -> Frames:
        array: Frames = reformatter.reformat(frame, format=pixels, threads=1).to_ndarray()
        return array

    return converted


def _rate(path: Path) -> float | None:
    with _opened(path) as (_container, stream):
        return float(stream.average_rate) if stream.average_rate else None


def _check_size(path: Path, frame: Any) -> None:
    if frame.width * frame.height > _MAX_PIXELS:
        raise FormatError(f"{path}: a frame of {frame.width} x {frame.height} pixels is more than this code reads")


def _bits(stream: Any) -> int:
    components = stream.codec_context.format.components if stream.codec_context.format else []
    return max((int(component.bits) for component in components), default=8)
