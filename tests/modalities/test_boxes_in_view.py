"""What lies in a box of the recording lies in that box of the prepared array, whatever a recipe cuts and scales."""

from dataclasses import replace

import numpy as np
import pytest

from pipeline import modalities
from pipeline.core import members
from pipeline.core.boxes import Boxes
from pipeline.core.errors import DataError, ParamsError
from pipeline.core.joints import KINECT20
from pipeline.formats.shared import Footage, Skeleton
from pipeline.modalities import shared

SAMPLING = {"num_frames": 3, "stride": 2, "position": 1.0}  # of 8 frames 3, 5 and 7
TEMPERATURES = {"sensor": "centikelvin", "low_celsius": 10.0, "high_celsius": 40.0}
DEPTH = {"sensor": "demo", "unit": "metres", "margin": 0.1}
GRID = {"sampling": SAMPLING, "height": 24, "width": 32}
# Modality, recipe, options, what a pixel is without and with the thing, channels of the array.
CASES = {
    "video-small": ("small", GRID, np.uint8(30), np.uint8(220)),
    "video-clip": ("clip", {"sampling": SAMPLING, "size": 32}, np.uint8(30), np.uint8(220)),
    "thermal-display": ("display", {**GRID, "sensor": "plain", "stretch": "none"}, np.uint8(30), np.uint8(220)),
    "thermal-clip": ("clip", {"sampling": SAMPLING, "size": 32, "stretch": "none"}, np.uint8(30), np.uint8(220)),
    "thermal-radiometric": ("radiometric", {**GRID, **TEMPERATURES}, np.uint16(29000), np.uint16(31000)),
    "depth-metric-none": ("metric", {**GRID, **DEPTH, "crop": "none"}, np.uint16(1500), np.uint16(3000)),
    "depth-metric-mask": ("metric", {**GRID, **DEPTH, "crop": "mask"}, np.uint16(1500), np.uint16(3000)),
    "depth-metric-skeleton": ("metric", {**GRID, **DEPTH, "crop": "skeleton"}, np.uint16(1500), np.uint16(3000)),
}
for grey in ("nearness", "disparity"):
    options = {"sampling": SAMPLING, "size": 32, "sensor": "demo", "grey": grey}
    CASES[f"depth-clip-{grey}"] = ("clip", options, np.uint16(1500), np.uint16(3000))
LAYOUTS = {"video": "rgb", "depth": "depth_mm"}
HEIGHT, WIDTH, BOX = 72, 96, (40, 24, 52, 42)  # x0 y0 x1 y1


def filmed(modality, ground, thing):
    """Eight frames with a thing in the fifth alone, and boxes of it and of what is in frames that are not taken."""
    pictures = np.full((8, HEIGHT, WIDTH), ground)
    if modality == "depth":
        pictures[:, :12] = pictures[:, 66:] = pictures[..., :20] = pictures[..., 72:] = 0  # the mask
    x0, y0, x1, y1 = BOX
    pictures[5, y0:y1, x0:x1] = thing
    if modality == "video":
        pictures = np.repeat(pictures[..., None], 3, axis=-1)
    layout = LAYOUTS.get(modality, f"grey{8 * pictures.itemsize}")
    xyz = np.zeros((1, 8, 20, 3), np.float32)  # from 0.5 left of the axis to 0.7 right of it, as much up and down
    xyz[..., 0], xyz[..., 1], xyz[..., 2] = np.linspace(-0.5, 0.7, 20), np.linspace(0.6, -0.5, 20), 2.5
    boxes = Boxes(np.array([4, 5]), np.array([BOX, BOX], np.float32), ("gone", "thing"))
    return Footage(layout, lambda: 8, lambda indices: pictures[indices], Skeleton(KINECT20.name, xyz, (1,)), boxes)


@pytest.mark.parametrize("name", CASES)
def test_the_box_holds_what_it_held(name):
    modality = name.split("-")[0]
    recipe, options, ground, thing = CASES[name]
    footage = filmed(modality, ground, thing)
    x_THW = modalities.sense(modality).prepare(recipe, options, "here")(footage)[0]
    found = shared.box_reader(modality, recipe, options, "here")(footage)
    assert found.labels == ("thing",)
    assert found.frame_K.tolist() == [1]
    height, width = x_THW.shape[1:]
    x0, y0, x1, y1 = found.corners_K4[0] * (width, height, width, height)
    away_HW = np.abs(x_THW[1] - x_THW[0])
    rows, columns = np.nonzero(away_HW > away_HW.max() / 2)
    edges = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
    assert (x0, y0, x1, y1) == pytest.approx(edges, abs=1.0)
    assert (x1 - x0) * (y1 - y0) < 0.3 * height * width


def test_every_recipe_of_pictures_is_tried():
    recipes = [
        f"{modality}-{recipe}"
        for modality in members.names("pipeline.modalities")
        for recipe in members.names(f"pipeline.modalities.{modality}.recipes")
        if modality != "skeleton"
    ]
    assert {"-".join(name.split("-")[:2]) for name in CASES} == set(recipes)


def test_a_recipe_without_pictures_is_refused():
    with pytest.raises(ParamsError, match="recipe 'dvta50' keeps no pictures for boxes to lie in"):
        shared.box_reader("skeleton", "dvta50", {"num_frames": 50, "num_bodies": 1}, "here")


def test_footage_without_boxes_is_refused():
    footage = replace(filmed("video", np.uint8(0), np.uint8(9)), boxes=None)
    with pytest.raises(DataError, match="no boxes: the clip has none"):
        shared.box_reader("video", "small", GRID, "here")(footage)
