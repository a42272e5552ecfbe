"""Films that are cut short or have holes are refused with both numbers; whole ones of every container pass."""

import shutil
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from pipeline.core.errors import FormatError
from pipeline.formats import video

NUM_FRAMES, RATE, MILLISECONDS = 72, 25, 40
# name -> codec, its options, B-frames
FILMS: dict[str, tuple[str, dict[str, str], int]] = {
    "a.avi": ("mpeg4", {}, 0),
    "b-frames.avi": ("mpeg4", {}, 2),
    "a.mp4": ("libx264", {}, 0),
    "b-frames.mp4": ("libx264", {}, 2),
    "index-first.mp4": ("libx264", {}, 2),
    "a.mkv": ("libx264", {}, 0),
    "b-frames.mkv": ("libx264", {}, 2),
    "vp9.webm": ("libvpx-vp9", {"deadline": "realtime", "cpu-used": "8"}, 0),
    "vp8.webm": ("libvpx", {"auto-alt-ref": "1", "lag-in-frames": "16", "deadline": "good", "cpu-used": "5"}, 0),
}
STEADY = [MILLISECONDS * place for place in range(NUM_FRAMES)]
HOLE = 8000  # bytes


def pictures() -> list[np.ndarray]:
    """Noise that moves: no frame compresses to little, so that a hole of some thousand bytes holds several."""
    noise = np.random.default_rng(0).integers(0, 255, (64, 96, 3), dtype=np.uint8)
    return [np.roll(noise, 3 * place, axis=1) for place in range(NUM_FRAMES)]


def write(path: Path, times: list[int], *, sound: float = 0.0) -> Path:
    """A film whose frames are shown at so many milliseconds, beside so many seconds of silence."""
    codec, options, num_b = FILMS[path.name.removeprefix("sound-").removeprefix("uneven-")]
    unit = Fraction(1, RATE) if path.suffix == ".avi" else Fraction(1, 1000)
    moved = {"movflags": "faststart"} if "index" in path.name else {}
    with av.open(str(path), "w", options=moved) as container:
        stream: Any = container.add_stream(codec, rate=RATE, options=options)
        stream.height, stream.width, stream.pix_fmt = 64, 96, "yuv420p"
        context = stream.codec_context
        context.gop_size, context.max_b_frames, context.thread_count, context.time_base = 12, num_b, 1, unit
        audio = container.add_stream("libopus" if path.suffix == ".webm" else "mp2", rate=48000) if sound else None
        for picture, milliseconds in zip(pictures(), times, strict=True):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.time_base, frame.pts = unit, round(Fraction(milliseconds, 1000) / unit)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if audio is not None:
            silence(container, audio, sound)
    return path


def silence(container: Any, audio: Any, seconds: float) -> None:
    for place in range(int(seconds * 48000 / 960)):
        kind = audio.codec_context.format.name
        samples = np.zeros((2, 960) if kind.endswith("p") else (1, 1920), np.float32 if "flt" in kind else np.int16)
        frame = av.AudioFrame.from_ndarray(samples, format=kind, layout="stereo")
        frame.sample_rate, frame.time_base, frame.pts = 48000, Fraction(1, 48000), 960 * place
        container.mux(audio.encode(frame))
    container.mux(audio.encode(None))


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every film, whole."""
    folder = tmp_path_factory.mktemp("films")
    for name in FILMS:
        write(folder / name, STEADY)
    return folder


def decoded(path: Path) -> int:
    """The frames that decode, as any player would count them."""
    with av.open(str(path), metadata_errors="ignore") as container:
        return sum(1 for _ in container.decode(video=0))


@pytest.mark.parametrize("name", FILMS)
def test_a_whole_film_passes(films: Path, name: str) -> None:
    assert video.facts(films / name).num_frames == NUM_FRAMES


@pytest.mark.parametrize("name", FILMS)
@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
def test_a_film_that_is_cut_short_is_refused_with_both_numbers(
    films: Path, tmp_path: Path, name: str, share: float
) -> None:
    whole = (films / name).read_bytes()
    (tmp_path / name).write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(FormatError, match=r"frames decode, \d+ should: the film is cut short|does not decode") as told:
        video.facts(tmp_path / name)
    if not name.endswith("mp4"):
        assert f": {decoded(tmp_path / name)} frames decode, {NUM_FRAMES} should" in str(told.value) or "mkv" in name


@pytest.mark.parametrize("name", FILMS)
@pytest.mark.parametrize("place", [0.15, 0.3, 0.5, 0.65, 0.8])
@pytest.mark.parametrize("num_bytes", [300, HOLE])
def test_a_hole_shifts_no_index_unnoticed(films: Path, tmp_path: Path, name: str, place: float, num_bytes: int) -> None:
    """Either the film is refused, or at most two frames are missing."""
    damaged = bytearray((films / name).read_bytes())
    first = int(len(damaged) * place)
    damaged[first : first + num_bytes] = bytes(num_bytes)
    (tmp_path / name).write_bytes(damaged)
    try:
        found = video.facts(tmp_path / name).num_frames
    except FormatError as error:
        assert "should: the film is cut short or damaged" in str(error) or "does not decode" in str(error)  # noqa: PT017
    else:
        assert NUM_FRAMES - 2 <= found <= NUM_FRAMES


@pytest.mark.parametrize("name", ["a.avi", "a.mkv", "b-frames.mkv", "vp9.webm", "vp8.webm"])
def test_a_hole_of_several_frames_is_refused_with_the_number_of_the_whole(
    films: Path, tmp_path: Path, name: str
) -> None:
    damaged = bytearray((films / name).read_bytes())
    first = len(damaged) // 2
    damaged[first : first + HOLE] = bytes(HOLE)
    (tmp_path / name).write_bytes(damaged)
    left = decoded(tmp_path / name)
    assert left < NUM_FRAMES - 2
    with pytest.raises(FormatError, match=rf": {left} frames decode, {NUM_FRAMES} should: "):
        video.facts(tmp_path / name)


@pytest.mark.parametrize("name", FILMS)
def test_a_whole_film_of_uneven_times_passes(tmp_path: Path, name: str) -> None:
    """A second and a half without a frame, and frames 20 to 200 ms apart; the film begins late."""
    steps = np.random.default_rng(1).integers(40, 200, NUM_FRAMES)
    steps[40] += 1500
    times = np.cumsum(steps) // 40 * 40 if name.endswith("avi") else np.cumsum(steps)
    path = write(tmp_path / f"uneven-{name}", times.tolist())
    assert video.facts(path).num_frames == decoded(path) == NUM_FRAMES


@pytest.mark.parametrize("name", ["a.avi", "b-frames.mp4", "b-frames.mkv", "vp9.webm"])
@pytest.mark.parametrize("seconds", [1.5, 6.0])
def test_sound_that_is_shorter_or_longer_than_the_film_takes_no_part(tmp_path: Path, name: str, seconds: float) -> None:
    path = write(tmp_path / f"sound-{name}", STEADY, sound=seconds)
    assert video.facts(path).num_frames == NUM_FRAMES
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * 0.4)])
    with pytest.raises(FormatError, match=r"should: the film is cut short or damaged|does not decode"):
        video.facts(path)


def test_a_part_of_a_cut_film_is_good_as_far_as_the_film_goes(films: Path, tmp_path: Path) -> None:
    whole = (films / "vp9.webm").read_bytes()
    (tmp_path / "a.webm").write_bytes(whole[: len(whole) // 2])
    there = decoded(tmp_path / "a.webm")
    assert video.footage(Path(f"{tmp_path}/a.webm#frames=5-20")).num_frames == 15
    with pytest.raises(FormatError, match=f"{there} frames decode, {NUM_FRAMES} should"):
        _ = video.footage(Path(f"{tmp_path}/a.webm#frames=5-60")).num_frames
    with pytest.raises(FormatError, match="should: the film is cut short"):
        _ = video.grey_footage(tmp_path / "a.webm").num_frames


def test_a_part_behind_a_hole_is_refused(films: Path, tmp_path: Path) -> None:
    damaged = bytearray((films / "a.mkv").read_bytes())
    damaged[len(damaged) // 4 : len(damaged) // 4 + HOLE] = bytes(HOLE)
    (tmp_path / "a.mkv").write_bytes(damaged)
    with pytest.raises(FormatError, match="frames decode, "):
        _ = video.footage(Path(f"{tmp_path}/a.mkv#frames=40-50")).num_frames


def test_a_film_without_a_promise_passes(films: Path, tmp_path: Path) -> None:
    """A stream that was never finished says no duration: nobody can tell that it is short."""
    with (
        av.open(str(films / "vp9.webm")) as whole,
        av.open(str(tmp_path / "a.webm"), "w", options={"live": "1"}) as live,
    ):
        stream = live.add_stream_from_template(whole.streams.video[0])
        for packet in whole.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                live.mux(packet)
    data = (tmp_path / "a.webm").read_bytes()
    (tmp_path / "a.webm").write_bytes(data[: len(data) // 2])
    assert 10 < video.facts(tmp_path / "a.webm").num_frames < NUM_FRAMES


REAL = {
    "v_SoccerJuggling_g23_c01.avi": 240,
    "hmdb51_Turnk_r_Pippi_Michel_cartwheel_f_cm_np2_le_med_6.avi": 83,
    "TrumanShow_wave_f_nm_np1_fr_med_26.avi": 48,
    "SOX5yA1l24A.mp4": 332,
}


@pytest.mark.parametrize(("name", "num_frames"), REAL.items())
def test_real_films_pass_whole_and_are_refused_damaged(
    real_data: Path, tmp_path: Path, name: str, num_frames: int
) -> None:
    film = tmp_path / name
    shutil.copy(real_data / "videos" / name, film)
    assert video.facts(film).num_frames == num_frames
    whole = film.read_bytes()
    film.write_bytes(whole[: int(len(whole) * 0.6)])
    with pytest.raises(FormatError, match=r"should: the film is cut short or damaged|does not decode"):
        video.facts(film)
    first = len(whole) // 5
    film.write_bytes(whole[:first] + bytes(20_000) + whole[first + 20_000 :])
    with pytest.raises(FormatError, match=r"should: the film is cut short or damaged|does not decode"):
        video.facts(film)
