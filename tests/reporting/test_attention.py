"""Pictures of attention: what gets more is seen to get more."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.reporting import attention
from pipeline.reporting.attention import ClipAttention


@pytest.fixture(name="frames_SHW3")
def _frames() -> np.ndarray:
    return np.full((4, 24, 32, 3), 200, np.uint8)


def _looked(frames_SHW3: np.ndarray, visual_RS: np.ndarray) -> ClipAttention:
    return ClipAttention(frames_SHW3, ["[CLS]", "jump"], visual_RS, np.array([[0.0], [0.25]]))


def _pixels(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path).convert("RGB")).astype(int)


def test_the_frame_that_gets_all_is_the_darkest(tmp_path: Path, frames_SHW3: np.ndarray) -> None:
    first, last = np.eye(4)[[0, 0]], np.eye(4)[[3, 3]]
    for name, visual_RS in (("first", first), ("last", last)):
        attention.draw(tmp_path / f"{name}.png", _looked(frames_SHW3, visual_RS))
    one, other = _pixels(tmp_path / "first.png"), _pixels(tmp_path / "last.png")
    below = slice(attention._HEIGHT + attention._GAP + 2, attention._HEIGHT + attention._CELL)
    changed = np.flatnonzero((one != other)[below].any(axis=(0, 2)))
    middle = (one.shape[1] + attention._NAMES) // 2
    left, right = changed[changed < middle], changed[changed >= middle]
    assert one[below][:, left].mean() < other[below][:, left].mean()
    assert one[below][:, right].mean() > other[below][:, right].mean()


def test_what_a_token_may_not_see_stays_blank(tmp_path: Path, frames_SHW3: np.ndarray) -> None:
    attention.draw(tmp_path / "a.png", _looked(frames_SHW3, np.full((2, 4), 0.25)))
    pixels = _pixels(tmp_path / "a.png")
    row, column = attention._HEIGHT + attention._GAP + attention._CELL // 2, pixels.shape[1] - attention._CELL // 2
    assert pixels[row, column - attention._GAP].tolist() == [255, 255, 255]  # CLS to the word


def test_cells_say_their_share_and_columns_of_words_their_word(tmp_path: Path, frames_SHW3: np.ndarray) -> None:
    """Nearly alike shares, as a small network's are: the colours hardly differ, the figures do."""
    even, other = np.full((2, 4), 0.25), np.array([[0.25, 0.25, 0.24, 0.26]] * 2)
    for name, visual_RS in (("even", even), ("other", other)):
        attention.draw(tmp_path / f"{name}.png", _looked(frames_SHW3, visual_RS))
    difference = np.abs(_pixels(tmp_path / "even.png") - _pixels(tmp_path / "other.png"))
    assert difference.max() > 100  # ink, not shade
    named = _pixels(tmp_path / "even.png")[: attention._HEIGHT, -attention._WORD :]
    assert (named < 100).any()  # the word stands over its column


def test_names_of_rows_stand_whole(tmp_path: Path, frames_SHW3: np.ndarray) -> None:
    attention.draw(tmp_path / "a.png", _looked(frames_SHW3, np.full((2, 4), 0.25)))
    assert (_pixels(tmp_path / "a.png")[:, : attention._GAP] == 255).all()


def test_the_most_attended_region_is_the_brightest(tmp_path: Path, frames_SHW3: np.ndarray) -> None:
    boxes_K4 = np.array([[0.0, 0.0, 0.4, 0.4], [0.6, 0.6, 1.0, 1.0]])
    attention.draw_regions(tmp_path / "r.png", frames_SHW3, np.array([0, 0]), boxes_K4, np.array([0.9, 0.1]))
    frame = _pixels(tmp_path / "r.png")[: 2 * attention._HEIGHT]
    height = len(frame)
    width = height * 32 // 24
    much, little = frame[height // 5, width // 5], frame[height * 4 // 5, width * 4 // 5]
    assert much.sum() > little.sum() > frame[height * 4 // 5, width // 5].sum()


def test_only_five_regions_are_framed(tmp_path: Path, frames_SHW3: np.ndarray) -> None:
    boxes_K4 = np.array([[0.1 * k, 0.0, 0.1 * k + 0.08, 0.5] for k in range(8)])
    share_K = np.array([0.3, 0.2, 0.15, 0.1, 0.1, 0.05, 0.05, 0.05])
    attention.draw_regions(tmp_path / "all.png", frames_SHW3, np.zeros(8, np.int64), boxes_K4, share_K)
    attention.draw_regions(tmp_path / "five.png", frames_SHW3, np.zeros(5, np.int64), boxes_K4[:5], share_K[:5])
    assert (_pixels(tmp_path / "all.png") == _pixels(tmp_path / "five.png")).all()


def test_a_box_beyond_the_picture_is_cut(tmp_path: Path, frames_SHW3: np.ndarray) -> None:
    attention.draw_regions(
        tmp_path / "r.png", frames_SHW3, np.array([0]), np.array([[0.99999, -1.0, 2.0, 1e-9]]), np.array([1.0])
    )
    assert _pixels(tmp_path / "r.png").shape[0] == 2 * attention._HEIGHT


def test_frames_are_cut_to_where_something_moves_and_numbered(tmp_path: Path) -> None:
    frames_SHW3 = np.full((4, 48, 96, 3), 90, np.uint8)
    for number in range(4):
        frames_SHW3[number, 16:32, 40 + 2 * number : 48 + 2 * number] = 250
    even = np.full((2, 4), 0.25)
    attention.draw(tmp_path / "a.png", _looked(frames_SHW3, even))
    shown = _pixels(tmp_path / "a.png")[: attention._HEIGHT, attention._NAMES :]
    attention.draw(tmp_path / "b.png", _looked(np.full_like(frames_SHW3, 90), even))
    still = _pixels(tmp_path / "b.png")[: attention._HEIGHT, attention._NAMES :]
    assert shown.shape[1] < 0.8 * still.shape[1]  # nothing moves: whole frames
    assert (shown == 250).all(axis=-1).mean() > 2 * 8 * 16 / (48 * 96)
    words = still[: attention._LINE, :60]
    assert (words.max() > 250, words.min() < 60) == (True, True)  # a light name with a dark edge
    grouped = ClipAttention(np.full_like(frames_SHW3, 90), ["[CLS]", "jump"], even, np.array([[0.0], [0.25]]), 4)
    attention.draw(tmp_path / "c.png", grouped)
    assert (_pixels(tmp_path / "c.png") != _pixels(tmp_path / "b.png")).any()  # frames 1, 5, ...


def test_regions_are_cut_out_together_with_their_rank_and_share(
    tmp_path: Path, frames_SHW3: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    boxes_K4 = np.array([[0.4, 0.4, 0.5, 0.5], [0.5, 0.5, 0.6, 0.6]])
    frame_K = np.array([0, 3])
    window = attention._around(boxes_K4)
    assert np.allclose(window, [1 / 3, 1 / 3, 2 / 3, 2 / 3])
    words: list[str] = []
    tag = attention._tag
    monkeypatch.setattr(attention, "_tag", lambda pen, at, text: (words.append(text), tag(pen, at, text)))
    attention.draw_regions(tmp_path / "a.png", frames_SHW3, frame_K, boxes_K4, np.array([0.5, 0.25]))
    assert words == ["1: 50 %", "frame 1", "frame 3", "1: 25 %", "frame 4"]
    one = _pixels(tmp_path / "a.png")
    lit = (one[:, : 2 * attention._HEIGHT] == 200).all(axis=-1)
    assert lit.mean() > 0.04  # of the whole frame it would be .01


def test_without_regions_the_frames_are_whole(tmp_path: Path, frames_SHW3: np.ndarray) -> None:
    nothing = np.zeros(0, np.int64), np.zeros((0, 4)), np.zeros(0)
    attention.draw_regions(tmp_path / "r.png", frames_SHW3, *nothing)
    assert _pixels(tmp_path / "r.png").shape[1] > 3 * 2 * attention._HEIGHT
