"""Whether frames of a film are missing, told while it is decoded once: by what its container promises and its packets.

A film that is cut short, or has a hole, still decodes; what comes after the hole has other indices than it should.
"""

import re
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from statistics import median
from typing import Any

_TOLERANCE = 2  # frames: headers of whole films are off by one or two
_STOWED = 256  # bytes between packets of Matroska that hold no frame: its own headers take some dozens
_WITH_SOUND = 1.0  # seconds: a duration that counts sound as well may be longer than the pictures
_EMPTY_MPEG4 = 8  # bytes: "as the frame before"; nothing is decoded from it
_TAG = re.compile(r"(\d{1,4}):(\d\d):(\d\d(?:\.\d{1,9})?)")


@dataclass
class Tally:
    """What went by of one film. `packet` and `frame` take what was demuxed and decoded, `fault` says what is missing.

    Times are seconds; `stream` is the film's, `container` what it lies in (of PyAV).
    """

    container: Any
    stream: Any
    num_decoded: int = 0
    num_corrupt: int = 0  # frames that the decoder had to mend
    _shown: list[float] = field(default_factory=list)  # times of packets that should give a frame
    _num_shown: int = 0
    _num_packets: int = 0
    _last_dts: int | None = None
    _end: float = 0.0
    _first_frame: float | None = None
    _byte: int | None = None  # behind the last packet of any stream
    _is_broken: bool = False  # since the last packet of the film
    _breaks: list[int] = field(default_factory=list)  # number of packets before bytes that no packet accounts for

    def packet(self, packet: Any) -> None:
        """Take in a packet of any stream."""
        is_flush = packet.dts is None and not packet.size
        if is_flush:
            return
        if packet.pos is not None and packet.pos >= 0:
            stowed = packet.pos - self._byte if self._byte is not None and self._is_matroska else 0
            self._is_broken |= stowed > _STOWED
            self._byte = packet.pos + packet.size
        if packet.stream_index == self.stream.index:
            if self._is_broken or packet.is_corrupt:
                self._breaks.append(len(self._shown))
            self._is_broken = False
            self._own(packet)

    def frame(self, frame: Any) -> None:
        """Take in a decoded frame."""
        if not self.num_decoded and frame.time is not None:
            self._first_frame = frame.time
        self.num_decoded += 1
        self.num_corrupt += bool(frame.is_corrupt)

    def fault(self, *, is_whole: bool) -> str | None:
        """What is missing, with both numbers, or None. Without `is_whole` decoding was stopped before the end."""
        lost = self._lost_in_holes()
        if is_whole:
            lost += self._lost_in_decoding() + self._lost_at_the_end()
        if lost > (_TOLERANCE if not self.num_corrupt else 0):
            return f"{self.num_decoded} frames decode, {self.num_decoded + lost} should"
        return None

    def _own(self, packet: Any) -> None:
        self._num_packets += 1
        self._last_dts = packet.dts if packet.dts is not None else self._last_dts
        is_shown = not packet.is_discard and not self._is_empty(packet)
        self._num_shown += is_shown
        if packet.pts is not None and packet.time_base:
            time = float(packet.pts * packet.time_base)
            self._end = max(self._end, time + float((packet.duration or 0) * packet.time_base))
            if is_shown:
                self._shown.append(time)

    def _is_empty(self, packet: Any) -> bool:
        """Whether a whole film's packet gives no frame: a repeated frame, or one of VP8 that others only refer to."""
        codec = self.stream.codec_context.name
        if not packet.size:
            return True
        if codec == "mpeg4":
            return int(packet.size) <= _EMPTY_MPEG4
        return codec == "vp8" and bytes(packet)[0] & 0x11 == 0x01

    def _step(self) -> float:
        """Seconds from frame to frame, in the median."""
        times = sorted(self._shown)
        steps = [after - before for before, after in pairwise(times)]
        return max(median(steps), 1e-6) if steps else 0.0

    def _lost_in_holes(self) -> int:
        """Frames whose time is left out where the demuxer skipped bytes, or met a packet that is not whole."""
        step = self._step()
        if not self._breaks or not step:
            return 0
        before = list(accumulate(self._shown, max))
        after = list(accumulate(reversed(self._shown), min))[::-1]
        inside = [place for place in self._breaks if 0 < place < len(self._shown)]
        return sum(max(0, round((after[place] - before[place - 1]) / step) - 1) for place in inside)

    def _lost_in_decoding(self) -> int:
        """Packets that gave no frame, without those before the first frame, which a film cut from another may have."""
        if not self._is_counted:
            return 0
        first = self._first_frame
        early = 0 if first is None else sum(time < first for time in self._shown)
        return max(0, self._num_shown - early - self.num_decoded)

    def _lost_at_the_end(self) -> int:
        """Frames that the container promises after the last packet."""
        if self.container.format.name == "avi":  # whose times count frames
            return max(0, self.stream.frames - self._last_dts - 1) if self._last_dts is not None else 0
        times, step = sorted(self._shown), self._step()
        promised = self._promised_end(times[0]) if times else None
        if promised is None or not step:
            return 0
        widest = max(after - before for before, after in pairwise(times))
        missing = promised - self._end
        if missing <= max((_TOLERANCE + 0.5) * step, widest):  # a last picture may stand still
            return 0
        return max(0, self.stream.frames - self._num_packets) if self.stream.frames else round(missing / step)

    def _promised_end(self, first: float) -> float | None:
        """When the film ends by its container, as far as that tells of the pictures."""
        if not self._is_matroska:
            duration = self.stream.duration if self._is_counted else None
            return first + float(duration * self.stream.time_base) if duration else None
        if tag := _TAG.fullmatch(self.stream.metadata.get("DURATION", "")):
            return int(tag[1]) * 3600 + int(tag[2]) * 60 + float(tag[3])
        if self.container.duration is None:
            return None
        is_alone = len(self.container.streams) == 1
        return float(self.container.duration) / 1e6 - (0 if is_alone else _WITH_SOUND)

    @property
    def _is_counted(self) -> bool:
        """Whether a packet is a frame; in a transport stream it may be half of one."""
        return self._is_matroska or self.container.format.name == "avi" or "mp4" in self.container.format.name

    @property
    def _is_matroska(self) -> bool:
        return "matroska" in self.container.format.name
