"""The boxes of a film against closed forms: what is seen of a thing, whose it is, and what it is called."""

import numpy as np
import pytest
from PIL import Image

from pipeline.core.boxes import Boxes
from pipeline.core.joints import NTU25
from pipeline.formats.shared import Skeleton
from pipeline.world import overlay
from pipeline.world.bodies import Sizes, sampled_body
from pipeline.world.cameras import Camera, seen
from pipeline.world.figures import Solids, dressed, furniture, prop, together
from pipeline.world.film import Film, Room, filmed
from pipeline.world.poses import at_rest, placed
from pipeline.world.rasterizer import Lens

LENS = Lens(height=72, width=96, focal_px=78.0)
CAMERA = Camera(azimuth_degrees=0.0, distance_m=3.2, height_m=1.1)
ROOM = Room(2.0, np.full(3, 0.4), np.full(3, 0.6), np.array([0.0, 1.0, 0.0]))


def rng(seed=0):
    return np.random.default_rng(seed)


def ball(xyz_T3, radius, name="ball"):
    xyz_T13 = np.array(xyz_T3, np.float64)[:, None]
    parts = np.array([radius]), np.full((1, 3), 0.5), np.array([21.0]), np.zeros(1, np.int64)
    return Solids(xyz_T13, xyz_T13, *parts, (name,))


def boxes_of(*solids):
    found = filmed(together(list(solids)), ROOM, CAMERA, LENS, rng()).boxes
    return list(zip(found.frame_K.tolist(), found.labels, found.corners_K4.tolist(), strict=True))


def test_a_box_is_the_outline_of_a_ball():
    ((frame, label, (x0, y0, x1, y1)),) = boxes_of(ball([(0, 1.1, 0)], 0.3))
    half = 78.0 * 0.3 / np.sqrt(3.2**2 - 0.3**2)  # the cone that touches the ball
    assert (frame, label) == (0, "ball")
    assert (x0 + x1, y0 + y1) == (96, 72)  # on the axis of the camera
    assert (x0, y0, x1, y1) == pytest.approx((48 - half, 36 - half, 48 + half, 36 + half), abs=0.6)


def test_a_thing_has_a_box_in_every_frame_that_shows_it():
    moves = ball([(-0.5, 1.1, 0), (0.5, 1.1, 0), (9.0, 1.1, 0)], 0.2)
    (first, _, left), (second, _, right) = boxes_of(moves)
    assert (first, second) == (0, 1)
    assert left[0] + left[2] + right[0] + right[2] == pytest.approx(2 * 96, abs=1)
    assert abs(right[0] - left[0]) == pytest.approx(78 / 3.2, abs=1)


def test_what_is_hidden_or_hardly_to_be_seen_has_no_box():
    behind, before = (0, 1.1, -1.0), (0, 1.1, 0)
    assert [label for _, label, _ in boxes_of(ball([behind], 0.1, "small"), ball([before], 0.4, "big"))] == ["big"]
    assert boxes_of(ball([before], 1.1 * 3.2 / 78)) == []  # some four pixels
    assert len(boxes_of(ball([before], 2.0 * 3.2 / 78))) == 1  # some twelve


def test_all_parts_of_a_person_are_one_thing_and_others_are_others():
    joints = placed(sampled_body(rng(), Sizes(mean=1.0, deviation=0.06)), at_rest(2))
    still = [(1.2, 1.5, 0)] * 2
    found = boxes_of(dressed(joints, rng()), ball(still, 0.15, "cup"), ball([(-1.2, 1.5, 0)] * 2, 0.15, "plate"))
    assert [(frame, label) for frame, label, _ in found] == [
        (frame, label) for frame in (0, 1) for label in ("person", "cup", "plate")
    ]
    pixels = LENS.pixels(seen(CAMERA, joints)[0])
    (x0, y0, x1, y1), cup, plate = (corners for _, _, corners in found[:3])
    low, high = pixels.min(axis=0), pixels.max(axis=0)
    assert (x0, y0) == pytest.approx(low, abs=6)
    assert (x1, y1) == pytest.approx(high, abs=6)
    assert min(cup[0], plate[0]) < 24
    assert max(cup[2], plate[2]) > 72


def test_things_are_called_what_they_look_like():
    joints = np.repeat(placed(sampled_body(rng(), Sizes(mean=1.0, deviation=0.06)), at_rest(1)), 9, axis=0)
    held = [prop(joints, rng(seed)) for seed in range(20)]
    assert {some.things for some in held} == {("ball",), ("stick",)}
    for some in held:
        assert (some.things == ("ball",)) == np.array_equal(some.start_TN3, some.stop_TN3)
    room = furniture(1, 40, 2.0, rng())
    assert room.thing_N.tolist() == list(range(40))
    for name, along_3 in zip(room.things, (room.stop_TN3 - room.start_TN3)[0], strict=True):
        assert {"ball": (0, 0, 0), "bar": (1, 0, 0), "pole": (0, 1, 0)}[name] == tuple((along_3 > 0).astype(int))


def test_the_overlay_draws_the_boxes_of_a_frame_into_that_frame(tmp_path):
    boxes = Boxes(np.array([1]), np.array([[20, 10, 40, 30]], np.float32), ("cup",))
    pictures = np.zeros((3, 72, 96))
    film = Film(pictures.astype(np.uint16), np.zeros((3, 72, 96, 3), np.uint8), pictures.astype(np.float32), boxes)
    nobody = Skeleton(NTU25.name, np.full((1, 3, 25, 3), np.nan, np.float32), (1,))
    overlay.draw(tmp_path / "a.png", nobody, film, LENS)
    drawn = (np.asarray(Image.open(tmp_path / "a.png")) == (255, 220, 0)).all(axis=-1)
    # Without a person the window is around the boxes: 14 to 46 of 96 pixels, 5 to 35 of 72, seven times as large.
    shown = drawn[overlay._HEAD :, overlay._SIDE : overlay._SIDE + 7 * 32]
    assert shown.shape == (3 * 7 * 30, 7 * 32)
    rows, columns = np.nonzero(shown)
    assert (rows.min(), rows.max() + 1) == (7 * (30 + 10 - 5), 7 * (30 + 30 - 5))
    assert (columns.min(), columns.max() + 1) == (7 * (20 - 14), 7 * (40 - 14))


def test_without_a_person_and_boxes_the_overlay_is_the_whole_picture(tmp_path):
    boxes = Boxes(np.zeros(0, np.int64), np.zeros((0, 4), np.float32), ())
    pictures = np.zeros((3, 72, 96))
    film = Film(pictures.astype(np.uint16), np.zeros((3, 72, 96, 3), np.uint8), pictures.astype(np.float32), boxes)
    nobody = Skeleton(NTU25.name, np.full((1, 3, 25, 3), np.nan, np.float32), (1,))
    overlay.draw(tmp_path / "a.png", nobody, film, LENS)
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.size == (overlay._SIDE + 4 * 2 * 96, overlay._HEAD + 3 * 2 * 72)
